//! `spring.cloud.config.*` of a client, and what the import's location adds: `configserver:http://host:8888?fail-fast=true`.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use url::Url;
use wellspring_properties::{Environment, Problem, value};

use crate::codes;
use crate::eureka::without_credentials;

/// `spring.cloud.config.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ConfigSettings {
    /// Off: imports give nothing.
    pub enabled: bool,
    /// Servers, tried in order.
    pub uri: Vec<String>,
    /// For Basic, where the URL has no user.
    pub username: Option<String>,
    /// For Basic.
    pub password: Option<String>,
    /// Comma list of configuration names; default `spring.application.name`, else `application`.
    pub name: Option<String>,
    /// Instead of the active profiles.
    pub profile: Option<String>,
    /// Comma list of labels, tried in order.
    pub label: Option<String>,
    /// Sent as `X-Config-Token`.
    pub token: Option<String>,
    /// Sent with every request.
    pub headers: IndexMap<String, String>,
    /// Send the state of the last answer.
    pub send_state: bool,
    /// Send the list of labels as it is.
    pub send_all_labels: bool,
    /// The start fails when no server answers.
    pub fail_fast: bool,
    /// When the next server is tried.
    pub multiple_uri_strategy: UriStrategy,
    /// Longest wait for a connection.
    #[serde(with = "value::duration_millis")]
    pub request_connect_timeout: Duration,
    /// Longest wait for bytes.
    #[serde(with = "value::duration_millis")]
    pub request_read_timeout: Duration,
    /// Attempts with `fail-fast`.
    pub retry: RetrySettings,
    /// Find the server in the registry.
    pub discovery: DiscoverySettings,
}

/// When the next server is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UriStrategy {
    /// After any failure.
    #[serde(alias = "ALWAYS")]
    Always,
    /// After failures of the connection only.
    #[serde(alias = "CONNECTION_TIMEOUT_ONLY", alias = "connection_timeout_only")]
    ConnectionTimeoutOnly,
}

/// `spring.cloud.config.retry.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RetrySettings {
    /// Milliseconds before the second attempt.
    #[serde(with = "value::duration_millis")]
    pub initial_interval: Duration,
    /// Each wait is this many times the one before.
    pub multiplier: f64,
    /// No wait is longer.
    #[serde(with = "value::duration_millis")]
    pub max_interval: Duration,
    /// The first attempt included.
    pub max_attempts: u32,
    /// Spread the waits at random up to the next one.
    pub use_random_policy: bool,
}

/// `spring.cloud.config.discovery.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct DiscoverySettings {
    /// Off: `uri` is used.
    pub enabled: bool,
    /// The server's name in the registry.
    pub service_id: String,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self { enabled: false, service_id: "configserver".to_owned() }
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_millis(1000),
            multiplier: 1.1,
            max_interval: Duration::from_millis(2000),
            max_attempts: 6,
            use_random_policy: false,
        }
    }
}

impl Default for ConfigSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            uri: vec!["http://localhost:8888".to_owned()],
            username: None,
            password: None,
            name: None,
            profile: None,
            label: None,
            token: None,
            headers: IndexMap::new(),
            send_state: true,
            send_all_labels: false,
            fail_fast: false,
            multiple_uri_strategy: UriStrategy::Always,
            request_connect_timeout: Duration::from_secs(10),
            request_read_timeout: Duration::from_secs(185),
            retry: RetrySettings::default(),
            discovery: DiscoverySettings::default(),
        }
    }
}

impl ConfigSettings {
    /// From the properties, with what the location says laid over.
    ///
    /// # Errors
    /// When a value has the wrong type, or two of them contradict each other.
    pub fn from_env(env: &Environment, location: &str) -> Result<Self, Problem> {
        let mut settings: Self = env.bind("spring.cloud.config")?;
        // An empty text says as little as no text.
        for value in [
            &mut settings.username,
            &mut settings.password,
            &mut settings.name,
            &mut settings.profile,
            &mut settings.label,
            &mut settings.token,
        ] {
            *value = value.take().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        }
        settings.name = settings
            .name
            .or_else(|| env.get("spring.application.name").filter(|name| !name.trim().is_empty()));
        settings.read_location(location)?;
        if settings.headers.keys().any(|key| key.eq_ignore_ascii_case("authorization"))
            && settings.password.is_some()
        {
            return Err(Problem::new(
                codes::CONFIG_SERVER,
                "both a password and an authorization header are set",
            )
            .at(env.origin("spring.cloud.config.password"))
            .hint("leave out spring.cloud.config.password or spring.cloud.config.headers.authorization"));
        }
        Ok(settings)
    }

