//! Durations: `10s`, `500ms`, `PT1M30S`, or a bare number in the unit that the setting names.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::{Problem, codes};

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `ns`
    Nanos,
    /// `us`
    Micros,
    /// `ms`
    Millis,
    /// `s`
    Seconds,
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "ns" => Self::Nanos,
            "us" => Self::Micros,
            "ms" => Self::Millis,
            "s" => Self::Seconds,
            "m" => Self::Minutes,
            "h" => Self::Hours,
            "d" => Self::Days,
            _ => return None,
        })
    }

    fn nanos(self) -> u64 {
        match self {
            Self::Nanos => 1,
            Self::Micros => 1_000,
            Self::Millis => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
            Self::Days => 86_400_000_000_000,
        }
    }
}

/// Reads a duration; a bare number has the unit asked for.
pub fn parse_duration(text: &str, bare: Unit) -> Result<std::time::Duration, Problem> {
    let trimmed = text.trim();
    simple(trimmed, bare).or_else(|| iso(trimmed)).ok_or_else(|| {
        let message = if trimmed.trim_start_matches(['+', 'p', 'P', 't', 'T']).starts_with('-') {
            "a duration may not be negative"
        } else {
            "not a duration"
        };
        Problem::new(codes::BAD_DURATION, message)
            .found(text)
            .hint("a number with ns, us, ms, s, m, h or d, such as 10s")
    })
}

fn simple(text: &str, bare: Unit) -> Option<std::time::Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let amount = digits.parse::<u64>().ok()?;
    let unit = if unit.is_empty() { bare } else { Unit::named(unit)? };
    from_nanos(u128::from(amount) * u128::from(unit.nanos()))
}

/// ISO-8601 as `java.time.Duration.parse`: `P2DT3H4M5.5S`, without calendar units.
fn iso(text: &str) -> Option<std::time::Duration> {
    let upper = text.to_ascii_uppercase();
    let body = upper.strip_prefix('+').unwrap_or(&upper).strip_prefix('P')?;
    let (days, time) = body.split_once('T').map_or((body, None), |(days, time)| (days, Some(time)));
    let mut nanos = 0_u128;
    let mut any = false;
    if !days.is_empty() {
        nanos += u128::from(days.strip_suffix('D')?.parse::<u64>().ok()?) * u128::from(Unit::Days.nanos());
        any = true;
    }
    let mut rest = time.unwrap_or_default();
    if time.is_some() && rest.is_empty() {
        return None;
    }
    for (letter, unit) in [('H', Unit::Hours), ('M', Unit::Minutes)] {
        if let Some((number, tail)) = rest.split_once(letter) {
            nanos += u128::from(number.parse::<u64>().ok()?) * u128::from(unit.nanos());
            rest = tail;
            any = true;
        }
    }
    if let Some(number) = rest.strip_suffix('S') {
        let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        nanos += u128::from(whole.parse::<u64>().ok()?) * u128::from(Unit::Seconds.nanos());
        nanos += format!("{fraction:0<9}").parse::<u128>().ok()?;
        rest = "";
        any = true;
    }
    if any && rest.is_empty() { from_nanos(nanos) } else { None }
}

fn from_nanos(nanos: u128) -> Option<std::time::Duration> {
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    Some(std::time::Duration::new(seconds, rest))
}

/// A duration whose bare numbers are milliseconds, Spring's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        duration_millis::deserialize(deserializer).map(Self)
    }
}

struct Bare(Unit);

impl Visitor<'_> for Bare {
    type Value = std::time::Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 10s")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        parse_duration(text, self.0).map_err(|problem| E::custom(crate::bind::carried(&problem)))
    }

    fn visit_u64<E: de::Error>(self, amount: u64) -> Result<Self::Value, E> {
        self.visit_str(&amount.to_string())
    }

    fn visit_i64<E: de::Error>(self, amount: i64) -> Result<Self::Value, E> {
        self.visit_str(&amount.to_string())
    }
}

macro_rules! with_module {
    ($name:ident, $unit:ident, $doc:literal) => {
        #[doc = $doc]
        pub mod $name {
            use serde::Deserializer;

            /// For `#[serde(with = "…")]`.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                deserializer: D,
            ) -> Result<std::time::Duration, D::Error> {
                deserializer.deserialize_str(super::Bare(super::Unit::$unit))
            }

            /// The same for settings that may be absent.
            pub mod option {
                use serde::{Deserialize, Deserializer};

                #[derive(Deserialize)]
                struct Wrapped(#[serde(deserialize_with = "super::deserialize")] std::time::Duration);

                /// For `#[serde(with = "…")]`.
                pub fn deserialize<'de, D: Deserializer<'de>>(
                    deserializer: D,
                ) -> Result<Option<std::time::Duration>, D::Error> {
                    Ok(Option::<Wrapped>::deserialize(deserializer)?.map(|wrapped| wrapped.0))
                }
            }
        }
    };
}

with_module!(duration_millis, Millis, "serde `with`: a duration whose bare numbers are milliseconds.");
with_module!(duration_seconds, Seconds, "serde `with`: a duration whose bare numbers are seconds.");

#[cfg(test)]
mod tests {
    use super::{Unit, parse_duration};

    #[test]
    fn durations_read_as_in_spring() {
        for (text, nanos) in [
            ("10", 10_000_000_u128),
            ("10s", 10_000_000_000),
            ("10S", 10_000_000_000),
            ("500ms", 500_000_000),
            ("7us", 7_000),
            ("7ns", 7),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("1d", 86_400_000_000_000),
            ("+5s", 5_000_000_000),
            (" 5s ", 5_000_000_000),
            ("PT10S", 10_000_000_000),
            ("pt1m30s", 90_000_000_000),
            ("PT0.5S", 500_000_000),
            ("P1DT1H", 90_000_000_000_000),
            ("P1D", 86_400_000_000_000),
        ] {
            assert_eq!(parse_duration(text, Unit::Millis).unwrap().as_nanos(), nanos, "{text}");
        }
        assert_eq!(parse_duration("30", Unit::Seconds).unwrap().as_secs(), 30);
        for text in [
            "1m30s",
            "",
            "s",
            "10x",
            "1.5s",
            "-1s",
            "PT",
            "P",
            "PT1",
            "P1Y",
            "10 s",
            "PT-1S",
            "99999999999999999999",
        ] {
            assert_eq!(parse_duration(text, Unit::Millis).unwrap_err().code, "WS-1206", "{text}");
        }
    }
}
