//! `spring.cloud.bus.*`: the original's properties, with its defaults.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tracing::warn;
use wellspring_properties::{Environment, Problem, codes, value};

/// `spring.cloud.bus.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Config {
    /// Without: no bus at all.
    pub enabled: bool,
    /// Own bus id; empty: made from application, profiles, port and a random part.
    pub id: String,
    /// Name of exchange, queue and routing key.
    pub destination: String,
    /// Known to the original as well, and read by nothing there either.
    pub content_type: String,
    /// Whether refresh events are applied here. They are acknowledged in any case.
    pub refresh: Switch,
    /// Whether environment changes are applied here.
    pub env: Switch,
    /// Whether shutdown events end this process.
    pub shutdown: Switch,
    /// Acks that this process sends.
    pub ack: Acks,
    /// Whether others' events and acks are announced to subscribers.
    pub trace: Trace,
}

/// `….enabled`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Switch {
    /// On.
    pub enabled: bool,
}

/// `spring.cloud.bus.ack.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Acks {
    /// Whether events are acknowledged.
    pub enabled: bool,
    /// To whom; empty: everyone.
    pub destination_service: String,
}

/// `spring.cloud.bus.trace.*`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Trace {
    /// On.
    pub enabled: bool,
}

/// `wellspring.bus.*`: what the original has no name for.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Own {
    /// How messages travel.
    pub transport: Choice,
    /// A bus daemon to join, `http://host:8889` or `lb://wellspring-bus`.
    pub url: String,
    /// Longest wait for the broker to confirm an event before its sender is told. A bare number is seconds.
    #[serde(deserialize_with = "value::duration_seconds::deserialize")]
    pub confirm_timeout: Duration,
    /// A larger message is refused.
    pub max_message_size: value::DataSize,
    /// After RabbitMQ was away, messages wait this long until other applications have come back; Spring's take up to 5 s. A
    /// bare number is seconds.
    #[serde(deserialize_with = "value::duration_seconds::deserialize")]
    pub settle_time: Duration,
    /// After the connection was away, refresh once: events may have been missed.
    pub refresh_after_gap: bool,
    /// The daemon's ack board.
    pub acks: Board,
    /// `wellspring up` lays `wellspring.bus.<anything>` over the daemon's own settings; these groups are not ours to judge.
    server: IgnoredAny,
    spring: IgnoredAny,
    management: IgnoredAny,
    eureka: IgnoredAny,
    logging: IgnoredAny,
    wellspring: IgnoredAny,
}

impl Own {
    /// Binds `wellspring.bus.*` and names keys that nothing reads in the log.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        read(env, "wellspring.bus")
    }
}

impl Config {
    /// Binds `spring.cloud.bus.*` and names keys that nothing reads in the log.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        read(env, "spring.cloud.bus")
    }
}

/// What is wrong, or without effect, below the bus' prefixes; for a file that is checked, not run.
pub fn check(env: &Environment) -> Vec<Problem> {
    let (bus, mut problems) = env.bind_checked::<Config>("spring.cloud.bus");
    let (own, more) = env.bind_checked::<Own>("wellspring.bus");
    problems.extend(more);
    match (bus, own) {
        #[cfg(feature = "amqp")]
        (Ok(bus), Ok(own)) => problems.extend(crate::transport::amqp::check(env, &bus, &own)),
        (bus, own) => problems.extend([bus.err(), own.err()].into_iter().flatten()),
    }
    problems
}

fn read<T: DeserializeOwned>(env: &Environment, prefix: &str) -> Result<T, Problem> {
    let (settings, unknown) = env.bind_checked(prefix);
    for problem in unknown {
        warn!("{}", problem.line());
    }
    settings
}

/// `wellspring.bus.transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// `amqp` when anything is set below `spring.rabbitmq`, else `kafka` when its brokers are named, else `sse` with
    /// `wellspring.bus.url`, else `memory`; `spring.cloud.stream.default-binder` beats the first two.
    Auto,
    /// Within this process, and for the subscribers of a bus daemon.
    Memory,
    /// Through a bus daemon.
    Sse,
    /// RabbitMQ.
    Amqp,
    /// Kafka.
    Kafka,
}

/// `wellspring.bus.acks.*`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Board {
    /// How many events are followed.
    pub events: usize,
    /// Where the board is kept across restarts; empty: nowhere.
    pub file: String,
}

