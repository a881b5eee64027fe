//! The reading side: every partition from its end on, and after a break from where reading stopped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use parking_lot::Mutex;
use rskafka::client::error::ProtocolError;
use rskafka::client::partition::{OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::record::RecordAndOffset;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Broken, Settings, asked, message, partitions};
use crate::transport::links::{Links, Role};
use crate::transport::pause::Pause;
use crate::transport::subscribers::Subscribers;
use crate::transport::{Delivery, Incoming, Settle};

/// How long the broker may wait for news before it answers.
const WAIT_MILLIS: i32 = 500;
/// A place in the topic that cannot be read so often is passed over.
const ATTEMPTS: u32 = 3;

pub(super) struct Consumer {
    settings: Arc<Settings>,
    subscribers: Arc<Subscribers>,
    links: Arc<Links>,
    /// Where each partition is read next, and how often that has failed.
    places: Mutex<BTreeMap<i32, Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    offset: i64,
    failures: u32,
}

impl Consumer {
    pub(super) fn new(settings: Arc<Settings>, subscribers: Arc<Subscribers>, links: Arc<Links>) -> Self {
        Self { settings, subscribers, links, places: Mutex::default() }
    }

    pub(super) async fn run(self, shutdown: CancellationToken) {
        let mut pause = Pause::default();
        loop {
            let ended = shutdown.run_until_cancelled(Box::pin(self.session(&mut pause))).await;
            match ended {
                None => return,
                Some(broken) => self.links.down(Role::Consumer, broken.to_string()),
            }
            if shutdown.run_until_cancelled(pause.wait()).await.is_none() {
                return;
            }
        }
    }

    /// Reads until the connection breaks; why it did.
    async fn session(&self, pause: &mut Pause) -> Broken {
        let opened = match self.open().await {
            Ok(opened) => opened,
            Err(broken) => return broken,
        };
        self.links.up(Role::Consumer);
        pause.reset();
        let readers = opened.iter().map(|partition| self.read(partition));
        match try_join_all(readers).await {
            Ok(_) => Broken::NoTopic(self.settings.topic.clone()),
            Err(broken) => broken,
        }
    }

    async fn open(&self) -> Result<Vec<PartitionClient>, Broken> {
        let client = self.settings.client().await?;
        let mut opened = Vec::new();
        for number in partitions(&client, &self.settings).await? {
            let topic = self.settings.topic.as_str();
            let partition =
                asked(client.partition_client(topic, number, UnknownTopicHandling::Retry)).await?;
            if !self.places.lock().contains_key(&number) {
                let offset = asked(partition.get_offset(OffsetAt::Latest)).await?;
                self.places.lock().insert(number, Place { offset, failures: 0 });
            }
            opened.push(partition);
        }
        Ok(opened)
    }

    async fn read(&self, partition: &PartitionClient) -> Result<(), Broken> {
        let number = partition.partition();
        loop {
            let Some(place) = self.places.lock().get(&number).copied() else { return Ok(()) };
            let bytes = 1..self.settings.fetch_bytes();
            match asked(partition.fetch_records(place.offset, bytes, WAIT_MILLIS)).await {
                Ok((records, _)) => {
                    for record in records {
                        let next = Place { offset: record.offset + 1, failures: 0 };
                        self.deliver(number, record).await;
                        self.places.lock().insert(number, next);
                    }
                }
                Err(broken) => self.failed(partition, place, broken).await?,
            }
        }
    }

    async fn deliver(&self, partition: i32, record: RecordAndOffset) {
        let RecordAndOffset { record, offset } = record;
        let content_type = message::content_type(&record);
        let body = Bytes::from(record.value.unwrap_or_default());
        let source =
            (!body.starts_with(br#"{"type":""#)).then(|| format!("partition {partition}, offset {offset}"));
        let message = Incoming { body, content_type, source, settle: Settle::default() };
        self.subscribers.deliver(Delivery::Message(message)).await;
    }

    /// What cannot be read there must not be asked for for ever: the topic has moved on, or a producer compresses in a way that
    /// is not known here.
    async fn failed(&self, partition: &PartitionClient, place: Place, broken: Broken) -> Result<(), Broken> {
        let number = partition.partition();
        let gone = broken.protocol() == Some(ProtocolError::OffsetOutOfRange);
        let failures = place.failures + 1;
        if !gone && failures < ATTEMPTS {
            self.places.lock().insert(number, Place { failures, ..place });
            return Err(broken);
        }
        // A broker that is away fails here too, and the place is kept.
        let offset = asked(partition.get_offset(OffsetAt::Latest)).await?;
        if gone || offset > place.offset {
            warn!(partition = number, from = place.offset, to = offset, reason = %broken, "messages on Kafka passed over");
            self.subscribers.deliver(Delivery::Gap).await;
        }
        self.places.lock().insert(number, Place { offset: offset.max(0), failures: 0 });
        if gone { Ok(()) } else { Err(broken) }
    }
}
