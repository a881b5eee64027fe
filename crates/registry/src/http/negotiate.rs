//! Which format an answer has. Lists and single instances negotiate differently in the original, and so here.

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use wellspring_wire::eureka::Form;

use crate::view::Format;

/// For single instances and errors: the best weight wins, the first of equals; without a preference XML.
pub(super) fn single(headers: &HeaderMap) -> Option<Format> {
    let mut best: Option<(u16, u8, Format)> = None;
    let mut any = false;
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            any = true;
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1000, weight);
            let (format, exact) = match name {
                "*/*" => (Format::Xml, 0),
                _ if name.eq_ignore_ascii_case("application/*") => (Format::Xml, 1),
                _ if name.eq_ignore_ascii_case("application/json") => (Format::Json, 2),
                _ if name.eq_ignore_ascii_case("application/xml") => (Format::Xml, 2),
                _ => continue,
            };
            if weight > 0 && best.is_none_or(|(known, precise, _)| (weight, exact) > (known, precise)) {
                best = Some((weight, exact, format));
            }
        }
    }
    if any { best.map(|(_, _, format)| format) } else { Some(Format::Xml) }
}

/// For lists: JSON when the header contains that word anywhere, as long as something producible is accepted.
pub(super) fn list(headers: &HeaderMap) -> Option<Format> {
    let acceptable = single(headers)?;
    if headers.get(ACCEPT).is_none() {
        return Some(acceptable);
    }
    let json = headers.get_all(ACCEPT).iter().any(|value| contains(value.as_bytes(), b"json"));
    Some(if json { Format::Json } else { Format::Xml })
}

fn weight(text: &str) -> u16 {
    let value: f32 = text.parse().unwrap_or(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    let thousandths = (value.clamp(0.0, 1.0) * 1000.0) as u16;
    thousandths
}

/// Whether the answer may be compressed: the word alone counts, whatever its weight.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT_ENCODING).iter().any(|value| contains(value.as_bytes(), b"gzip"))
}

pub(super) fn form(headers: &HeaderMap) -> Form {
    let compact =
        headers.get("x-eureka-accept").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"compact"));
    if compact { Form::Compact } else { Form::Full }
}

/// The format of a body that came in; `None` for what is neither.
pub(super) fn sent(headers: &HeaderMap) -> Option<Format> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let name = value.split(';').next().unwrap_or_default().trim();
    if name.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else if name.eq_ignore_ascii_case("application/xml") {
        Some(Format::Xml)
    } else {
        None
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Format::{Json, Xml};

    fn accept(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        headers
    }

    #[test]
    fn formats_are_negotiated() {
        assert_eq!((single(&HeaderMap::new()), list(&HeaderMap::new())), (Some(Xml), Some(Xml)));
        for (value, one, many) in [
            ("application/json", Some(Json), Some(Json)),
            ("application/json, application/*+json", Some(Json), Some(Json)),
            ("text/plain, application/json", Some(Json), Some(Json)),
            ("application/xml", Some(Xml), Some(Xml)),
            ("*/*", Some(Xml), Some(Xml)),
            ("application/json;q=0.5, application/xml", Some(Xml), Some(Json)),
            ("application/xml;q=0.5, application/json;q=0.4, */*;q=0.1", Some(Xml), Some(Json)),
            ("application/json, */*", Some(Json), Some(Json)),
            ("*/*, text/json", Some(Xml), Some(Json)),
            ("text/html", None, None),
            ("text/json", None, None),
            ("application/vnd.x+json", None, None),
            ("application/json;q=0", None, None),
        ] {
            assert_eq!((single(&accept(value)), list(&accept(value))), (one, many), "{value}");
        }
    }
}
