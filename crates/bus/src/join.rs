//! A bus as the properties say: which transport, which id, which switches.

use std::sync::Arc;
use std::time::Duration;

use wellspring_lb_client::{Client, discovery, http};
use wellspring_properties::{Environment, Problem, codes};
use wellspring_telemetry::Meters;

use crate::bus::{Bus, Options, Scope};
use crate::config::{self, Choice, Config, Own};
use crate::metrics::Instruments;
use crate::transport::Transport;
#[cfg(feature = "amqp")]
use crate::transport::amqp;
#[cfg(feature = "kafka")]
use crate::transport::kafka;
use crate::transport::memory::Exchange;
use crate::transport::sse::Sse;

/// Longer than the daemon's signs of life are apart.
const SILENCE: Duration = Duration::from_secs(40);

impl Options {
    /// From `spring.cloud.bus.*` and `wellspring.bus.*`; `None` with `spring.cloud.bus.enabled: false`. `port` is the one that
    /// this process really listens on.
    pub fn from_env(env: &Environment, port: u16, meters: &Meters) -> Result<Option<Self>, Problem> {
        let config = Config::from_env(env)?;
        if !config.enabled {
            return Ok(None);
        }
        let own = Own::from_env(env)?;
        Ok(Some(Self {
            id: config::bus_id(env, port),
            config_names: config::config_names(env),
            config,
            own,
            ack_log: Scope::Own,
            instruments: Instruments::bind(meters),
        }))
    }
}

impl Bus {
    /// Joins the bus that the properties name; `None` with `spring.cloud.bus.enabled: false`. A broker or daemon that is away
    /// does not hinder the start. To be called within a tokio runtime.
    ///
    /// `client` finds a bus daemon by name (`wellspring.bus.url: lb://wellspring-bus`); without, only by address.
    pub fn from_env(
        env: &Environment,
        port: u16,
        meters: &Meters,
        client: Option<&Client>,
    ) -> Result<Option<Self>, Problem> {
        let Some(options) = Options::from_env(env, port, meters)? else { return Ok(None) };
        let transport: Arc<dyn Transport> = match options.own.choice(env)? {
            Choice::Sse => {
                let client = client.cloned().map_or_else(plain_client, Ok)?;
                Arc::new(Sse::connect(client, &options.own.url, options.config.trace.enabled))
            }
            #[cfg(feature = "amqp")]
            Choice::Amqp => Arc::new(amqp::from_env(env, &options)?),
            #[cfg(feature = "kafka")]
            Choice::Kafka => Arc::new(kafka::from_env(env, &options)?),
            // Without the feature, `choice` has refused the broker.
            _ => Arc::new(Exchange::new()),
        };
        Ok(Some(Self::start(options, transport)))
    }
}

fn plain_client() -> Result<Client, Problem> {
    let options = http::Options { read_timeout: Some(SILENCE), ..http::Options::default() };
    let http = http::client(options)
        .map_err(|error| Problem::new(codes::UNSUPPORTED, format!("HTTP client cannot be made: {error}")))?;
    Ok(Client::new(Arc::new(discovery::Simple::default()), http))
}
