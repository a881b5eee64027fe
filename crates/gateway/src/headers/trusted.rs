//! Whom to believe: `trusted-proxies` is one regular expression that must match the whole address.
//!
//! Unset, nobody is trusted, and what clients send as `Forwarded` or `X-Forwarded-*` is dropped.

use std::net::IpAddr;

use http::HeaderMap;
use wellspring_pattern::JavaRegex;

use super::{forwarded, x_forwarded};
use crate::config::Config;
use crate::exchange::Exchange;

/// Does the pattern cover the address?
#[must_use]
pub fn is_trusted(pattern: &JavaRegex, address: IpAddr) -> bool {
    pattern.matches(&address.to_canonical().to_string())
}

/// Rewrites or removes both families of headers, on the request as the upstream will get it.
pub fn apply(exchange: &mut Exchange, config: &Config) {
    let peer = exchange.original.peer.ip();
    let mut names = exchange.headers.keys().map(|name| name.as_str().as_bytes());
    if config.trusted_proxies.is_none() && !names.any(|name| matches!(name, [b'f' | b'x', ..])) {
        return;
    }
    let Some(pattern) = config.trusted_proxies.as_ref().filter(|pattern| is_trusted(pattern, peer)) else {
        remove_x_forwarded(&mut exchange.headers);
        exchange.headers.remove(http::header::FORWARDED);
        return;
    };
    if config.forwarded {
        forwarded::extend(&mut exchange.headers, &exchange.original, pattern, config.forwarded_by);
    } else {
        exchange.headers.remove(http::header::FORWARDED);
    }
    if config.x_forwarded.enabled {
        x_forwarded::extend(exchange, pattern, &config.x_forwarded);
    } else {
        remove_x_forwarded(&mut exchange.headers);
    }
}

/// Every name that begins with `x-forwarded-`, known or not.
fn remove_x_forwarded(headers: &mut HeaderMap) {
    let names: Vec<http::HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("x-forwarded-")).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}
