//! Headers that concern one connection only: dropped in both directions, with those that `Connection` names.

use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderName, HeaderValue};

const DEFAULT: [&str; 9] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "proxy-authorization",
    "proxy-authenticate",
    "x-application-context",
    "upgrade",
];

/// The names to drop: those of the setting, or the default ones. Framing headers are dropped in any case, or a message
/// could end where its sender did not mean.
#[must_use]
pub fn names(configured: &[String]) -> Arc<[HeaderName]> {
    let mut names: Vec<HeaderName> = if configured.is_empty() {
        DEFAULT.iter().map(|name| HeaderName::from_static(name)).collect()
    } else {
        configured.iter().filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok()).collect()
    };
    for always in [CONNECTION, http::header::TRANSFER_ENCODING] {
        if !names.contains(&always) {
            names.push(always);
        }
    }
    names.into()
}

/// Removes `names` and what `Connection` names.
pub fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    // Most messages have none of them: a look at each header costs less than a search for each name.
    if !headers.keys().any(|name| names.contains(name)) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(','))
            .filter_map(|token| HeaderName::from_bytes(token.trim().as_bytes()).ok())
            // Naming a header that says where the message goes must not make it vanish.
            .filter(|name| *name != http::header::HOST && *name != http::header::CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in names {
        headers.remove(name);
    }
}

/// gRPC asks for trailers on every hop.
pub fn keep_trailers_for_grpc(headers: &mut HeaderMap) {
    if is_grpc(headers) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// `application/grpc` and its variants.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{names, remove};

    #[test]
    fn listed_and_named_headers_go() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "X-Drop, keep-alive, host"),
            ("x-drop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("host", "h"),
            ("x-keep", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        remove(&mut headers, &names(&[]));
        let mut left: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
        left.sort_unstable();
        assert_eq!(left, ["host", "x-keep"]);
    }

    #[test]
    fn a_list_of_ones_own_never_lets_framing_through() {
        let names = names(&["x-mine".to_owned()]);
        assert!(
            names.iter().any(|name| name == "transfer-encoding") && names.iter().any(|name| name == "x-mine")
        );
        assert!(!names.iter().any(|name| name == "te"));
    }
}
