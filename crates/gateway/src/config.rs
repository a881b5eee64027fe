//! `spring.cloud.gateway.server.webflux.*` and what belongs to it, under both prefixes.
//!
//! The old prefix (`spring.cloud.gateway.*`) is laid below the new one key by key, lists included: the original loses
//! those without a word. Routes themselves are read from the tree by `route::source::properties`.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use wellspring_pattern::JavaRegex;
use wellspring_properties::relaxed::{canonical, canonical_variable, elements};
use wellspring_properties::{Entry, Environment, Problem, PropertySource, value};
use wellspring_tls::Bundle;

use crate::error::parse_status;
use crate::headers::hop_by_hop;
use crate::problem::{BAD_SETTING, NOT_OFFERED, bad};

/// The current prefix.
pub const PREFIX: &str = "spring.cloud.gateway.server.webflux";
const OLD_PREFIX: &str = "spring.cloud.gateway";

/// Everything outside routes. Times that may be absent are `None`.
#[derive(Debug, Clone)]
pub struct Config {
    pub enabled: bool,
    /// A bad route ends the start; when false it is left out.
    pub fail_on_route_definition_error: bool,
    /// Whole match on the peer's address; unset: nobody is trusted.
    pub trusted_proxies: Option<JavaRegex>,
    /// `spring.webflux.base-path`, put before every path pattern.
    pub base_path: String,
    pub http: HttpClient,
    pub x_forwarded: XForwarded,
    pub forwarded: bool,
    pub forwarded_by: bool,
    /// `server.forward-headers-strategy` native or framework: the gateway takes its own address and the client's from
    /// forwarded headers.
    pub believes_forwarded: bool,
    /// No instance: 503, or 404 with `loadbalancer.use404`.
    pub no_instance: StatusCode,
    pub hop_by_hop: hop_by_hop::Names,
    pub original_status_header: Option<HeaderName>,
    pub actuator: Access,
    pub error_message: Always,
    pub sticky_cookie: Option<String>,
    /// A request that did not reach its instance goes to another one.
    pub failover: bool,
    /// Bytes of a request body kept in memory for Retry and CircuitBreaker; larger ones are sent once.
    pub kept_body: usize,
}

/// `httpclient.*`.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pub connect_timeout: Duration,
    /// Until the headers of the answer.
    pub response_timeout: Option<Duration>,
    pub max_header_size: usize,
    /// Connections per upstream; `None` without bound.
    pub max_connections: Option<usize>,
    pub acquire_timeout: Duration,
    pub max_idle_time: Option<Duration>,
    pub max_life_time: Option<Duration>,
    /// `pool.type: disabled`: a connection per call.
    pub pooled: bool,
    /// `server.http2.enabled`: HTTP/2 is offered to TLS upstreams.
    pub http2: bool,
    pub insecure: bool,
    pub trusted_certificates: Vec<String>,
    /// Client certificate and trust: `ssl.ssl-bundle`, or what stands in `ssl.*`.
    pub bundle: Bundle,
}

/// `x-forwarded.*`.
#[derive(Debug, Clone, Copy)]
pub struct XForwarded {
    pub enabled: bool,
    pub forwarded_for: Part,
    pub host: Part,
    pub port: Part,
    pub proto: Part,
    pub prefix: Part,
}

/// One header of the family.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub enabled: bool,
    /// Added to what is there, not put in its place.
    pub append: bool,
}

/// `management.endpoint.gateway.access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    None,
    ReadOnly,
    Unrestricted,
}

/// `server.error.include-message` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Always {
    Never,
    Always,
}

