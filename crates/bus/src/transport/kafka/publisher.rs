//! The publishing side: what waits goes out together, in order, and is answered when all replicas have it.

use std::sync::Arc;

use futures_util::FutureExt;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use tokio_util::sync::CancellationToken;

use super::{Broken, PATIENCE, Settings, asked, message, partitions};
use crate::transport::links::{Links, Role};
use crate::transport::outbox::{Letter, Outbox};
use crate::transport::pause::Pause;

/// Messages that go out together.
const BATCH: usize = 100;

pub(super) struct Publisher {
    settings: Arc<Settings>,
    outbox: Outbox,
    links: Arc<Links>,
    on_the_wire: Vec<Letter>,
}

impl Publisher {
    pub(super) fn new(settings: Arc<Settings>, outbox: Outbox, links: Arc<Links>) -> Self {
        Self { settings, outbox, links, on_the_wire: Vec::new() }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = Pause::default();
        loop {
            let ended = shutdown.run_until_cancelled(Box::pin(self.session(&mut pause))).await;
            self.outbox.put_back(self.on_the_wire.drain(..));
            match ended {
                None | Some(Ok(())) => return,
                Some(Err(broken)) => self.links.down(Role::Publisher, broken.to_string()),
            }
            if shutdown.run_until_cancelled(pause.wait()).await.is_none() {
                return;
            }
        }
    }

    /// Publishes until the outbox is closed or the connection breaks.
    async fn session(&mut self, pause: &mut Pause) -> Result<(), Broken> {
        let partition = self.partition().await?;
        // What is sent before our own place in the topic is known would not come back.
        let mut consuming = self.links.consuming();
        let own = tokio::time::timeout(PATIENCE, consuming.wait_for(|consuming| *consuming)).await;
        if !matches!(own, Ok(Ok(_))) {
            return Err(Broken::NotConsuming);
        }
        drop(own);
        self.links.up(Role::Publisher);
        pause.reset();
        while let Some(letter) = self.outbox.take().await {
            self.on_the_wire.push(letter);
            while self.on_the_wire.len() < BATCH
                && let Some(Some(letter)) = self.outbox.take().now_or_never()
            {
                self.on_the_wire.push(letter);
            }
            let records = self.on_the_wire.iter().map(|letter| message::record(&letter.body)).collect();
            asked(partition.produce(records, Compression::NoCompression)).await?;
            for letter in self.on_the_wire.drain(..) {
                self.outbox.answer(letter, Ok(()));
            }
        }
        Ok(())
    }

    /// Always the same partition: the order of events is kept.
    async fn partition(&self) -> Result<PartitionClient, Broken> {
        let client = self.settings.client().await?;
        let first = partitions(&client, &self.settings).await?.into_iter().min().unwrap_or_default();
        let topic = self.settings.topic.as_str();
        asked(client.partition_client(topic, first, UnknownTopicHandling::Retry)).await
    }
}
