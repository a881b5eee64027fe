//! From a logical address (`lb://orders/7`, `http://orders/7`) and an instance to a real one.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use thiserror::Error;

use crate::Instance;

/// An address that cannot be balanced.
#[derive(Debug, Error)]
#[error("not an address of a service: `{address}`, expected for example `lb://orders/7`")]
pub struct AddressError {
    /// What was asked for.
    pub address: String,
}

/// `original` with scheme, host and port of `instance`. Path, query, fragment and user stay as they are written:
/// what is percent-encoded already is not encoded again.
///
/// # Errors
/// When `original` has no scheme or no host.
pub fn real_address(original: &str, instance: &Instance) -> Result<String, AddressError> {
    let bad = || AddressError { address: original.to_owned() };
    let (scheme, rest) = original.split_once("://").ok_or_else(bad)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or_else(bad)?;
    let user = authority.rfind('@').and_then(|at| authority.get(..=at)).unwrap_or_default();
    if authority.len() == user.len() || scheme.is_empty() {
        return Err(bad());
    }
    let (scheme, host, port) = (real_scheme(scheme, instance), instance.host(), instance.port());
    let (open, close) = if host.contains(':') && !host.starts_with('[') { ("[", "]") } else { ("", "") };
    Ok(format!("{scheme}://{user}{open}{host}{close}:{port}{path}"))
}

/// The instance's own scheme, else the original's, upgraded when the instance is secure; `lb` is plain HTTP.
fn real_scheme<'a>(original: &'a str, instance: &'a Instance) -> &'a str {
    let scheme = instance.scheme().unwrap_or(original);
    let scheme = if scheme.eq_ignore_ascii_case("lb") { "http" } else { scheme };
    match scheme {
        "http" if instance.secure() => "https",
        "ws" if instance.secure() => "wss",
        other => other,
    }
}

/// What a path segment may hold as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@');

/// Appends a value as one segment of a path: slashes and everything else that means something are encoded.
pub fn push_segment(address: &mut String, value: &impl std::fmt::Display) {
    let text = value.to_string();
    match text.as_str() {
        // Alone in a segment, dots would be taken for a way up.
        "." => address.push_str("%2E"),
        ".." => address.push_str("%2E%2E"),
        text => address.extend(utf8_percent_encode(text, PLAIN)),
    }
}

/// The service named by a logical address: its host.
pub(crate) fn service_of(address: &str) -> Result<String, AddressError> {
    named_by(address).map(|(host, _)| host)
}

/// The host that an address names, in lower case, and whether it names a port, which makes a logical address a real one.
pub(crate) fn named_by(address: &str) -> Result<(String, bool), AddressError> {
    if let Some(host) = plain_host(address) {
        return Ok((host.to_owned(), false));
    }
    let bad = || AddressError { address: address.to_owned() };
    let uri: Uri = address.parse().map_err(|_| bad())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
    Ok((host.to_lowercase(), uri.port().is_some()))
}

/// An address of which only the rules can tell whether it is too long.
const LONG: usize = 4096;

/// The host of an address as nearly all are, `scheme://host/path?query` in plain letters: known without all the rules of addresses.
fn plain_host(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://").filter(|_| address.len() < LONG)?;
    let (host, path) = rest.split_once('/')?;
    let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~?=&".contains(&byte);
    let known = matches!(scheme, "lb" | "http" | "https");
    let host_is_plain =
        host.starts_with(|letter: char| letter.is_ascii_lowercase()) && host.bytes().all(name);
    (known && host_is_plain && path.bytes().all(plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known at once is what the rules of addresses say.
    #[test]
    fn the_short_way_to_a_host_leads_to_the_same_one() {
        for address in [
            "lb://orders/7",
            "http://orders/a/b?c=d&e=f",
            "https://order-service-2/",
            "lb://orders",
            "lb://Orders/7",
            "http://orders:80/7",
            "http://10.0.0.1/x",
            "http://user@orders/x",
            "lb://orders?x=/y",
            "lb://a/%20#f",
            "lb:///7",
            "orders/7",
            "lb://-/x",
            "ftp://orders/x",
        ] {
            let uri = address.parse::<Uri>().ok();
            let long = uri.as_ref().and_then(|uri| uri.host()).filter(|host| !host.is_empty());
            if let Some(host) = plain_host(address) {
                assert_eq!(long, Some(host), "{address}");
                assert!(uri.as_ref().is_some_and(|uri| uri.port().is_none()), "{address}");
            }
            assert_eq!(service_of(address).ok(), long.map(str::to_lowercase), "{address}");
        }
        assert_eq!(plain_host("lb://orders/7"), Some("orders"));
    }

    #[test]
    fn a_balanced_scheme_becomes_http_or_https() {
        let plain = Instance::new("orders", "a", "h1", 8080);
        assert_eq!(real_address("lb://orders/7", &plain).unwrap(), "http://h1:8080/7");
        assert_eq!(real_address("lb://orders/7", &plain.with_secure(true)).unwrap(), "https://h1:8080/7");
        assert!(real_address("orders/7", &Instance::new("o", "a", "h", 1)).is_err());
        assert!(real_address("lb:///7", &Instance::new("o", "a", "h", 1)).is_err());
    }

    #[test]
    fn long_addresses() {
        let examples =
            ["lb://orders/a/b?c=d#e", "http://user:p@orders:80/x", "https://[::1]:8443/", "lb://ORDERS"];
        let words =
            ["lb:", "//", "/", ":", "@", "?", "#", "[", "]", "%2F", "%", "\\", " ", "\u{e9}", "..", "http"];
        wellspring_test_support::fuzz::text("addresses of services", &examples, &words, |text, _| {
            let service = service_of(text);
            if let Some(host) = plain_host(text) {
                assert_eq!(text.parse::<Uri>().unwrap().host(), Some(host), "{text:?}");
            }
            let mut address = String::from("http://h/");
            push_segment(&mut address, &text);
            let path = url::Url::parse(&address).unwrap();
            assert_eq!(path.host_str(), Some("h"), "{text:?} became {address}");
            assert!(path.query().is_none() && path.fragment().is_none(), "{text:?} became {address}");
            drop(service);
        });
    }
}