impl Config {
    /// Reads everything; `env` is the one that `with_both_prefixes` made.
    pub fn read(env: &Environment) -> Result<Self, Problem> {
        let at = Settings { env };
        let pattern = at.text("trusted-proxies").filter(|text| !text.is_empty());
        let trusted_proxies = match pattern {
            Some(text) => {
                Some(JavaRegex::new(&text).map_err(|error| at.wrong("trusted-proxies", &error.to_string()))?)
            }
            None => None,
        };
        let use404 = at.flag("loadbalancer.use404", false)?;
        let status_header = at.text("set-status.original-status-header-name");
        let original_status_header = match status_header {
            Some(name) => Some(
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| at.wrong("set-status.original-status-header-name", "is no header name"))?,
            ),
            None => None,
        };
        Ok(Self {
            enabled: at.flag("enabled", true)?,
            fail_on_route_definition_error: at.flag("fail-on-route-definition-error", true)?,
            trusted_proxies,
            base_path: env
                .get("spring.webflux.base-path")
                .map(|path| path.trim_end_matches('/').to_owned())
                .unwrap_or_default(),
            http: HttpClient::read(&at)?,
            x_forwarded: XForwarded::read(&at)?,
            forwarded: at.flag("forwarded.enabled", true)?,
            forwarded_by: at.flag("forwarded.by.enabled", false)?,
            believes_forwarded: match env
                .get("server.forward-headers-strategy")
                .map(|text| text.to_ascii_lowercase())
                .as_deref()
            {
                None | Some("" | "none") => false,
                Some("native" | "framework") => true,
                Some(other) => {
                    let key = "server.forward-headers-strategy";
                    return Err(bad(
                        BAD_SETTING,
                        "the strategy must be none, native or framework",
                        other,
                        env.origin(key),
                    ));
                }
            },
            no_instance: if use404 { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE },
            hop_by_hop: hop_by_hop::names(&at.list("filter.remove-hop-by-hop.headers")?),
            original_status_header,
            actuator: Access::read(env)?,
            error_message: match env.get("server.error.include-message").as_deref() {
                Some("always") => Always::Always,
                _ => Always::Never,
            },
            sticky_cookie: match env
                .get("spring.cloud.loadbalancer.sticky-session.add-service-instance-cookie")
                .as_deref()
            {
                Some("true") => Some(
                    env.get("spring.cloud.loadbalancer.sticky-session.instance-id-cookie-name")
                        .unwrap_or_else(|| "sc-lb-instance-id".to_owned()),
                ),
                _ => None,
            },
            failover: env.get_as("wellspring.gateway.failover")?.unwrap_or(true),
            kept_body: match env.get("wellspring.gateway.kept-body") {
                Some(text) => value::DataSize::parse(&text)
                    .ok()
                    .and_then(|size| usize::try_from(size.bytes()).ok())
                    .ok_or_else(|| {
                        bad(
                            BAD_SETTING,
                            "kept-body is not a size",
                            &text,
                            env.origin("wellspring.gateway.kept-body"),
                        )
                    })?,
                None => 8 << 20,
            },
        })
    }
}

impl HttpClient {
    fn read(at: &Settings<'_>) -> Result<Self, Problem> {
        if at.text("httpclient.proxy.host").is_some() {
            let problem = at.wrong("httpclient.proxy.host", "is not offered: upstreams are reached directly");
            return Err(Problem { code: NOT_OFFERED, ..problem });
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kind =
            at.text("httpclient.pool.type").unwrap_or_else(|| "elastic".to_owned()).to_ascii_lowercase();
        let fixed = at.number("httpclient.pool.max-connections")?.unwrap_or_else(|| (2 * cores).max(16));
        let max_connections = match kind.as_str() {
            "fixed" => Some(fixed),
            "elastic" | "disabled" => None,
            _ => return Err(at.wrong("httpclient.pool.type", "must be elastic, fixed or disabled")),
        };
        Ok(Self {
            connect_timeout: at.duration("httpclient.connect-timeout")?.unwrap_or(Duration::from_secs(30)),
            response_timeout: at.duration("httpclient.response-timeout")?,
            max_header_size: at.size("httpclient.max-header-size")?.unwrap_or(8 << 10),
            max_connections,
            acquire_timeout: at
                .duration("httpclient.pool.acquire-timeout")?
                .unwrap_or(Duration::from_secs(45)),
            max_idle_time: at.duration("httpclient.pool.max-idle-time")?,
            max_life_time: at.duration("httpclient.pool.max-life-time")?,
            pooled: kind != "disabled",
            http2: at.env.get("server.http2.enabled").as_deref() == Some("true"),
            insecure: at.flag("httpclient.ssl.use-insecure-trust-manager", false)?,
            trusted_certificates: at.list("httpclient.ssl.trusted-x509-certificates")?,
            bundle: bundle(at)?,
        })
    }
}

fn bundle(at: &Settings<'_>) -> Result<Bundle, Problem> {
    match at.text("httpclient.ssl.ssl-bundle") {
        Some(name) => Bundle::named(at.env, &name)
            .map_err(|problem| problem.at(at.env.origin(&format!("{PREFIX}.httpclient.ssl.ssl-bundle")))),
        None => Bundle::in_place(at.env, &format!("{PREFIX}.httpclient.ssl")),
    }
}

impl XForwarded {
    fn read(at: &Settings<'_>) -> Result<Self, Problem> {
        let part = |name: &str| -> Result<Part, Problem> {
            Ok(Part {
                enabled: at.flag(&format!("x-forwarded.{name}-enabled"), true)?,
                append: at.flag(&format!("x-forwarded.{name}-append"), true)?,
            })
        };
        Ok(Self {
            enabled: at.flag("x-forwarded.enabled", true)?,
            forwarded_for: part("for")?,
            host: part("host")?,
            port: part("port")?,
            proto: part("proto")?,
            prefix: part("prefix")?,
        })
    }
}

impl Access {
    fn read(env: &Environment) -> Result<Self, Problem> {
        let key = "management.endpoint.gateway.access";
        let text = env.get(key).map(|text| text.to_ascii_lowercase().replace(['-', '_'], ""));
        match text.as_deref() {
            Some("unrestricted") => Ok(Self::Unrestricted),
            Some("readonly") => Ok(Self::ReadOnly),
            Some("none") => Ok(Self::None),
            Some(other) => Err(bad(
                BAD_SETTING,
                "access must be none, read-only or unrestricted",
                other,
                env.origin(key),
            )),
            None if env.get("management.endpoint.gateway.enabled").as_deref() == Some("true") => {
                Ok(Self::Unrestricted)
            }
            None => Ok(Self::None),
        }
    }
}

/// Reads single settings below the prefix.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    pub env: &'a Environment,
}

