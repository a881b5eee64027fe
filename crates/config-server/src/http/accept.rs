//! Which media type a request wants.

use http::HeaderMap;
use http::header::ACCEPT;

/// The ranges of `Accept`, most wanted first; a request without the header takes anything.
pub(crate) struct Accept(Vec<Range>);

struct Range {
    kind: String,
    weight: f32,
}

impl Accept {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut ranges: Vec<Range> = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next().filter(|kind| !kind.is_empty())?.to_ascii_lowercase();
                let weight = parts
                    .find_map(|part| part.strip_prefix("q="))
                    .and_then(|q| q.parse().ok())
                    .unwrap_or(1.0);
                (weight > 0.0).then_some(Range { kind, weight })
            })
            .collect();
        if ranges.is_empty() {
            ranges.push(Range { kind: "*/*".to_owned(), weight: 1.0 });
        }
        // More weight first; of equals the more specific.
        ranges.sort_by(|a, b| {
            b.weight
                .total_cmp(&a.weight)
                .then_with(|| a.kind.matches('*').count().cmp(&b.kind.matches('*').count()))
        });
        Self(ranges)
    }

    /// The first of the offered types that the most wanted range takes.
    pub(crate) fn choose<'o>(&self, offered: &[&'o str]) -> Option<&'o str> {
        self.0.iter().find_map(|range| offered.iter().copied().find(|offer| takes(&range.kind, offer)))
    }

    /// Ranges without a wildcard, most wanted first.
    pub(crate) fn concrete(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|range| range.kind.as_str()).filter(|kind| !kind.contains('*'))
    }

    /// Whether JSON of any kind may be sent.
    pub(crate) fn takes_json(&self) -> bool {
        self.0.iter().any(|range| takes(&range.kind, "application/json") || range.kind.ends_with("+json"))
    }
}

fn takes(range: &str, offer: &str) -> bool {
    if range == "*/*" || range == offer {
        return true;
    }
    let (Some((range_type, range_sub)), Some((offer_type, offer_sub))) =
        (range.split_once('/'), offer.split_once('/'))
    else {
        return false;
    };
    let sub = match range_sub.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => offer_sub.ends_with(suffix),
        None => false,
    };
    range_type == offer_type && sub
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_type_is_chosen() {
        let offered = ["application/json", "application/vnd.x.v2+json"];
        for (accept, expected) in [
            ("", Some(offered[0])),
            ("*/*", Some(offered[0])),
            ("application/*", Some(offered[0])),
            ("application/vnd.x.v2+json", Some(offered[1])),
            ("application/json;q=0.5, application/vnd.x.v2+json", Some(offered[1])),
            ("text/html, application/json;q=0.5", Some(offered[0])),
            ("*/*;q=0.1, application/vnd.x.v2+json;q=0.2", Some(offered[1])),
            ("application/xml", None),
            ("application/vnd.x.v1+json", None),
            ("application/json;q=0", Some(offered[0])),
        ] {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(Accept::of(&headers).choose(&offered), expected, "{accept}");
        }
    }

    #[test]
    fn long_accept() {
        let examples = [
            "text/html, application/json;q=0.9, */*;q=0.1",
            "application/vnd.spring-boot.actuator.v3+json",
            "*/*;q=0",
        ];
        let words = [
            ",",
            ";",
            "q=",
            "*/*",
            "/",
            "application/json",
            "application/*",
            "+json",
            "1.0001",
            "NaN",
            "-1",
            "\"",
            " ",
        ];
        wellspring_test_support::fuzz::text("Accept", &examples, &words, |text, _| {
            let mut headers = HeaderMap::new();
            if let Ok(value) = text.parse() {
                headers.insert(http::header::ACCEPT, value);
            }
            let accept = Accept::of(&headers);
            let offered = ["text/plain", "application/json"];
            assert!(accept.choose(&offered).is_none_or(|chosen| offered.contains(&chosen)));
            assert!(accept.concrete().all(|range| !range.contains('*')), "{text:?}");
            accept.takes_json();
        });
    }
}
