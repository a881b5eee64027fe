//! `spring.rabbitmq.*`, and those of `spring.cloud.stream.*` that a bus has a use for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionBuilder, ConnectionProperties, DefaultConnectionBuilder};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use wellspring_properties::{Environment, Problem, codes, value};

use super::Broken;
use crate::config::{Config, Own};

/// Own messages besides one that is applied must not wait for it: foreign acks are most of the traffic.
const PREFETCH: u16 = 250;
/// Members of a group share the events: none takes more than it works on.
const GROUP_PREFETCH: u16 = 1;
const HEARTBEAT: u16 = 60;
/// A connection's buffers are a multiple of it: the broker's 128 KB would cost 16 MB for messages of 300 bytes.
const FRAME: u32 = 8192;

/// A broker and the names on it.
pub struct Settings {
    addresses: Vec<AMQPUri>,
    tls: OwnedTLSConfig,
    connection_timeout: Duration,
    /// Name of the exchange.
    pub(super) exchange: String,
    pub(super) routing_key: String,
    group: String,
    anonymous_prefix: String,
    prefetch: Option<u16>,
    /// After the broker was away, messages wait until other consumers have come back.
    pub(super) settle_time: Duration,
    /// Settings that stand there and have no effect.
    pub(super) unused: Vec<Problem>,
    shuffle: Shuffle,
    attempts: AtomicUsize,
}

/// In which order the addresses are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Shuffle {
    #[default]
    None,
    Random,
    InOrder,
}

/// A queue as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) durable: bool,
    /// And deleted with its connection.
    pub(super) exclusive: bool,
    pub(super) prefetch: u16,
}

/// `spring.rabbitmq.*`.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Rabbit {
    host: String,
    port: Option<u16>,
    username: String,
    password: String,
    virtual_host: Option<String>,
    addresses: Vec<String>,
    address_shuffle_mode: Shuffle,
    #[serde(deserialize_with = "value::duration_seconds::option::deserialize")]
    requested_heartbeat: Option<Duration>,
    #[serde(deserialize_with = "value::duration_millis::option::deserialize")]
    connection_timeout: Option<Duration>,
    ssl: Ssl,
}

/// `spring.rabbitmq.ssl.*`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Ssl {
    enabled: Option<bool>,
    bundle: Option<String>,
    key_store: Option<String>,
    trust_store: Option<String>,
    validate_server_certificate: Option<bool>,
    verify_hostname: Option<bool>,
}

/// `spring.ssl.bundle.pem.<name>.{keystore,truststore}`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Pem {
    certificate: Option<String>,
    private_key: Option<String>,
}

/// `spring.cloud.stream.bindings.<name>`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Binding {
    destination: Option<String>,
    group: String,
    /// Chosen by `wellspring.bus.transport`, JSON in any case.
    #[serde(rename = "binder")]
    _binder: IgnoredAny,
    #[serde(rename = "content-type")]
    _content_type: IgnoredAny,
}

/// `spring.cloud.stream.rabbit`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct RabbitBindings {
    bindings: Bindings,
}

/// Those of other bindings are not ours to judge.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Bindings {
    #[serde(rename = "springCloudBusInput")]
    spring_cloud_bus_input: BusInput,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct BusInput {
    consumer: Binder,
}

/// `spring.cloud.stream.rabbit.bindings.springCloudBusInput.consumer`.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Binder {
    prefetch: Option<u16>,
    anonymous_group_prefix: String,
}

impl Default for Rabbit {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: None,
            username: "guest".to_owned(),
            password: "guest".to_owned(),
            virtual_host: None,
            addresses: Vec::new(),
            address_shuffle_mode: Shuffle::None,
            requested_heartbeat: None,
            connection_timeout: None,
            ssl: Ssl::default(),
        }
    }
}

impl Default for Binder {
    fn default() -> Self {
        Self { prefetch: None, anonymous_group_prefix: "anonymous.".to_owned() }
    }
}

// === impl Settings ===

impl Settings {
    /// From the properties, with the defaults of Spring Boot.
    pub fn from_env(env: &Environment, config: &Config, own: &Own) -> Result<Self, Problem> {
        let mut unused = Vec::new();
        let rabbit: Rabbit = bind(env, "spring.rabbitmq", &mut unused)?;
        let input: Binding = bind(env, "spring.cloud.stream.bindings.springCloudBusInput", &mut unused)?;
        let output: Binding = bind(env, "spring.cloud.stream.bindings.springCloudBusOutput", &mut unused)?;
        let binder: RabbitBindings = bind(env, "spring.cloud.stream.rabbit", &mut unused)?;
        let binder = binder.bindings.spring_cloud_bus_input.consumer;
        let exchange = input.destination.unwrap_or_else(|| config.destination.clone());
        let routing_key = output.destination.unwrap_or_else(|| config.destination.clone());
        if exchange != routing_key {
            let key = "spring.cloud.stream.bindings.springCloudBusOutput.destination";
            return Err(Problem::new(
                codes::UNSUPPORTED,
                "the bus publishes to another destination than it listens to",
            )
            .at(env.origin(key))
            .found(routing_key)
            .hint(format!("{exchange}, as springCloudBusInput, or spring.cloud.bus.destination for both")));
        }
        let tls = rabbit.ssl.tls(env)?;
        Ok(Self {
            addresses: rabbit.addresses(env)?,
            tls,
            connection_timeout: rabbit.connection_timeout.unwrap_or(Duration::from_secs(10)),
            exchange,
            routing_key,
            group: input.group,
            anonymous_prefix: binder.anonymous_group_prefix,
            prefetch: binder.prefetch,
            settle_time: own.settle_time,
            unused,
            shuffle: rabbit.address_shuffle_mode,
            attempts: AtomicUsize::new(0),
        })
    }