impl Settings<'_> {
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.env.get(&format!("{PREFIX}.{name}")).map(|text| text.trim().to_owned())
    }

    #[must_use]
    pub fn wrong(&self, name: &str, message: &str) -> Problem {
        let key = format!("{PREFIX}.{name}");
        bad(
            BAD_SETTING,
            format!("{name} {message}"),
            &self.env.get(&key).unwrap_or_default(),
            self.env.origin(&key),
        )
    }

    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Problem> {
        match self.text(name).map(|text| text.to_ascii_lowercase()).as_deref() {
            None | Some("") => Ok(default),
            Some("true" | "yes" | "on") => Ok(true),
            Some("false" | "no" | "off") => Ok(false),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<usize>, Problem> {
        match self.text(name) {
            Some(text) => text.parse().map(Some).map_err(|_| self.wrong(name, "must be a whole number")),
            None => Ok(None),
        }
    }

    /// A bare number is milliseconds.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        match self.text(name) {
            Some(text) => value::parse_duration(&text, value::Unit::Millis)
                .map(Some)
                .map_err(|_| self.wrong(name, "is not a duration").hint("500ms, 5s or PT1S")),
            None => Ok(None),
        }
    }

    pub fn size(&self, name: &str) -> Result<Option<usize>, Problem> {
        match self.text(name) {
            Some(text) => value::DataSize::parse(&text)
                .ok()
                .and_then(|size| usize::try_from(size.bytes()).ok())
                .map(Some)
                .ok_or_else(|| self.wrong(name, "is not a size").hint("8KB")),
            None => Ok(None),
        }
    }

    pub fn status(&self, name: &str) -> Result<Option<StatusCode>, Problem> {
        match self.text(name) {
            Some(text) => parse_status(&text).map(Some).ok_or_else(|| self.wrong(name, "is not a status")),
            None => Ok(None),
        }
    }

    /// A YAML list, or one text with commas.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Problem> {
        let tree = crate::tree::Tree::from_env(self.env, &format!("{PREFIX}.{name}"))?;
        Ok(tree.map(|tree| tree.as_texts()).unwrap_or_default())
    }
}

