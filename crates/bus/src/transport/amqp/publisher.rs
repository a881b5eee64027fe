//! The publishing connection: messages go out one behind the other, their confirms come back behind them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, PublisherConfirm};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::unseen::Unseen;
use super::{Broken, Links, Role, Settings, message};
use crate::transport::outbox::{Letter, Outbox};
use crate::transport::pause::Pause;

/// Messages that may be on the wire without a confirm.
const WINDOW: usize = 512;
/// Longest wait for our own consumer before the first message.
const OWN_CONSUMER: Duration = Duration::from_secs(2);
/// How often an idle connection is looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Publisher {
    settings: Arc<Settings>,
    outbox: Outbox,
    links: Arc<Links>,
    unseen: Arc<Unseen>,
    name: String,
    connection: Option<Connection>,
    /// Published, in order, not confirmed.
    on_the_wire: VecDeque<Letter>,
    /// Confirmed in vain: no consumer has them.
    again: VecDeque<Bytes>,
    /// Confirmed just before the break: if the broker itself was away, not everyone may have them.
    recent: Vec<Bytes>,
    /// Attempts to connect that failed since the last connection, if there was one: the broker itself was away.
    failed_attempts: Option<u32>,
}

impl Publisher {
    pub(super) fn new(
        settings: Arc<Settings>,
        outbox: Outbox,
        links: Arc<Links>,
        unseen: Arc<Unseen>,
        name: String,
    ) -> Self {
        Self {
            settings,
            outbox,
            links,
            unseen,
            name,
            connection: None,
            on_the_wire: VecDeque::new(),
            again: VecDeque::new(),
            recent: Vec::new(),
            failed_attempts: None,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = Pause::default();
        loop {
            let ended = shutdown.run_until_cancelled(Box::pin(self.session(&mut pause))).await;
            super::close(self.connection.take()).await;
            let pending = self.on_the_wire.iter().map(|letter| &letter.body).chain(&self.again);
            let doubtful = self.unseen.take(pending);
            self.recent.extend(doubtful.recent);
            self.again.extend(doubtful.lost);
            self.outbox.put_back(self.on_the_wire.drain(..));
            match ended {
                None | Some(Ok(())) => return,
                Some(Err(broken)) => self.links.down(Role::Publisher, broken.to_string()),
            }
            self.failed_attempts = self.failed_attempts.map(|attempts| attempts.saturating_add(1));
            if shutdown.run_until_cancelled(pause.wait()).await.is_none() {
                return;
            }
        }
    }

    /// Publishes until the outbox is closed or the connection breaks.
    async fn session(&mut self, pause: &mut Pause) -> Result<(), Broken> {
        let connection = self.connection.insert(self.settings.connect(&self.name).await?);
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        super::declare_exchange(&channel, &self.settings).await?;
        self.settle(&channel).await?;
        self.links.up(Role::Publisher);
        pause.reset();
        while let Some(body) = self.again.front() {
            // One after the other: they are few.
            if self.publish(&channel, body).await?.await?.is_nack() {
                return Err(Broken::NotTaken);
            }
            self.again.pop_front();
        }
        let mut confirms = FuturesOrdered::new();
        let mut look = tokio::time::interval(LOOK);
        let mut closed = false;
        loop {
            tokio::select! {
                biased;
                Some(confirm) = confirms.next() => self.confirmed(&confirm?)?,
                letter = self.outbox.take(), if !closed && self.on_the_wire.len() < WINDOW => match letter {
                    None => closed = true,
                    Some(letter) => {
                        let body = letter.body.clone();
                        // On the list first: an error below puts it back with the others.
                        self.on_the_wire.push_back(letter);
                        let publishing = self.publish(&channel, &body);
                        confirms.push_back(publishing.await?);
                    }
                },
                // Without traffic nothing else would tell that the connection has gone.
                _ = look.tick(), if !closed => {
                    if !channel.status().connected() {
                        return Err(Broken::Gone);
                    }
                }
                else => return Ok(()),
            }
            if closed && self.on_the_wire.is_empty() {
                return Ok(());
            }
        }
    }

    async fn publish(&self, channel: &Channel, body: &Bytes) -> Result<PublisherConfirm, Broken> {
        let properties = message::properties();
        self.unseen.sent(&properties, body);
        let exchange = self.settings.exchange.as_str().into();
        let routing_key = self.settings.routing_key.as_str().into();
        let options = BasicPublishOptions::default();
        Ok(channel.basic_publish(exchange, routing_key, options, body, properties).await?)
    }

    /// Waits until the others are back as well. An anonymous queue ends with its consumer's connection: what is published
    /// right after the broker has come back would be confirmed and reach no one.
    async fn settle(&mut self, channel: &Channel) -> Result<(), Broken> {
        let attempts = self.failed_attempts.replace(0);
        let mut consuming = self.links.consuming();
        let own = tokio::time::timeout(OWN_CONSUMER, consuming.wait_for(|consuming| *consuming));
        if own.await.is_err() {
            debug!("publishing without a consumer of our own");
        }
        // One failed attempt is the break itself.
        let recent = std::mem::take(&mut self.recent);
        if attempts.is_some_and(|attempts| attempts > 1) {
            recent.into_iter().rev().for_each(|body| self.again.push_front(body));
            tokio::time::sleep(self.settings.settle_time).await;
        }
        if channel.status().connected() { Ok(()) } else { Err(Broken::Gone) }
    }

    /// The confirm of the oldest message.
    fn confirmed(&mut self, confirmation: &Confirmation) -> Result<(), Broken> {
        let Some(letter) = self.on_the_wire.pop_front() else { return Ok(()) };
        if matches!(confirmation, Confirmation::Nack(_)) {
            // The broker could not take care of it just now: once more, after a pause.
            self.on_the_wire.push_front(letter);
            return Err(Broken::NotTaken);
        }
        self.outbox.answer(letter, Ok(()));
        Ok(())
    }
}
