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
    let bad = || AddressError { address: address.to_owned() };
    let uri: Uri = address.parse().map_err(|_| bad())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(bad)?;
    Ok((host.to_lowercase(), uri.port().is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut address = String::from("http://h/");
            push_segment(&mut address, &text);
            let path = url::Url::parse(&address).unwrap();
            assert_eq!(path.host_str(), Some("h"), "{text:?} became {address}");
            assert!(path.query().is_none() && path.fragment().is_none(), "{text:?} became {address}");
            drop(service);
        });
    }
}