/// `env` with the keys of the old prefix visible under the new one, wherever the new one has none.
#[must_use]
pub fn with_both_prefixes(env: &Environment) -> Environment {
    let old = canonical(OLD_PREFIX);
    let depth = elements(OLD_PREFIX).count();
    let mut moved: indexmap::IndexMap<String, Entry> = indexmap::IndexMap::new();
    let mut lists: Vec<(String, usize)> = Vec::new();
    for (number, source) in env.sources().iter().enumerate() {
        for (key, entry) in &source.entries {
            let form = if source.variables { canonical_variable(key).into() } else { canonical(key) };
            let Some(rest) = form.strip_prefix(&*old).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            if rest.starts_with("server.") {
                continue;
            }
            let tail = if source.variables { rest.to_owned() } else { tail(key, depth) };
            // A list comes whole from one source: the highest that has it.
            if let Some(list) = list_of(&tail) {
                match lists.iter().find(|(known, _)| *known == list) {
                    Some((_, owner)) if *owner != number => continue,
                    Some(_) => {}
                    None => lists.push((list, number)),
                }
            }
            let name = format!("{PREFIX}.{tail}");
            if !moved.contains_key(&name) {
                moved.insert(name, entry.clone());
            }
        }
    }
    if moved.is_empty() {
        env.clone()
    } else {
        env.with_last(PropertySource::new("spring.cloud.gateway, old prefix", moved))
    }
}

/// The key without its first `depth` elements, in its own spelling.
fn tail(key: &str, depth: usize) -> String {
    let mut out = String::new();
    for element in elements(key).skip(depth) {
        if !out.is_empty() && !element.starts_with('[') {
            out.push('.');
        }
        out.push_str(element);
    }
    out
}

/// The name of the outermost list that the key belongs to.
fn list_of(tail: &str) -> Option<String> {
    let mut name = String::new();
    for element in elements(tail) {
        let plain = element.trim_start_matches('[').trim_end_matches(']');
        if !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()) {
            return Some(name);
        }
        name.push('.');
        name.push_str(&canonical(element));
    }
    None
}

#[cfg(test)]
mod tests {
    use wellspring_properties::{Environment, PropertySource};

    use super::{Access, Config, Settings, with_both_prefixes};
    use crate::tree::Tree;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        with_both_prefixes(&Environment::new(vec![source], Vec::new()))
    }

    #[test]
    fn the_new_prefix_wins_key_by_key() {
        let env = env(&[
            ("spring.cloud.gateway.httpclient.connect-timeout", "100"),
            ("spring.cloud.gateway.httpclient.responseTimeout", "5s"),
            ("spring.cloud.gateway.server.webflux.httpclient.connectTimeout", "200"),
            ("spring.cloud.gateway.filter.remove-hop-by-hop.headers[0]", "x-mine"),
        ]);
        let config = Config::read(&env).unwrap();
        assert_eq!(config.http.connect_timeout.as_millis(), 200);
        assert_eq!(config.http.response_timeout.map(|t| t.as_secs()), Some(5));
        assert_eq!(Settings { env: &env }.list("filter.remove-hop-by-hop.headers").unwrap(), ["x-mine"]);
    }

    #[test]
    fn routes_of_the_old_prefix_are_seen() {
        let env = env(&[
            ("spring.cloud.gateway.routes[0].id", "a"),
            ("spring.cloud.gateway.routes[0].uri", "http://h:1"),
            ("spring.cloud.gateway.routes[0].predicates[0]", "Path=/a"),
        ]);
        let tree = Tree::from_env(&env, "spring.cloud.gateway.server.webflux.routes").unwrap().unwrap();
        assert_eq!(tree.items().len(), 1);
        assert_eq!(tree.items()[0].get("id").and_then(Tree::as_text).as_deref(), Some("a"));
    }

    #[test]
    fn the_actuator_is_off_unless_allowed() {
        for (pairs, wanted) in [
            (vec![], Access::None),
            (vec![("management.endpoint.gateway.access", "read-only")], Access::ReadOnly),
            (vec![("management.endpoint.gateway.access", "UNRESTRICTED")], Access::Unrestricted),
            (vec![("management.endpoint.gateway.enabled", "true")], Access::Unrestricted),
        ] {
            assert_eq!(Config::read(&env(&pairs)).unwrap().actuator, wanted);
        }
    }

    #[test]
    fn a_bad_setting_is_named() {
        for (key, value) in [
            ("httpclient.connect-timeout", "soon"),
            ("httpclient.pool.type", "huge"),
            ("trusted-proxies", "("),
            ("enabled", "perhaps"),
        ] {
            let error = Config::read(&env(&[(&format!("{}.{key}", super::PREFIX), value)])).unwrap_err();
            assert!(error.line().contains(key) && error.line().contains(value), "{}", error.line());
        }
    }
}
