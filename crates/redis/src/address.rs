//! Where Redis is: `spring.data.redis` (or `spring.redis`, as before Spring Boot 3).

use std::fmt;
use std::time::Duration;

use rustls::ClientConfig;
use wellspring_properties::value::{Unit, parse_duration};
use wellspring_properties::{Environment, Problem};
use wellspring_tls::Bundle;

use crate::codes::SETTINGS;

const PREFIXES: [&str; 2] = ["spring.data.redis", "spring.redis"];

/// A password, not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

/// Where Redis is and how one signs in.
#[derive(Clone)]
pub struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
    /// For an answer.
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: Option<ClientConfig>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.host, self.port, self.database)
    }
}

impl Address {
    /// Do the settings say where Redis is?
    #[must_use]
    pub fn is_configured(env: &Environment) -> bool {
        PREFIXES
            .iter()
            .any(|prefix| ["host", "url", "port"].iter().any(|key| env.contains(&format!("{prefix}.{key}"))))
    }

    /// `patience`: for an answer, when `timeout` does not say. The original waits a minute.
    pub fn read(env: &Environment, patience: Duration) -> Result<Self, Problem> {
        let key = |name: &str| PREFIXES.map(|prefix| format!("{prefix}.{name}"));
        let text = |name: &str| {
            key(name)
                .into_iter()
                .find_map(|key| env.get(&key).filter(|text| !text.is_empty()).map(|text| (key, text)))
        };
        for name in ["cluster", "sentinel"] {
            if let Some(key) = key(name).into_iter().find(|key| env.contains(key)) {
                return Err(Problem::new(
                    SETTINGS,
                    format!("{key}: Redis clusters and sentinels are not offered"),
                )
                .hint("spring.data.redis.host and port"));
            }
        }
        let bad = |key: &str, what: &str, found: &str| {
            Problem::new(SETTINGS, format!("{key} is not {what}")).at(env.origin(key)).found(found)
        };
        let number = |name: &str, default: u32| match text(name) {
            Some((key, text)) => text.parse().map_err(|_| bad(&key, "a number", &text)),
            None => Ok(default),
        };
        let duration = |name: &str, default: Duration| match text(name) {
            Some((key, text)) => {
                parse_duration(&text, Unit::Millis).map_err(|_| bad(&key, "a duration", &text))
            }
            None => Ok(default),
        };
        let flag = |name: &str| text(name).is_some_and(|(_, text)| text.eq_ignore_ascii_case("true"));
        let bundle = text("ssl.bundle").map(|(_, name)| Bundle::named(env, &name)).transpose()?;
        let mut secure = flag("ssl.enabled") || flag("ssl") || bundle.is_some();
        let mut address = Self {
            host: text("host").map_or_else(|| "localhost".to_owned(), |(_, text)| text),
            port: u16::try_from(number("port", 6379)?)
                .map_err(|_| Problem::new(SETTINGS, "the port of Redis is above 65535"))?,
            username: text("username").map(|(_, text)| text),
            password: text("password").map(|(_, text)| Secret(text)),
            database: number("database", 0)?,
            timeout: duration("timeout", patience)?,
            connect_timeout: duration("connect-timeout", patience)?,
            tls: None,
        };
        if let Some((key, url)) = text("url") {
            secure |= address.take_url(&url).ok_or_else(|| {
                // A url may hold a password.
                bad(&key, "a Redis url", "******").hint("redis://host:6379/0, or rediss:// for TLS")
            })?;
        }
        if secure {
            let tls = wellspring_tls::client::config(&bundle.unwrap_or_default());
            address.tls =
                Some(tls.map_err(|error| Problem::new(SETTINGS, format!("TLS to Redis: {error}")))?);
        }
        Ok(address)
    }

    /// What a url says wins over single settings. `Some(true)`: by TLS.
    fn take_url(&mut self, text: &str) -> Option<bool> {
        let url = url::Url::parse(text).ok()?;
        let secure = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return None,
        };
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        self.host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        self.port = url.port().unwrap_or(6379);
        if let Some(password) = url.password() {
            self.username = Some(decode(url.username())).filter(|name| !name.is_empty());
            self.password = Some(Secret(decode(password)));
        }
        if let Ok(database) = url.path().trim_matches('/').parse() {
            self.database = database;
        }
        Some(secure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellspring_properties::PropertySource;

    fn read(pairs: &[(&str, &str)]) -> Result<Address, Problem> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let env = Environment::new(vec![PropertySource::of_pairs("test", pairs)], Vec::new());
        Address::read(&env, Duration::from_secs(5))
    }

    #[test]
    fn settings_old_names_and_urls() {
        let plain = read(&[]).unwrap();
        assert_eq!((plain.to_string(), plain.tls.is_some()), ("localhost:6379/0".into(), false));
        let old = read(&[("spring.redis.host", "old"), ("spring.redis.timeout", "2s")]).unwrap();
        assert_eq!((old.host.as_str(), old.timeout), ("old", Duration::from_secs(2)));
        let url = read(&[("spring.data.redis.url", "rediss://ada:l%40ve@db:7000/3")]).unwrap();
        assert_eq!((url.to_string(), url.tls.is_some()), ("db:7000/3".into(), true));
        assert_eq!(
            (url.username.as_deref(), url.password.map(|secret| secret.0).as_deref()),
            (Some("ada"), Some("l@ve"))
        );
    }

    #[test]
    fn mistakes_are_named_and_passwords_are_not() {
        for (key, value) in [
            ("spring.data.redis.url", "http://:hunter2@x/"),
            ("spring.data.redis.port", "x"),
            ("spring.data.redis.timeout", "soon"),
            ("spring.data.redis.cluster.nodes", "a:1"),
        ] {
            let problem = read(&[(key, value)]).unwrap_err().line();
            assert!(problem.contains("spring.data.redis") && !problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn long_urls() {
        let examples =
            ["rediss://ada:l%40ve@db:7000/3", "redis://h", "redis://:p@[::1]:6379/0?x=1", "db:6379"];
        let words = [
            "redis://",
            "rediss://",
            "unix://",
            ":",
            "@",
            "/",
            "?",
            "#",
            "%40",
            "%",
            "[",
            "]",
            "65536",
            "16",
        ];
        wellspring_test_support::fuzz::text("Redis' URLs", &examples, &words, |text, _| {
            let shown =
                match read(&[("spring.data.redis.url", text), ("spring.data.redis.password", "s3cret")]) {
                    Ok(address) => format!("{address} {address:?}"),
                    Err(problem) => problem.line(),
                };
            assert!(!shown.contains("s3cret") && !shown.contains("l@ve"), "{text}: {shown}");
        });
    }
}