    /// The broker as it may be shown: without a password.
    pub(super) fn broker(&self) -> String {
        let addresses: Vec<_> = self
            .addresses
            .iter()
            .map(|uri| {
                format!("{}://{}:{}{}", uri.scheme, uri.authority.host, uri.authority.port, vhost(&uri.vhost))
            })
            .collect();
        addresses.join(",")
    }

    /// Whether this process sees every message, and not its share of them.
    pub(super) fn is_anonymous(&self) -> bool {
        self.group.is_empty()
    }

    /// A fresh queue, or that of the group.
    pub(super) fn queue(&self) -> Queue {
        if self.is_anonymous() {
            let suffix = URL_SAFE_NO_PAD.encode(fastrand::u128(..).to_be_bytes());
            let name = format!("{}.{}{suffix}", self.exchange, self.anonymous_prefix);
            return Queue {
                name,
                durable: false,
                exclusive: true,
                prefetch: self.prefetch.unwrap_or(PREFETCH),
            };
        }
        let name = format!("{}.{}", self.exchange, self.group);
        Queue { name, durable: true, exclusive: false, prefetch: self.prefetch.unwrap_or(GROUP_PREFETCH) }
    }

    fn order(&self) -> Vec<&AMQPUri> {
        let mut order: Vec<&AMQPUri> = self.addresses.iter().collect();
        match self.shuffle {
            Shuffle::None => {}
            Shuffle::Random => fastrand::shuffle(&mut order),
            Shuffle::InOrder => {
                let next = self.attempts.fetch_add(1, Ordering::Relaxed);
                order.rotate_left(next.checked_rem(self.addresses.len()).unwrap_or_default());
            }
        }
        order
    }

    /// Connects to the first address that answers.
    pub(super) async fn connect(&self, name: &str) -> Result<Connection, Broken> {
        let mut last = None;
        for address in self.order() {
            let builder: DefaultConnectionBuilder = ConnectionBuilder::new()?;
            let builder = builder
                .with_uri(address.clone())
                .with_tls_config(self.tls.clone())
                .with_properties(ConnectionProperties::default().with_connection_name(name.into()));
            match tokio::time::timeout(self.connection_timeout, builder.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = Some(error.into()),
                Err(_) => last = Some(Broken::NoAnswer(self.connection_timeout)),
            }
        }
        Err(last.unwrap_or(Broken::NoAddress))
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("broker", &self.broker())
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}

/// What is wrong, or without effect, of a broker's settings.
pub(crate) fn check(env: &Environment, config: &Config, own: &Own) -> Vec<Problem> {
    if !env.contains("spring.rabbitmq") {
        return Vec::new();
    }
    match Settings::from_env(env, config, own) {
        Ok(settings) => settings.unused,
        Err(problem) => {
            let mut problems = env.bind_checked::<Rabbit>("spring.rabbitmq").1;
            problems.push(problem);
            problems
        }
    }
}

/// Binds, and notes what stands there and is read by nothing.
fn bind<T: DeserializeOwned>(
    env: &Environment,
    prefix: &str,
    unused: &mut Vec<Problem>,
) -> Result<T, Problem> {
    let (settings, unknown) = env.bind_checked(prefix);
    unused.extend(unknown);
    settings
}

// === impl Rabbit ===

impl Rabbit {
    /// `addresses`, which beat host and port; each may bring user, password and virtual host of its own.
    fn addresses(&self, env: &Environment) -> Result<Vec<AMQPUri>, Problem> {
        let secure = self.ssl.is_enabled();
        if self.addresses.is_empty() {
            return Ok(vec![self.uri(secure, &self.host, self.port, None, None)]);
        }
        let problem = |address: &str| {
            Problem::new(codes::TYPE_MISMATCH, "not the address of a RabbitMQ")
                .at(env.origin("spring.rabbitmq.addresses"))
                .found(hidden(address))
                .hint("host:5672, or amqp://user:password@host:5672/vhost")
        };
        self.addresses
            .iter()
            .map(|address| address.trim())
            .map(|address| {
                let with_scheme = if address.contains("://") {
                    address.to_owned()
                } else {
                    format!("amqp{}://{address}", if secure { "s" } else { "" })
                };
                let url = url::Url::parse(&with_scheme).map_err(|_| problem(address))?;
                let secure = match url.scheme() {
                    "amqp" => secure && self.ssl.enabled == Some(true),
                    "amqps" => true,
                    _ => return Err(problem(address)),
                };
                let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| problem(address))?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let text = |part: &str| decoded(part).ok_or_else(|| problem(address));
                let user = match (url.username(), url.password()) {
                    ("", _) => None,
                    (name, password) => Some((text(name)?, text(password.unwrap_or_default())?)),
                };
                let vhost =
                    url.path().strip_prefix('/').filter(|path| !path.is_empty()).map(text).transpose()?;
                Ok(self.uri(secure, host, url.port(), user, vhost))
            })
            .collect()
    }

