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

use futures_util::future::BoxFuture;
use lapin::options::ExchangeDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use wellspring_properties::{Environment, Problem};

use super::links::{Links, Role};
use super::outbox::Outbox;
use super::subscribers::Subscribers;
use super::{Delivery, Outgoing, Receipt, State, Transport};
use crate::bus::Options;

pub use settings::Settings;

const OK: u16 = 200;
const LEAVE: Duration = Duration::from_secs(1);
const CLOSING: Duration = Duration::from_secs(5);

/// A connection to RabbitMQ.
#[derive(Debug)]
pub struct Amqp {
    outbox: Outbox,
    subscribers: Arc<Subscribers>,
    state: watch::Receiver<State>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Amqp {
    /// Connects to the broker of `spring.rabbitmq.*`, now and whenever it is back.
    pub fn from_env(env: &Environment, options: &Options) -> Result<Self, Problem> {
        let settings = Settings::from_env(env, &options.config, &options.own)?;
        for unused in &settings.unused {
            warn!("{}", unused.line());
        }
        Ok(Self::connect(settings, &options.id))
    }

    /// As `from_env`. `id` names the connections.
    pub fn connect(settings: Settings, id: &str) -> Self {
        let links = Arc::new(Links::new("RabbitMQ", settings.broker()));
        let settings = Arc::new(settings);
        let state = links.state();
        let outbox = Outbox::new("amqp", state.clone());
        let subscribers = Arc::new(Subscribers::default());
        let unseen = Arc::new(unseen::Unseen::new(settings.is_anonymous()));
        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let consumer = consumer::Consumer::new(
            Arc::clone(&settings),
            Arc::clone(&subscribers),
            Arc::clone(&links),
            Arc::clone(&unseen),
            id.to_owned(),
        );
        let publisher =
            publisher::Publisher::new(settings, outbox.clone(), links, unseen, format!("{id}.publisher"));
        tasks.spawn(consumer.run(shutdown.clone()));
        tasks.spawn(publisher.run(shutdown.clone()));
        Self { outbox, subscribers, state, shutdown, tasks }
    }
}

impl Transport for Amqp {
    fn name(&self) -> &'static str {
        "amqp"
    }

    fn publish(&self, message: Outgoing) -> Receipt {
        self.outbox.push(message)
    }

    fn subscribe(&self) -> mpsc::Receiver<Delivery> {
        self.subscribers.add()
    }

    fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    fn waiting(&self) -> usize {
        self.outbox.len()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let up = *self.state.borrow() == State::Up;
            self.outbox.close(if up { CLOSING } else { Duration::ZERO }).await;
            self.shutdown.cancel();
            self.tasks.close();
            self.tasks.wait().await;
        })
    }
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
