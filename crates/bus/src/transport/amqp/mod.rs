//! RabbitMQ, on the wire as Spring Cloud Bus with its Rabbit binder.
//!
//! Two connections, one to consume and one to publish, each with its own loop: connect, declare, work, and after a break again
//! from the start. Messages are published with confirms; what was not confirmed when the connection broke goes out again, so
//! that nothing is lost and an event may come twice, which its id shows.

mod consumer;
mod message;
mod publisher;
mod settings;
mod unseen;

use std::sync::Arc;
use std::time::Duration;

use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};
use tracing::{debug, warn};
use wellspring_properties::{Environment, Problem};

use super::links::{Links, Role};
use super::remote::Remote;
use crate::bus::Options;

pub use settings::Settings;
pub(crate) use settings::check;

const OK: u16 = 200;
const LEAVE: Duration = Duration::from_secs(1);

/// Connects to the broker of `spring.rabbitmq.*`, now and whenever it is back.
pub fn from_env(env: &Environment, options: &Options) -> Result<Remote, Problem> {
    let settings = Settings::from_env(env, &options.config, &options.own)?;
    for unused in &settings.unused {
        warn!("{}", unused.line());
    }
    Ok(connect(settings, &options.id))
}

/// As [`from_env`]. `id` names the connections.
pub fn connect(settings: Settings, id: &str) -> Remote {
    let links = Arc::new(Links::new("RabbitMQ", settings.broker()));
    let settings = Arc::new(settings);
    let remote = Remote::new("amqp", links.state());
    let unseen = Arc::new(unseen::Unseen::new(settings.is_anonymous()));
    let consumer = consumer::Consumer::new(
        Arc::clone(&settings),
        Arc::clone(&remote.subscribers),
        Arc::clone(&links),
        Arc::clone(&unseen),
        id.to_owned(),
    );
    let outbox = remote.outbox.clone();
    let publisher = publisher::Publisher::new(settings, outbox, links, unseen, format!("{id}.publisher"));
    remote.spawn(|shutdown| consumer.run(shutdown));
    remote.spawn(|shutdown| publisher.run(shutdown));
    remote
}

/// Why a connection is at its end, in words for the log and for health.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Amqp(#[from] lapin::Error),
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    #[error("the broker did not take a message")]
    NotTaken,
    #[error("the connection is gone")]
    Gone,
    #[error("the broker ended the consumer")]
    Ended,
    #[error("no address is configured")]
    NoAddress,
}

impl Broken {
    /// The AMQP reply code, when the broker has sent one.
    fn code(&self) -> Option<u16> {
        match self {
            Self::Amqp(error) => match error.kind() {
                lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
                _ => None,
            },
            Self::NoAnswer(_) | Self::NotTaken | Self::Gone | Self::Ended | Self::NoAddress => None,
        }
    }
}

/// Takes leave of the broker, which would log an abrupt end as an error.
async fn close(connection: Option<Connection>) {
    if let Some(connection) = connection
        && let Ok(Err(error)) = tokio::time::timeout(LEAVE, connection.close(OK, "bye".into())).await
    {
        debug!(%error, "connection was gone before it was closed");
    }
}

/// The exchange as the original declares it: another type or flag would break the peers.
async fn declare_exchange(channel: &Channel, settings: &Settings) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let name = settings.exchange.as_str().into();
    channel.exchange_declare(name, ExchangeKind::Topic, durable, FieldTable::default()).await
}