    fn uri(
        &self,
        secure: bool,
        host: &str,
        port: Option<u16>,
        user: Option<(String, String)>,
        vhost: Option<String>,
    ) -> AMQPUri {
        let (username, password) = user.unwrap_or_else(|| (self.username.clone(), self.password.clone()));
        let heartbeat = self
            .requested_heartbeat
            .map_or(HEARTBEAT, |asked| u16::try_from(asked.as_secs()).unwrap_or(u16::MAX));
        AMQPUri {
            scheme: if secure { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo { username, password },
                host: host.to_owned(),
                port: port.unwrap_or(if secure { 5671 } else { 5672 }),
            },
            vhost: vhost
                .or_else(|| self.virtual_host.clone())
                .filter(|vhost| !vhost.is_empty())
                .unwrap_or_else(|| "/".to_owned()),
            query: AMQPQueryString {
                heartbeat: Some(heartbeat),
                frame_max: Some(FRAME),
                ..AMQPQueryString::default()
            },
        }
    }
}

// === impl Ssl ===

impl Ssl {
    fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(self.bundle.is_some())
    }

    /// Trust and identity from an SSL bundle; the public roots without.
    fn tls(&self, env: &Environment) -> Result<OwnedTLSConfig, Problem> {
        let unsupported = [
            ("key-store", self.key_store.is_some()),
            ("trust-store", self.trust_store.is_some()),
            ("validate-server-certificate", self.validate_server_certificate == Some(false)),
            ("verify-hostname", self.verify_hostname == Some(false)),
        ];
        if let Some((key, _)) = unsupported.into_iter().find(|(_, set)| *set) {
            return Err(Problem::new(
                codes::UNSUPPORTED,
                format!("spring.rabbitmq.ssl.{key} is not followed"),
            )
            .at(env.origin(&format!("spring.rabbitmq.ssl.{key}")))
            .hint("spring.rabbitmq.ssl.bundle, with spring.ssl.bundle.pem.<name>.truststore.certificate"));
        }
        let Some(bundle) = &self.bundle else { return Ok(OwnedTLSConfig::default()) };
        let prefix = format!("spring.ssl.bundle.pem.{bundle}");
        if !env.contains(&prefix) {
            return Err(Problem::new(codes::MISSING_VALUE, format!("there is no SSL bundle {bundle}"))
                .at(env.origin("spring.rabbitmq.ssl.bundle"))
                .hint(format!("{prefix}.truststore.certificate: classpath-free path or PEM text")));
        }
        let trust: Pem = env.bind(&format!("{prefix}.truststore"))?;
        let own: Pem = env.bind(&format!("{prefix}.keystore"))?;
        let read = |text: &Option<String>, key: &str| {
            text.as_deref()
                .map(|text| pem(text).map_err(|problem| problem.at(env.origin(&format!("{prefix}.{key}")))))
                .transpose()
        };
        let certificate = read(&own.certificate, "keystore.certificate")?;
        let key = read(&own.private_key, "keystore.private-key")?;
        let identity = certificate.zip(key).map(|(certificate, key)| OwnedIdentity::PKCS8 {
            pem: certificate.into_bytes(),
            key: key.into_bytes(),
        });
        Ok(OwnedTLSConfig { identity, cert_chain: read(&trust.certificate, "truststore.certificate")? })
    }
}

/// PEM text as it is, or from a file.
fn pem(text: &str) -> Result<String, Problem> {
    if text.contains("-----BEGIN") {
        return Ok(text.to_owned());
    }
    let path = text.strip_prefix("file:").unwrap_or(text);
    std::fs::read_to_string(path)
        .map_err(|error| Problem::new(codes::FILE_UNREADABLE, format!("{path}: {error}")))
}

fn decoded(part: &str) -> Option<String> {
    let form = part.replace('+', "%2B");
    url::form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(text, _)| text.into_owned())
        .or_else(|| part.is_empty().then(String::new))
}

/// An address without what may be its password.
fn hidden(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, host)) => format!("******@{host}"),
        None => address.to_owned(),
    }
}

fn vhost(vhost: &str) -> String {
    if vhost == "/" { String::new() } else { format!("/{vhost}") }
}

#[cfg(test)]
mod tests;