impl Own {
    /// What `auto` stands for.
    pub fn choice(&self, env: &Environment) -> Result<Choice, Problem> {
        let rabbit = env.contains("spring.rabbitmq");
        // An application may have a Kafka for other things.
        let kafka = cfg!(feature = "kafka")
            && ["spring.kafka", "spring.cloud.stream.kafka.binder"].iter().any(|prefix| env.contains(prefix));
        // A binder of another name is configured elsewhere, and says nothing.
        let binder = env.get("spring.cloud.stream.default-binder");
        let binder = binder.as_deref().filter(|name| matches!(*name, "rabbit" | "kafka"));
        let choice = match self.transport {
            Choice::Auto if binder == Some("rabbit") || (rabbit && binder.is_none()) => Choice::Amqp,
            Choice::Auto if binder == Some("kafka") || (kafka && binder.is_none()) => Choice::Kafka,
            Choice::Auto if !self.url.is_empty() => Choice::Sse,
            Choice::Auto => Choice::Memory,
            chosen @ (Choice::Memory | Choice::Sse | Choice::Amqp | Choice::Kafka) => chosen,
        };
        if choice == Choice::Sse && self.url.is_empty() {
            return Err(Problem::new(
                codes::MISSING_VALUE,
                "wellspring.bus.transport is sse, but there is no daemon to join",
            )
            .at(env.origin("wellspring.bus.transport"))
            .hint("wellspring.bus.url: http://localhost:8889"));
        }
        if choice == Choice::Amqp && !cfg!(feature = "amqp") {
            return Err(Problem::new(codes::UNSUPPORTED, "this program was built without RabbitMQ")
                .at(env.origin("wellspring.bus.transport").or_else(|| env.origin("spring.rabbitmq.host")))
                .hint("feature `amqp` of wellspring-bus, or wellspring.bus.transport: memory"));
        }
        if choice == Choice::Kafka && !cfg!(feature = "kafka") {
            return Err(Problem::new(codes::UNSUPPORTED, "this program was built without Kafka")
                .at(env
                    .origin("wellspring.bus.transport")
                    .or_else(|| env.origin("spring.kafka.bootstrap-servers")))
                .hint("feature `kafka` of wellspring-bus, or wellspring.bus.transport: memory"));
        }
        Ok(choice)
    }
}

/// The bus id: `spring.cloud.bus.id`, or application, profiles, port and a random part.
///
/// `port` is the real one; a port of 0 in the settings says nothing.
pub fn bus_id(env: &Environment, port: u16) -> String {
    if let Some(id) = env.get("spring.cloud.bus.id").filter(|id| !id.is_empty()) {
        return id;
    }
    let first = |keys: &[&str]| keys.iter().find_map(|key| env.get(key).filter(|value| !value.is_empty()));
    let app = first(&["vcap.application.name", "spring.application.name"])
        .unwrap_or_else(|| "application".to_owned());
    let index = first(&["vcap.application.instance_index", "spring.application.index"])
        .unwrap_or_else(|| port.to_string());
    let random =
        first(&["vcap.application.instance_id"]).unwrap_or_else(|| format!("{:032x}", fastrand::u128(..)));
    match env.active_profiles() {
        [] => format!("{app}:{index}:{random}"),
        profiles => format!("{app}:{}:{index}:{random}", profiles.join(",")),
    }
}

/// `spring.cloud.config.name`, else the application's name.
pub fn config_names(env: &Environment) -> Vec<String> {
    let names = env
        .get("spring.cloud.config.name")
        .or_else(|| env.get("spring.application.name"))
        .unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            id: String::new(),
            destination: "springCloudBus".to_owned(),
            content_type: String::new(),
            refresh: Switch::default(),
            env: Switch::default(),
            shutdown: Switch::default(),
            ack: Acks::default(),
            trace: Trace::default(),
        }
    }
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl Default for Acks {
    fn default() -> Self {
        Self { enabled: true, destination_service: String::new() }
    }
}

