//! The route's address becomes the target of the exchange; path and query of the route's uri are not used.

use http::Uri;
use std::sync::Arc;

use crate::error::Error;
use crate::exchange::{self, Exchange, Target};
use crate::filter::{Edit, Halt};
use crate::route::Destination;

pub(crate) const ORDER: i32 = 10_000;

#[derive(Debug)]
pub(crate) struct RouteUrl;

impl Edit for RouteUrl {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        encode_again(exchange)?;
        exchange.target = match &exchange.route.destination {
            Destination::Upstream { origin, websocket } => {
                Target::Upstream { origin: Arc::clone(origin), websocket: *websocket }
            }
            Destination::Balanced { .. } => Target::Balanced,
            Destination::Forward(_) => Target::Forward,
            Destination::Nowhere => Target::Nowhere,
            Destination::Illegal(message) => return Err(Error::Unroutable(message.clone()).into()),
        };
        Ok(())
    }
}

/// The original takes a target apart and puts it together. When a part is not encoded as Spring wants it (a `=` in a value,
/// brackets in the query), it believes that nothing is encoded yet, and every `%` becomes `%25`.
fn encode_again(exchange: &mut Exchange) -> Result<(), Error> {
    let text = exchange.uri.as_str();
    if !text.contains('%') || is_well_encoded(exchange.query().unwrap_or_default()) {
        return Ok(());
    }
    exchange.uri = exchange::parse(text.replace('%', "%25"))?;
    Ok(())
}

fn is_well_encoded(query: &str) -> bool {
    !query.contains(['[', ']'])
        && query.split('&').all(|pair| pair.split_once('=').is_none_or(|(_, value)| !value.contains('=')))
}

/// Another target altogether: address, path and query of `uri`.
pub(crate) fn redirect(exchange: &mut Exchange, uri: &Uri) -> Result<(), Error> {
    let illegal = || Error::Unroutable(format!("no legal target: {uri}"));
    let scheme = uri.scheme_str().map(str::to_ascii_lowercase).ok_or_else(illegal)?;
    let path = uri.path();
    exchange.set_path(if path.is_empty() { "/" } else { path })?;
    exchange.set_query(uri.query().unwrap_or_default())?;
    exchange.target = match scheme.as_str() {
        "http" | "https" | "ws" | "wss" => {
            let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(illegal)?;
            Target::Elsewhere {
                tls: matches!(scheme.as_str(), "https" | "wss"),
                host: host.into(),
                port: uri.port_u16(),
                websocket: scheme.starts_with("ws"),
            }
        }
        "lb" => Target::Service(uri.host().filter(|host| !host.is_empty()).ok_or_else(illegal)?.into()),
        _ => Target::Nowhere,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_well_encoded;

    #[test]
    fn values_with_an_equals_sign_or_brackets_are_not_well_encoded() {
        for (query, wanted) in [
            ("", true),
            ("a=b%20c&d", true),
            ("a=/x?y", true),
            ("a=b=c", false),
            ("a[0]=b", false),
            ("a=1&b==", false),
        ] {
            assert_eq!(is_well_encoded(query), wanted, "{query}");
        }
    }
}
