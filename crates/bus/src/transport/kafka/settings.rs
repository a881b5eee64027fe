//! `spring.kafka.*` and `spring.cloud.stream.kafka.binder.*`, as far as a bus has a use for them.

use std::sync::Arc;
use std::time::Duration;

use rskafka::BackoffConfig;
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use serde::Deserialize;
use serde::de::IgnoredAny;
use wellspring_properties::{Environment, Problem, codes};
use wellspring_tls::Bundle;

use super::{Broken, asked};
use crate::config::{Config, Own};

const PORT: u16 = 9092;
/// Our own attempts go on for ever; the client's are short, so that health knows soon.
const RETRY: Duration = Duration::from_secs(2);
/// A frame beyond this is none of a bus.
const FRAME: usize = 64 << 20;

/// Brokers, and the names on them.
pub struct Settings {
    brokers: Vec<String>,
    pub(super) topic: String,
    client_id: String,
    tls: Option<Arc<rustls::ClientConfig>>,
    sasl: Option<SaslConfig>,
    binder: Binder,
    fetch_bytes: i32,
    unused: Vec<Problem>,
}

/// `spring.kafka.*`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Spring {
    bootstrap_servers: Vec<String>,
    client_id: String,
    security: Security,
    ssl: Ssl,
    /// Read one by one.
    #[serde(rename = "properties")]
    _properties: IgnoredAny,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Security {
    protocol: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Ssl {
    bundle: Option<String>,
}

/// `spring.cloud.stream.kafka.binder.*`.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Binder {
    brokers: Vec<String>,
    default_broker_port: u16,
    auto_create_topics: bool,
    min_partition_count: i32,
    replication_factor: i16,
    /// Read one by one.
    #[serde(rename = "configuration")]
    _configuration: IgnoredAny,
}

/// `spring.cloud.stream.bindings.<name>`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Binding {
    destination: Option<String>,
    group: String,
}

impl Default for Binder {
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            default_broker_port: PORT,
            auto_create_topics: true,
            min_partition_count: 1,
            replication_factor: -1,
            _configuration: IgnoredAny,
        }
    }
}

impl Settings {
    /// From the properties, with the defaults of Spring Boot and of the binder.
    pub fn from_env(env: &Environment, config: &Config, own: &Own) -> Result<Self, Problem> {
        let (spring, mut unused) = env.bind_checked::<Spring>("spring.kafka");
        let (binder, more) = env.bind_checked::<Binder>("spring.cloud.stream.kafka.binder");
        let (spring, binder) = (spring?, binder?);
        unused.extend(more);
        let input: Binding = env.bind("spring.cloud.stream.bindings.springCloudBusInput")?;
        if !input.group.is_empty() {
            let key = "spring.cloud.stream.bindings.springCloudBusInput.group";
            return Err(Problem::new(codes::UNSUPPORTED, "consumer groups are not followed on Kafka")
                .at(env.origin(key))
                .found(input.group)
                .hint("no group: every instance has every event, which is what a refresh needs"));
        }
        let protocol = spring
            .security
            .protocol
            .or_else(|| property(env, "security.protocol"))
            .unwrap_or_else(|| if spring.ssl.bundle.is_some() { "SSL" } else { "PLAINTEXT" }.to_owned());
        let (secure, authenticated) = match protocol.to_ascii_uppercase().as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                return Err(Problem::new(codes::TYPE_MISMATCH, "no security protocol of Kafka")
                    .at(env.origin("spring.kafka.security.protocol"))
                    .found(protocol)
                    .hint("PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"));
            }
        };
        Ok(Self {
            brokers: brokers(&spring.bootstrap_servers, &binder),
            topic: input.destination.unwrap_or_else(|| config.destination.clone()),
            client_id: spring.client_id,
            tls: if secure { Some(tls(env, spring.ssl.bundle.as_deref())?) } else { None },
            sasl: if authenticated { Some(sasl(env)?) } else { None },
            binder,
            fetch_bytes: i32::try_from(own.max_message_size.bytes()).unwrap_or(i32::MAX / 2).max(1 << 16),
            unused,
        })
    }

    /// Settings that stand there and have no effect.
    pub(super) fn unused(&self) -> &[Problem] {
        &self.unused
    }

    pub(super) fn named(mut self, id: &str) -> Self {
        if self.client_id.is_empty() {
            id.clone_into(&mut self.client_id);
        }
        self
    }

    pub(super) fn brokers(&self) -> String {
        self.brokers.join(",")
    }

    pub(super) fn creates_topics(&self) -> bool {
        self.binder.auto_create_topics
    }

    pub(super) fn partition_count(&self) -> i32 {
        self.binder.min_partition_count.max(1)
    }

    pub(super) fn replication_factor(&self) -> i16 {
        self.binder.replication_factor
    }

    /// The broker answers at least one message, even a larger one.
    pub(super) fn fetch_bytes(&self) -> i32 {
        self.fetch_bytes
    }

    pub(super) async fn client(&self) -> Result<Client, Broken> {
        let mut builder = ClientBuilder::new(self.brokers.clone())
            .client_id(self.client_id.as_str())
            .max_message_size(FRAME)
            .backoff_config(BackoffConfig { deadline: Some(RETRY), ..BackoffConfig::default() });
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some(sasl) = &self.sasl {
            builder = builder.sasl_config(sasl.clone());
        }
        asked(builder.build()).await
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("brokers", &self.brokers)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// The binder's own beat Spring Boot's.
fn brokers(bootstrap: &[String], binder: &Binder) -> Vec<String> {
    let addresses = if binder.brokers.is_empty() { bootstrap } else { &binder.brokers };
    let mut addresses: Vec<String> = addresses
        .iter()
        .map(|address| address.trim())
        .filter(|address| !address.is_empty())
        .map(|address| match address.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => address.to_owned(),
            _ => format!("{address}:{}", binder.default_broker_port),
        })
        .collect();
    if addresses.is_empty() {
        addresses.push(format!("localhost:{PORT}"));
    }
    addresses
}

