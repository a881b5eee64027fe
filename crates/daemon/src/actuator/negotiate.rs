//! Which media type an operation answers with, from `Accept`.

use http::HeaderMap;
use http::header::ACCEPT;

use super::endpoint::Version;

pub(crate) const V3: &str = "application/vnd.spring-boot.actuator.v3+json";
pub(crate) const V2: &str = "application/vnd.spring-boot.actuator.v2+json";
pub(crate) const JSON: &str = "application/json";
/// In the order of preference.
pub(crate) const PRODUCED: [&str; 3] = [V3, V2, JSON];

/// The chosen type, or `None` when the caller accepts nothing that there is (406).
pub(crate) fn choose(headers: &HeaderMap, others: &[&'static str]) -> Option<&'static str> {
    let mut ranges: Vec<(f32, String)> = Vec::new();
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight =
                parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
            if !name.is_empty() && weight > 0.0 {
                ranges.push((weight, name));
            }
        }
    }
    let produced = || PRODUCED.into_iter().filter(|_| others.is_empty()).chain(others.iter().copied());
    if ranges.is_empty() {
        return produced().next();
    }
    // Stable: equal weights keep the caller's order.
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    ranges.iter().find_map(|(_, range)| produced().find(|kind| fits(range, kind)))
}

pub(crate) fn version(content_type: &str) -> Version {
    if content_type == V2 { Version::V2 } else { Version::V3 }
}

fn fits(range: &str, kind: &str) -> bool {
    let essence = kind.split(';').next().unwrap_or(kind);
    range == "*/*"
        || range == essence
        || range.strip_suffix("/*").is_some_and(|main| essence.split('/').next() == Some(main))
        // `application/*+json` covers the vendor types.
        || range.strip_suffix("/*+json").is_some_and(|main| {
            essence.split('/').next() == Some(main) && essence.ends_with("+json")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_decides() {
        let sba = format!("{V3}, {V2}, application/vnd.spring-boot.actuator.v1+json, application/json");
        let table: &[(&str, Option<&str>)] = &[
            ("", Some(V3)),
            ("*/*", Some(V3)),
            ("application/*", Some(V3)),
            ("application/json", Some(JSON)),
            (V2, Some(V2)),
            (&sba, Some(V3)),
            ("text/html", None),
            ("text/plain", None),
            ("text/html, application/json;q=0.9", Some(JSON)),
            ("application/json;q=0.1, */*", Some(V3)),
            ("application/json;q=0", Some(V3)),
        ];
        for (accept, expected) in table {
            let mut headers = HeaderMap::new();
            if !accept.is_empty() {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            assert_eq!(choose(&headers, &[]), *expected, "{accept}");
        }
    }
}
