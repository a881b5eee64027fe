//! Date-times of After, Before and Between: ISO-8601 with offset and optional `[Zone]`, or epoch milliseconds.

use jiff::Timestamp;
use wellspring_properties::Problem;

use crate::route::args::Args;

/// Epoch milliseconds of the argument.
pub(super) fn argument(args: &Args, name: &str) -> Result<i64, Problem> {
    let text = args.required(name)?;
    parse(&text).ok_or_else(|| {
        args.wrong(name, "not a date-time")
            .hint("2030-01-20T17:42:47.789-07:00[America/Denver], or epoch milliseconds")
    })
}

pub(super) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return Some(millis);
    }
    // The offset decides; the zone in brackets is only a name for it.
    let instant = text.split_once('[').map_or(text, |(before, _)| before);
    instant.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// As the actuator prints a moment.
pub(super) fn show(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_offset_decides() {
        for (text, wanted) in [
            ("1577836800000", Some(1_577_836_800_000)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01T01:00:00.5+01:00[Europe/Paris]", Some(500)),
            ("1969-12-31T17:00:00-07:00[America/Denver]", Some(0)),
            ("2020-01-01T00:00:00+00:00[UTC]", Some(1_577_836_800_000)),
            ("2020-01-01", None),
            ("yesterday", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }
}