/// A property of Kafka's own client: the binder's beat those of Spring Boot.
fn property(env: &Environment, name: &str) -> Option<String> {
    let prefixes = ["spring.cloud.stream.kafka.binder.configuration", "spring.kafka.properties"];
    prefixes.iter().find_map(|prefix| env.get(&format!("{prefix}.{name}")))
}

fn tls(env: &Environment, bundle: Option<&str>) -> Result<Arc<rustls::ClientConfig>, Problem> {
    let bundle = bundle.map_or_else(|| Ok(Bundle::default()), |name| Bundle::named(env, name))?;
    wellspring_tls::client::config(&bundle).map(Arc::new).map_err(|reason| {
        Problem::new(codes::UNSUPPORTED, format!("no TLS to Kafka: {reason}"))
            .at(env.origin("spring.kafka.ssl.bundle"))
    })
}

/// `sasl.mechanism`, with user and password from `sasl.jaas.config`.
fn sasl(env: &Environment) -> Result<SaslConfig, Problem> {
    let key = "spring.kafka.properties.sasl.jaas.config";
    let login = property(env, "sasl.jaas.config").unwrap_or_default();
    let option = |name: &str| {
        let rest = login.split_once(&format!("{name}=\""))?.1;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (Some(user), Some(password)) = (option("username"), option("password")) else {
        return Err(Problem::new(codes::MISSING_VALUE, "Kafka wants a user, and none is given")
            .at(env.origin(key))
            .hint(format!("{key}: '…PlainLoginModule required username=\"…\" password=\"…\";'")));
    };
    let credentials = Credentials::new(user, password);
    let mechanism = property(env, "sasl.mechanism").unwrap_or_else(|| "GSSAPI".to_owned());
    match mechanism.as_str() {
        "PLAIN" => Ok(SaslConfig::Plain(credentials)),
        "SCRAM-SHA-256" => Ok(SaslConfig::ScramSha256(credentials)),
        "SCRAM-SHA-512" => Ok(SaslConfig::ScramSha512(credentials)),
        _ => Err(Problem::new(codes::UNSUPPORTED, "this way to log in to Kafka is not offered")
            .at(env.origin("spring.kafka.properties.sasl.mechanism"))
            .found(mechanism)
            .hint("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")),
    }
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, Problem> {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        let env = Environment::new(vec![source], vec![]);
        Settings::from_env(&env, &env.bind("spring.cloud.bus").unwrap(), &Own::default())
    }

    #[test]
    fn brokers_and_topic_follow_boot_and_binder() {
        for (pairs, brokers) in [
            (&[][..], "localhost:9092"),
            (&[("spring.kafka.bootstrap-servers", "a:1,b:2")], "a:1,b:2"),
            (
                &[
                    ("spring.kafka.bootstrap-servers", "a:1"),
                    ("spring.cloud.stream.kafka.binder.brokers", "c, d:4"),
                    ("spring.cloud.stream.kafka.binder.default-broker-port", "9000"),
                ],
                "c:9000,d:4",
            ),
        ] {
            assert_eq!(settings(pairs).unwrap().brokers(), brokers);
        }
        assert_eq!(settings(&[]).unwrap().topic, "springCloudBus");
        assert_eq!(settings(&[("spring.cloud.bus.destination", "myBus")]).unwrap().topic, "myBus");
        let kept = [("spring.cloud.stream.kafka.binder.auto-create-topics", "false")];
        assert!(!settings(&kept).unwrap().creates_topics());
    }

    #[test]
    fn what_cannot_be_followed_is_a_problem_and_what_has_no_effect_is_told() {
        for (pairs, found) in [
            (&[("spring.cloud.stream.bindings.springCloudBusInput.group", "g")][..], "consumer groups"),
            (&[("spring.kafka.security.protocol", "TELEPATHY")], "TELEPATHY"),
            (&[("spring.kafka.security.protocol", "SASL_SSL")], "wants a user"),
            (
                &[
                    ("spring.kafka.security.protocol", "SASL_PLAINTEXT"),
                    ("spring.kafka.properties.sasl.jaas.config", "x username=\"u\" password=\"secret\";"),
                ],
                "GSSAPI",
            ),
            (&[("spring.kafka.ssl.bundle", "none")], "none"),
        ] {
            let line = settings(pairs).unwrap_err().line();
            assert!(line.contains(found) && !line.contains("secret"), "{line}");
        }
        let unused = settings(&[("spring.kafka.consumer.group-id", "g")]).unwrap().unused;
        assert!(unused.len() == 1 && unused[0].line().contains("consumer"), "{unused:?}");
    }

    #[test]
    fn a_user_is_taken_from_the_login_of_the_java_client() {
        let login =
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"p\";";
        let settings = settings(&[
            ("spring.kafka.properties.security.protocol", "SASL_PLAINTEXT"),
            ("spring.kafka.properties.sasl.mechanism", "SCRAM-SHA-256"),
            ("spring.kafka.properties.sasl.jaas.config", login),
        ])
        .unwrap();
        let Some(SaslConfig::ScramSha256(credentials)) = settings.sasl else { panic!("no login") };
        assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("u", "p"));
    }
}
