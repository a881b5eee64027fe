//! `X-Forwarded-For/Proto/Host/Port/Prefix` for a peer that is trusted: appended with `,`, or put in place of what is there.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use wellspring_pattern::JavaRegex;

use crate::config::{Part, XForwarded};
use crate::exchange::{Exchange, Original};
use crate::filter::{header_value, texts};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

pub(super) fn extend(exchange: &mut Exchange, trusted: &JavaRegex, config: &XForwarded) {
    let original = Arc::clone(&exchange.original);
    let headers = &mut exchange.headers;
    if config.forwarded_for.enabled {
        client(headers, &original, trusted, config.forwarded_for);
    }
    if config.proto.enabled {
        write(headers, &PROTO, original.scheme(), config.proto);
    }
    if config.prefix.enabled {
        let last = exchange.uri.path().trim_end_matches('/');
        for earlier in &exchange.earlier {
            let before = earlier.path().trim_end_matches('/');
            if let Some(prefix) = before.strip_suffix(last).filter(|prefix| !prefix.is_empty()) {
                write(headers, &PREFIX, prefix, config.prefix);
            }
        }
    }
    let (name, port) = authority(&original);
    if config.port.enabled {
        write(headers, &PORT, &port.to_string(), config.port);
    }
    if config.host.enabled {
        let usual = if original.secure { 443 } else { 80 };
        let shown = if port == usual { name.to_owned() } else { format!("{name}:{port}") };
        write(headers, &HOST, &shown, config.host);
    }
}

/// The peer comes last; each line before it that is not trusted goes. A line counts as one element, commas or not.
fn client(headers: &mut HeaderMap, original: &Original, trusted: &JavaRegex, part: Part) {
    let mut kept: Vec<String> = Vec::new();
    if part.append {
        kept.extend(texts(headers, &FOR).filter(|line| trusted.matches(line)).map(Cow::into_owned));
    }
    kept.push(original.peer.ip().to_canonical().to_string());
    if let Some(value) = header_value(&kept.join(",")) {
        headers.insert(FOR, value);
    }
}

fn write(headers: &mut HeaderMap, name: &HeaderName, value: &str, part: Part) {
    let text = if part.append && headers.contains_key(name) {
        let mut all: Vec<String> = texts(headers, name).map(Cow::into_owned).collect();
        all.push(value.to_owned());
        all.join(",")
    } else {
        value.to_owned()
    };
    if let Some(value) = header_value(&text) {
        headers.insert(name, value);
    }
}

/// Name and port of the Host header; without a port that of the scheme.
fn authority(original: &Original) -> (&str, u16) {
    let usual = if original.secure { 443 } else { 80 };
    let host = original.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') => match port.parse() {
            Ok(port) => (name, port),
            Err(_) => (host, usual),
        },
        _ => (host, usual),
    }
}
