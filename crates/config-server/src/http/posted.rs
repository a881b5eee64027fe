//! Bodies of `/encrypt` and `/decrypt`, as the original's container hands them on.
//!
//! A form is written anew by it from its fields, with those of the query, before anybody reads it; what curl sends by default is
//! such a form, with one name and no value.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use indexmap::IndexMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use wellspring_daemon::{Request, body};

use super::reply::Failure;

/// Bytes of a body; certificates and keys are far smaller.
const LARGEST: usize = 1 << 20;
/// Kept by Java's encoder besides letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// A text, and whether it is one by its type.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) text: String,
    /// `text/plain` without a parameter; with one the original takes it for something else.
    plain: bool,
}

impl Posted {
    /// Both a body and its type are required.
    pub(super) async fn read(request: Request) -> Result<Self, Failure> {
        let (head, incoming) = request.into_parts();
        let bytes: Bytes =
            body::limited(incoming, LARGEST).await.map_err(|refused| Failure::status(refused.status()))?;
        if !head.headers.contains_key(CONTENT_TYPE) {
            return Err(Failure::status(StatusCode::BAD_REQUEST));
        }
        let posted = Self::of(&head.headers, head.uri.query(), &bytes)
            .ok_or_else(|| Failure::status(StatusCode::UNSUPPORTED_MEDIA_TYPE))?;
        if posted.text.is_empty() { Err(Failure::status(StatusCode::BAD_REQUEST)) } else { Ok(posted) }
    }

    /// `None`: a type that cannot be read.
    fn of(headers: &HeaderMap, query: Option<&str>, bytes: &[u8]) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let (kind, parameters) = value.split_once(';').unwrap_or((value, ""));
        let kind = kind.trim().to_ascii_lowercase();
        kind.split_once('/').filter(|(kind, sub)| !kind.is_empty() && !sub.is_empty())?;
        let charset = parameters.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            name.trim().eq_ignore_ascii_case("charset").then_some(value)
        });
        let text = match charset.as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii") => String::from_utf8_lossy(bytes).into_owned(),
            Some("iso-8859-1" | "latin1") => bytes.iter().copied().map(char::from).collect(),
            Some(_) => return None,
        };
        let text =
            if kind == "application/x-www-form-urlencoded" { written_anew(query, bytes) } else { text };
        Some(Self { text, plain: kind == "text/plain" && parameters.trim().is_empty() })
    }

    /// This text was meant for a form and is to be decoded.
    pub(super) fn is_form(&self, text: &str) -> bool {
        !self.plain && text.ends_with('=')
    }
}

/// Fields of query and body, those of one name together; what cannot be decoded, or has no name, is left out.
fn written_anew(query: Option<&str>, body: &[u8]) -> String {
    let mut fields: IndexMap<String, Vec<String>> = IndexMap::new();
    let query = query.unwrap_or_default().as_bytes();
    for field in query.split(|byte| *byte == b'&').chain(body.split(|byte| *byte == b'&')) {
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if let (false, Some(name), Some(value)) = (name.is_empty(), decoded(name), decoded(value)) {
            fields.entry(name).or_default().push(value);
        }
    }
    let pairs = fields.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string().replace("%20", "+")
}

/// `None`: a per cent sign without two digits.
pub(super) fn decoded(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        let (digits, after) = rest.get(at + 1..)?.split_first_chunk::<2>()?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = after;
    }
    let blanks: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Some(percent_decode(&blanks).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, query: Option<&str>, body: &str) -> Option<(String, bool)> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        Posted::of(&headers, query, body.as_bytes()).map(|posted| {
            let form = posted.is_form(&posted.text);
            (posted.text, form)
        })
    }

    #[test]
    fn forms_are_written_anew_and_types_are_judged() {
        let form = "application/x-www-form-urlencoded";
        for (kind, query, body, text, is_form) in [
            (form, None, "AYC+x/", "AYC+x%2F=", true),
            (form, None, "AYC+x/==", "AYC+x%2F=%3D", false),
            (form, None, "{key:a}AYC", "%7Bkey%3Aa%7DAYC=", true),
            (form, None, "a=1&b&a=2&=x&%zz=3&%", "a=1&a=2&b=", true),
            (form, Some("q=1"), "a%41 *", "q=1&aA+*=", true),
            (form, None, "%", "", false),
            ("text/plain", None, "a=", "a=", false),
            ("TEXT/plain ;", None, "a=", "a=", false),
            ("text/plain;charset=UTF-8", None, "a=", "a=", true),
            ("application/octet-stream", None, "a+b", "a+b", false),
            ("text/plain; charset=\"iso-8859-1\"", None, "é", "Ã©", false),
        ] {
            assert_eq!(read(kind, query, body), Some((text.to_owned(), is_form)), "{kind} {body}");
        }
        for kind in ["junk", "text/", "text/plain;charset=nope"] {
            assert_eq!(read(kind, None, "x"), None, "{kind}");
        }
        assert_eq!(decoded(b"a+%C3%A9%2").as_deref(), None);
        assert_eq!(decoded(b"a+%C3%A9").as_deref(), Some("a é"));
    }

    #[test]
    fn long_forms() {
        let examples = ["a=b&c=d+e%20f", "{cipher}AQ==", "mysecret=", "%C3%A9=1&&x"];
        let words = ["&", "=", "%", "%00", "%zz", "+", "%C3", "é", "\u{0}", ";", "="];
        wellspring_test_support::fuzz::run(
            "posted forms",
            &examples.map(str::as_bytes),
            &words,
            |bytes, rng| {
                let query = String::from_utf8_lossy(bytes).into_owned();
                let query = rng.bool().then_some(query.as_str());
                for kind in
                    ["application/x-www-form-urlencoded", "text/plain", "application/json;charset=latin1"]
                {
                    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind.parse().unwrap())]);
                    if let Some(posted) = Posted::of(&headers, query, bytes) {
                        posted.is_form(query.unwrap_or_default());
                    }
                }
                decoded(bytes);
            },
        );
    }
}