    fn read_location(&mut self, location: &str) -> Result<(), Problem> {
        let (uris, options) = location.split_once('?').unwrap_or((location, ""));
        let uris: Vec<String> =
            uris.split(',').map(str::trim).filter(|uri| !uri.is_empty()).map(str::to_owned).collect();
        if !uris.is_empty() {
            self.uri = uris;
        }
        for uri in &self.uri {
            if Url::parse(uri).is_err() {
                return Err(Problem::new(codes::URL, "not the URL of a config server")
                    .found(without_credentials(uri))
                    .hint("configserver:http://host:8888"));
            }
        }
        for (key, text) in url::form_urlencoded::parse(options.as_bytes()) {
            let bad = || {
                Problem::new(codes::CONFIG_SERVER, format!("option {key} of configserver: cannot be read"))
                    .found(&*text)
                    .hint("fail-fast=true, max-attempts=6, initial-interval=1000, max-interval=2000, multiplier=1.1")
            };
            let millis = || text.parse().map(Duration::from_millis).map_err(|_| bad());
            match &*key {
                "fail-fast" => self.fail_fast = text.parse().map_err(|_| bad())?,
                "max-attempts" => self.retry.max_attempts = text.parse().map_err(|_| bad())?,
                "initial-interval" => self.retry.initial_interval = millis()?,
                "max-interval" => self.retry.max_interval = millis()?,
                "multiplier" => self.retry.multiplier = text.parse().map_err(|_| bad())?,
                _ => return Err(bad()),
            }
        }
        Ok(())
    }

    /// Labels in the order in which they are asked for; one absent label when none is set.
    pub(super) fn labels(&self) -> Vec<Option<String>> {
        match &self.label {
            None => vec![None],
            Some(all) if self.send_all_labels => vec![Some(all.clone())],
            Some(all) => all.split(',').map(|label| Some(label.trim().to_owned())).collect(),
        }
    }

    pub(super) fn names(&self) -> &str {
        self.name.as_deref().unwrap_or("application")
    }
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    fn settings(pairs: &[(&str, &str)], location: &str) -> Result<ConfigSettings, Problem> {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        ConfigSettings::from_env(&Environment::new(vec![source], vec![]), location)
    }

    #[test]
    fn the_location_wins_over_the_properties() {
        let pairs =
            [("spring.cloud.config.uri", "http://a:1,http://b:2"), ("spring.application.name", "orders")];
        let from_properties = settings(&pairs, "").unwrap();
        assert_eq!(from_properties.uri, ["http://a:1", "http://b:2"]);
        assert_eq!(from_properties.names(), "orders");
        let from_location =
            settings(&pairs, "http://c:3?fail-fast=true&max-attempts=2&multiplier=2").unwrap();
        assert_eq!(from_location.uri, ["http://c:3"]);
        assert!(from_location.fail_fast);
        assert_eq!(from_location.retry.max_attempts, 2);
        assert!(settings(&pairs, "http://c:3?retries=2").is_err());
        assert_eq!(settings(&[], "nonsense").unwrap_err().code, codes::URL);
    }

    #[test]
    fn a_password_and_an_authorization_header_contradict_each_other() {
        let pairs = [
            ("spring.cloud.config.headers.Authorization", "Bearer x"),
            ("spring.cloud.config.password", "p"),
        ];
        assert!(settings(&pairs, "").is_err());
    }

    #[test]
    fn labels_are_asked_for_one_by_one() {
        let pairs = [
            ("spring.cloud.config.label", "main, next"),
            ("spring.cloud.config.multiple-uri-strategy", "connection-timeout-only"),
        ];
        let read = settings(&pairs, "").unwrap();
        assert_eq!(read.labels(), [Some("main".to_owned()), Some("next".to_owned())]);
        assert_eq!(read.multiple_uri_strategy, UriStrategy::ConnectionTimeoutOnly);
    }
}
