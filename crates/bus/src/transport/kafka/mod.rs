//! Kafka, on the wire as Spring Cloud Bus with its Kafka binder: one topic, JSON, the content type in a header.
//!
//! Everyone reads everything: no consumer group, but the own place in each partition, from the end of the topic on. After a break
//! reading goes on at that place, so nothing is missed while the topic keeps it. What was not confirmed when a connection broke
//! goes out again; an event that comes twice is known by its id.

mod consumer;
mod message;
mod publisher;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};
use tracing::warn;
use wellspring_properties::{Environment, Problem};

use super::links::Links;
use super::remote::Remote;
use crate::bus::Options;

pub use settings::Settings;

/// No request takes longer; a broker that accepts and says nothing is away.
const PATIENCE: Duration = Duration::from_secs(15);

/// Connects to the brokers of the properties, now and whenever they are back.
pub fn from_env(env: &Environment, options: &Options) -> Result<Remote, Problem> {
    let settings = Settings::from_env(env, &options.config, &options.own)?;
    for unused in settings.unused() {
        warn!("{}", unused.line());
    }
    Ok(connect(settings, &options.id))
}

/// As [`from_env`]. `id` names the client.
pub fn connect(settings: Settings, id: &str) -> Remote {
    let links = Arc::new(Links::new("Kafka", settings.brokers()));
    let settings = Arc::new(settings.named(id));
    let remote = Remote::new("kafka", links.state());
    let subscribers = Arc::clone(&remote.subscribers);
    let consumer = consumer::Consumer::new(Arc::clone(&settings), subscribers, Arc::clone(&links));
    let publisher = publisher::Publisher::new(settings, remote.outbox.clone(), links);
    remote.spawn(|shutdown| consumer.run(shutdown));
    remote.spawn(|shutdown| publisher.run(shutdown));
    remote
}

/// Why a session is at its end, in words for the log and for health.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Kafka(#[from] Error),
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    #[error(
        "there is no topic {0}, and it may not be made (spring.cloud.stream.kafka.binder.auto-create-topics)"
    )]
    NoTopic(String),
    #[error("our own consumer is not connected")]
    NotConsuming,
}

impl Broken {
    fn protocol(&self) -> Option<ProtocolError> {
        match self {
            Self::Kafka(Error::ServerError { protocol_error, .. }) => Some(*protocol_error),
            _ => None,
        }
    }
}

/// A request with a deadline.
async fn asked<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, Broken> {
    match tokio::time::timeout(PATIENCE, request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Broken::NoAnswer(PATIENCE)),
    }
}

/// The partitions of the bus's topic, which is made when it is missing.
async fn partitions(client: &Client, settings: &Settings) -> Result<Vec<i32>, Broken> {
    for attempt in 0..2 {
        let topics = asked(client.list_topics()).await?;
        if let Some(topic) = topics.into_iter().find(|topic| topic.name == settings.topic) {
            return Ok(topic.partitions.into_iter().collect());
        }
        if attempt > 0 || !settings.creates_topics() {
            break;
        }
        let controller = client.controller_client()?;
        let (count, replicas) = (settings.partition_count(), settings.replication_factor());
        let wait = i32::try_from(PATIENCE.as_millis()).unwrap_or(i32::MAX);
        let made = asked(controller.create_topic(settings.topic.as_str(), count, replicas, wait)).await;
        match made {
            // Another application was faster.
            Err(broken) if broken.protocol() == Some(ProtocolError::TopicAlreadyExists) => {}
            made => made?,
        }
    }
    Err(Broken::NoTopic(settings.topic.clone()))
}
