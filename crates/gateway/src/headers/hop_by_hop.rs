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

/// Names to drop, with a mask that tells at a glance most names that are none of them.
#[derive(Debug, Clone)]
pub struct Names {
    names: Arc<[HeaderName]>,
    mask: u64,
}

impl Names {
    fn has(&self, name: &HeaderName) -> bool {
        self.mask & bit(name) != 0 && self.names.contains(name)
    }
}

/// One of 64 places, by length and first letter.
fn bit(name: &HeaderName) -> u64 {
    let text = name.as_str().as_bytes();
    let first = text.first().copied().unwrap_or_default();
    1 << ((usize::from(first) + 7 * text.len()) % 64)
}

/// The names to drop: those of the setting, or the default ones. Framing headers are dropped in any case, or a message
/// could end where its sender did not mean.
#[must_use]
pub fn names(configured: &[String]) -> Names {
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
    Names { mask: names.iter().map(bit).fold(0, |mask, bit| mask | bit), names: names.into() }
}

/// Removes `names` and what `Connection` names.
pub fn remove(headers: &mut HeaderMap, names: &Names) {
    // Most messages have none of them, or `Connection` alone: a look at each header costs less than a search for each name.
    if !headers.keys().any(|name| names.has(name)) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        for name in named(headers) {
            headers.remove(name);
        }
    }
    while let Some(name) = headers.keys().find(|name| names.has(name)).cloned() {
        headers.remove(name);
    }
}

/// The headers that `Connection` names.
fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    // Naming a header that says where the message goes must not make it vanish.
    let may_go = |name: &HeaderName| !matches!(*name, http::header::HOST | http::header::CONTENT_LENGTH);
    let mut named = Vec::new();
    for line in headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()) {
        for token in line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let is_meant = |name: &&HeaderName| name.as_str().as_bytes().eq_ignore_ascii_case(token);
            named.extend(headers.keys().filter(is_meant).filter(|name| may_go(name)).cloned());
        }
    }
    named
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
        let mut headers = HeaderMap::new();
        for name in ["transfer-encoding", "connection", "x-mine", "te"] {
            headers.append(name, "x".parse().unwrap());
        }
        remove(&mut headers, &names);
        assert_eq!(headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["te"]);
    }
}