impl Default for Own {
    fn default() -> Self {
        Self {
            transport: Choice::Auto,
            url: String::new(),
            confirm_timeout: Duration::from_secs(5),
            max_message_size: value::DataSize(1 << 20),
            settle_time: Duration::from_secs(6),
            refresh_after_gap: true,
            acks: Board::default(),
            server: IgnoredAny,
            spring: IgnoredAny,
            management: IgnoredAny,
            eureka: IgnoredAny,
            logging: IgnoredAny,
            wellspring: IgnoredAny,
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        Self { events: 1000, file: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    fn env(pairs: &[(&str, &str)], profiles: &[&str]) -> Environment {
        let source = PropertySource::of_pairs("test", pairs.iter().copied());
        Environment::new(vec![source], profiles.iter().map(|&profile| profile.to_owned()).collect())
    }

    #[test]
    fn bus_ids_are_made_as_the_original_makes_them() {
        let id = bus_id(&env(&[("spring.application.name", "bus-app")], &[]), 24110);
        let random = id.strip_prefix("bus-app:24110:").unwrap();
        assert!(random.len() == 32 && random.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{id}");
        let id = bus_id(&env(&[("spring.application.index", "3")], &["dev", "eu"]), 1);
        assert!(id.starts_with("application:dev,eu:3:"), "{id}");
        assert_eq!(bus_id(&env(&[("spring.cloud.bus.id", "custom-id")], &["dev"]), 1), "custom-id");
        let cloud = [
            ("vcap.application.name", "a"),
            ("vcap.application.instance_index", "0"),
            ("vcap.application.instance_id", "i"),
        ];
        assert_eq!(bus_id(&env(&cloud, &[]), 1), "a:0:i");
    }

    #[test]
    fn the_transport_follows_from_what_is_configured() {
        let choice = |pairs: &[(&str, &str)]| {
            let env = env(pairs, &[]);
            env.bind::<Own>("wellspring.bus").and_then(|own| own.choice(&env))
        };
        assert_eq!(choice(&[]).unwrap(), Choice::Memory);
        assert_eq!(choice(&[("wellspring.bus.url", "http://localhost:8889")]).unwrap(), Choice::Sse);
        #[cfg(feature = "amqp")]
        assert_eq!(
            choice(&[("spring.rabbitmq.host", "mq"), ("wellspring.bus.url", "x")]).unwrap(),
            Choice::Amqp
        );
        #[cfg(all(feature = "amqp", feature = "kafka"))]
        for (pairs, expected) in [
            (&[("spring.kafka.bootstrap-servers", "k:9092")][..], Choice::Kafka),
            (&[("spring.cloud.stream.kafka.binder.brokers", "k")], Choice::Kafka),
            (&[("spring.kafka.client-id", "x"), ("spring.rabbitmq.host", "mq")], Choice::Amqp),
            (
                &[("spring.cloud.stream.default-binder", "kafka"), ("spring.rabbitmq.host", "mq")],
                Choice::Kafka,
            ),
            (
                &[("spring.cloud.stream.default-binder", "rabbit"), ("spring.kafka.client-id", "x")],
                Choice::Amqp,
            ),
        ] {
            assert_eq!(choice(pairs).unwrap(), expected, "{pairs:?}");
        }
        assert_eq!(
            choice(&[("spring.rabbitmq.host", "mq"), ("wellspring.bus.transport", "memory")]).unwrap(),
            Choice::Memory
        );
        assert!(
            choice(&[("wellspring.bus.transport", "sse")]).unwrap_err().line().contains("wellspring.bus.url")
        );
        assert!(choice(&[("wellspring.bus.transport", "pigeon")]).is_err());
    }

    #[test]
    fn only_keys_that_nothing_reads_are_unknown() {
        let env = env(
            &[
                ("wellspring.bus.server.port", "1"),
                ("wellspring.bus.management.endpoint.health.show-details", "always"),
                ("wellspring.bus.confirm-timout", "2"),
            ],
            &[],
        );
        let (own, unknown) = env.bind_checked::<Own>("wellspring.bus");
        own.unwrap();
        let lines: Vec<_> = unknown.iter().map(Problem::line).collect();
        assert!(lines.len() == 1 && lines[0].contains("confirm-timout"), "{lines:?}");
    }

    #[test]
    fn settings_bind() {
        let env = env(
            &[
                ("spring.cloud.bus.ack.enabled", "false"),
                ("spring.cloud.bus.ack.destinationService", "board"),
                ("spring.cloud.bus.trace.enabled", "true"),
                ("wellspring.bus.confirm-timeout", "2"),
                ("wellspring.bus.max-message-size", "64KB"),
            ],
            &[],
        );
        let config: Config = env.bind("spring.cloud.bus").unwrap();
        assert_eq!((config.ack.enabled, config.ack.destination_service.as_str()), (false, "board"));
        assert!(config.trace.enabled && config.refresh.enabled);
        let own: Own = env.bind("wellspring.bus").unwrap();
        assert_eq!((own.confirm_timeout, own.max_message_size.0), (Duration::from_secs(2), 64 << 10));
    }
}
