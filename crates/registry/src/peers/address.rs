//! Where a peer is: the base URL as configured, without its credentials, which become a header.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{ACCEPT, AUTHORIZATION};
use percent_encoding::percent_decode_str;
use url::Url;

#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    base: Url,
    authorization: Option<HeaderValue>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str())
    }
}

impl Address {
    /// Adds the slash at the end that configured URLs often lack.
    pub fn parse(text: &str) -> Result<Self, url::ParseError> {
        let mut base = Url::parse(text.trim())?;
        if base.host_str().is_none() {
            return Err(url::ParseError::EmptyHost);
        }
        let user = percent_decode_str(base.username()).decode_utf8_lossy().into_owned();
        let password = base.password().map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let mut authorization = None;
        if !user.is_empty() || password.is_some() {
            let plain = format!("{user}:{}", password.unwrap_or_default());
            let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)));
            authorization = value.ok().map(|mut value| {
                value.set_sensitive(true);
                value
            });
            base.set_username("").map_err(|()| url::ParseError::EmptyHost)?;
            base.set_password(None).map_err(|()| url::ParseError::EmptyHost)?;
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { base, authorization })
    }

    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.base.port_or_known_default().unwrap_or_default()
    }

    /// The URL of a path below the base.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Asks for a path below the base, as JSON.
    pub fn get(&self, http: &reqwest::Client, path: &str) -> reqwest::RequestBuilder {
        let request = http.get(self.url(path)).header(ACCEPT, "application/json");
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value),
            None => request,
        }
    }

    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header_and_are_never_shown() {
        let address = Address::parse(" http://user:p%40ss@host:8761/eureka").unwrap();
        assert_eq!(address.url("apps/"), "http://host:8761/eureka/apps/");
        assert_eq!(address.authorization().unwrap(), "Basic dXNlcjpwQHNz");
        let shown = format!("{address} {address:?} {:?}", address.authorization());
        assert!(!shown.contains("p@ss") && !shown.contains("dXNl"), "{shown}");
        assert!(Address::parse("not a url").is_err());
    }
}
