//! `server.forward-headers-strategy`: the gateway's own view of a request comes from forwarded headers.
//!
//! Anybody can send these headers; the setting says that only a proxy in front can reach this port.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue};

use super::forwarded;
use crate::exchange::Original;
use crate::filter::header_value;

/// Scheme, host and client as the first proxy saw them. `Forwarded` wins over `X-Forwarded-*`.
pub fn apply(original: &mut Original, headers: &HeaderMap) {
    let standard = headers.get(http::header::FORWARDED).and_then(|value| value.to_str().ok());
    if let Some(line) = standard {
        for (name, value) in forwarded::elements(line).into_iter().next().unwrap_or_default() {
            match name.to_ascii_lowercase().as_str() {
                "proto" => original.secure = value.eq_ignore_ascii_case("https"),
                "host" => original.host = header_value(&value).or(original.host.take()),
                "for" => client(original, &value),
                _ => {}
            }
        }
        return;
    }
    if let Some(proto) = first(headers, "x-forwarded-proto") {
        original.secure = proto.eq_ignore_ascii_case("https");
    }
    let port = first(headers, "x-forwarded-port").and_then(|port| port.parse::<u16>().ok());
    if let Some(host) = first(headers, "x-forwarded-host") {
        original.host = with_port(&host, port, original.secure).or(original.host.take());
    }
    if let Some(address) = first(headers, "x-forwarded-for") {
        client(original, &address);
    }
}

fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let line = headers.get(name)?.to_str().ok()?;
    line.split(',').next().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn with_port(host: &str, port: Option<u16>, secure: bool) -> Option<HeaderValue> {
    let usual = if secure { 443 } else { 80 };
    match port.filter(|port| *port != usual && !host.contains(':')) {
        Some(port) => header_value(&format!("{host}:{port}")),
        None => header_value(host),
    }
}

/// `1.2.3.4`, `1.2.3.4:5`, `[::1]:5`; a name that is hidden (`unknown`) leaves the peer.
fn client(original: &mut Original, text: &str) {
    let address = text.parse::<SocketAddr>().ok().or_else(|| {
        Some(SocketAddr::new(text.trim_matches(['[', ']']).parse::<IpAddr>().ok()?, original.peer.port()))
    });
    if let Some(address) = address {
        original.peer = address;
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::apply;
    use crate::exchange::Original;

    fn seen(headers: &[(&'static str, &'static str)]) -> (String, String, &'static str) {
        let mut original = Original {
            uri: http::uri::PathAndQuery::from_static("/"),
            host: Some(HeaderValue::from_static("own")),
            peer: "10.0.0.1:7".parse().unwrap(),
            local: "10.0.0.2:80".parse().unwrap(),
            secure: false,
            version: http::Version::HTTP_11,
            accept: None,
            certificate: None,
        };
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        apply(&mut original, &headers);
        let host = original.host.as_ref().unwrap().to_str().unwrap().to_owned();
        (original.peer.to_string(), host, original.scheme())
    }

    #[test]
    fn the_first_proxys_view_counts() {
        for (headers, peer, host, scheme) in [
            (&[][..], "10.0.0.1:7", "own", "http"),
            (
                &[
                    ("x-forwarded-for", "1.2.3.4, 5.6.7.8"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "front"),
                ][..],
                "1.2.3.4:7",
                "front",
                "https",
            ),
            (
                &[("x-forwarded-host", "front"), ("x-forwarded-port", "8443")][..],
                "10.0.0.1:7",
                "front:8443",
                "http",
            ),
            (
                &[("forwarded", "for=\"[::1]:5\";host=f.example;proto=https, for=9.9.9.9")][..],
                "[::1]:5",
                "f.example",
                "https",
            ),
            (&[("forwarded", "for=unknown")][..], "10.0.0.1:7", "own", "http"),
        ] {
            assert_eq!(seen(headers), (peer.to_owned(), host.to_owned(), scheme), "{headers:?}");
        }
    }
}
