//! The `Forwarded` header: untrusted elements go, each other one gets a line of its own, then ours.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::FORWARDED;
use wellspring_pattern::JavaRegex;

use crate::exchange::Original;
use crate::filter::{header_value, texts};

/// Extends the header for a peer that is trusted.
pub fn extend(headers: &mut HeaderMap, original: &Original, trusted: &JavaRegex, with_by: bool) {
    let lines: Vec<String> = texts(headers, &FORWARDED).map(Cow::into_owned).collect();
    headers.remove(FORWARDED);
    let mut add = |pairs: &[(&str, &str)]| {
        if let Some(value) = header_value(&written(pairs)) {
            headers.append(FORWARDED, value);
        }
    };
    for element in lines.iter().flat_map(|line| elements(line)) {
        let believed =
            element.iter().any(|(name, value)| name.eq_ignore_ascii_case("for") && trusted.matches(value));
        if believed {
            let pairs: Vec<(&str, &str)> = element.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            add(&pairs);
        }
    }
    let host = original.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let client = original.peer.to_string();
    let local = original.local.to_string();
    let mut pairs = vec![("proto", original.scheme())];
    if let Some(host) = &host {
        pairs.push(("host", host));
    }
    pairs.push(("for", &client));
    if with_by {
        pairs.push(("by", &local));
    }
    add(&pairs);
}

/// `for=a;host=b, for=c`: elements of pairs, quotes taken off.
pub(super) fn elements(line: &str) -> Vec<Vec<(String, String)>> {
    split(line, ',')
        .into_iter()
        .map(|element| {
            split(&element, ';')
                .into_iter()
                .filter_map(|pair| {
                    let (name, value) = pair.split_once('=')?;
                    Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
                })
                .collect()
        })
        .collect()
}

/// Splits outside quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
        }
        if c == at && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn written(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(
            |(name, value)| {
                if value.contains(':') { format!("{name}=\"{value}\"") } else { format!("{name}={value}") }
            },
        )
        .collect();
    pairs.join(";")
}

#[cfg(test)]
mod tests {
    use super::{elements, written};

    #[test]
    fn elements_are_read_outside_quotes() {
        let read = elements("for=\"[2001:db8::1]:4,7\";proto=http, For=a; host=b");
        assert_eq!(read.len(), 2);
        assert_eq!(read[0][0], ("for".to_owned(), "[2001:db8::1]:4,7".to_owned()));
        assert_eq!(read[1], [("For".to_owned(), "a".to_owned()), ("host".to_owned(), "b".to_owned())]);
        assert_eq!(written(&[("for", "a:1"), ("host", "b")]), "for=\"a:1\";host=b");
    }

    #[test]
    fn long_forwarded() {
        let examples = [
            "for=1.2.3.4;host=a;proto=https, for=\"[::1]:5\";by=x",
            "for=unknown",
            "1.2.3.4, 5.6.7.8:9",
            "https",
            "a.example:8443",
        ];
        let words = [
            "for=", "host=", "proto=", "by=", "\"", ";", ",", "=", "[", "]", ":", "::1", "\\", " ", "65536",
            "\u{e9}",
        ];
        let trusted = [".*", "10\\..*"].map(|pattern| super::JavaRegex::new(pattern).unwrap());
        wellspring_test_support::fuzz::run(
            "Forwarded, X-Forwarded-*",
            &examples.map(str::as_bytes),
            &words,
            |bytes, rng| {
                let Ok(value) = http::HeaderValue::from_bytes(bytes) else { return };
                let mut headers = http::HeaderMap::new();
                for name in [
                    "forwarded",
                    "x-forwarded-for",
                    "x-forwarded-host",
                    "x-forwarded-port",
                    "x-forwarded-proto",
                ] {
                    if rng.bool() {
                        headers.append(name, value.clone());
                    }
                }
                let mut original = super::Original {
                    uri: "/".parse().unwrap(),
                    host: None,
                    peer: "10.0.0.1:5".parse().unwrap(),
                    local: "10.0.0.2:80".parse().unwrap(),
                    secure: false,
                    version: http::Version::HTTP_11,
                    accept: None,
                    certificate: None,
                };
                crate::headers::believed::apply(&mut original, &headers);
                // What is believed never becomes what cannot be sent on.
                for trusted in &trusted {
                    let mut sent = headers.clone();
                    super::extend(&mut sent, &original, trusted, rng.bool());
                    assert!(
                        sent.get_all(http::header::FORWARDED).iter().count() >= 1,
                        "{headers:?} became {sent:?}"
                    );
                }
            },
        );
    }
}
