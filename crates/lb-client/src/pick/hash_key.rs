//! What calls for the same instance have in common: `wellspring.loadbalancer.hash-key`, for the consistent hash.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::COOKIE;

/// Where the key of a call is taken from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HashKey {
    /// Nowhere: calls go anywhere.
    #[default]
    None,
    /// The caller's address.
    Ip,
    /// The path.
    Path,
    /// A header's first value.
    Header(String),
    /// A cookie.
    Cookie(String),
}

impl HashKey {
    /// `ip`, `path`, `header:NAME` or `cookie:NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        match text.trim().split_once(':') {
            None if text.trim().eq_ignore_ascii_case("ip") => Some(Self::Ip),
            None if text.trim().eq_ignore_ascii_case("path") => Some(Self::Path),
            Some((kind, name)) if kind.eq_ignore_ascii_case("header") => named(name).map(Self::Header),
            Some((kind, name)) if kind.eq_ignore_ascii_case("cookie") => named(name).map(Self::Cookie),
            _ => None,
        }
    }

    /// The key of a call, if it has one.
    pub fn of<'a>(
        &self,
        headers: &'a HeaderMap,
        path: &'a str,
        caller: impl FnOnce() -> String,
    ) -> Option<Cow<'a, str>> {
        match self {
            Self::None => None,
            Self::Ip => Some(caller().into()),
            Self::Path => Some(path.into()),
            Self::Header(name) => headers.get(name)?.to_str().ok().map(Cow::Borrowed),
            Self::Cookie(name) => headers
                .get_all(COOKIE)
                .iter()
                .filter_map(|line| line.to_str().ok())
                .flat_map(|line| line.split(';'))
                .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| key == name))
                .map(|(_, value)| value.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_from_where_the_setting_says() {
        let mut headers = HeaderMap::new();
        headers.insert("x-user", "ana".parse().unwrap());
        headers.insert(COOKIE, "a=b; session=s7".parse().unwrap());
        for (text, wanted) in [
            ("ip", Some("10.0.0.7")),
            ("path", Some("/a")),
            ("header:X-User", Some("ana")),
            ("header: X-None", None),
            ("cookie:session", Some("s7")),
            ("cookie:none", None),
        ] {
            let key = HashKey::parse(text).unwrap();
            assert_eq!(key.of(&headers, "/a", || "10.0.0.7".to_owned()).as_deref(), wanted, "{text}");
        }
        for wrong in ["", "header", "header:", "user", "cookie: "] {
            assert_eq!(HashKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn long_keys_and_cookies() {
        let words = ["header:", "cookie:", "ip", "path", "=", ";", "; ", "a", "\"", ",", " "];
        wellspring_test_support::fuzz::text(
            "cookies, hash keys",
            &["cookie:a", "a=b; c=d", "header:x"],
            &words,
            |text, _| {
                let mut headers = HeaderMap::new();
                if let Ok(value) = text.parse() {
                    headers.insert(COOKIE, value);
                }
                for key in HashKey::parse(text).into_iter().chain([HashKey::Cookie("a".to_owned())]) {
                    let found = key.of(&headers, text, || text.to_owned());
                    assert!(found.is_none_or(|found| found.len() <= text.len()), "{text:?}");
                }
            },
        );
    }
}
