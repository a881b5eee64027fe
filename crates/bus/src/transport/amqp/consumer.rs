//! The consuming connection: exchange, queue and binding are declared each time anew.
//!
//! Deliveries are acknowledged one by one as their verdicts come; a message that nobody can handle is rejected without
//! requeue. After a break, subscribers are told that they may have missed something: an anonymous queue is gone with its
//! connection.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::settings::Queue;
use super::unseen::Unseen;
use super::{Broken, Links, Role, Settings, message};
use crate::transport::pause::Pause;
use crate::transport::subscribers::Subscribers;
use crate::transport::{Delivery, Incoming, Settle, Verdict};

/// 405: another connection, perhaps our own earlier one, still holds the exclusive queue.
const RESOURCE_LOCKED: u16 = 405;

pub(super) struct Consumer {
    settings: Arc<Settings>,
    subscribers: Arc<Subscribers>,
    links: Arc<Links>,
    unseen: Arc<Unseen>,
    name: String,
    queue: Queue,
    connection: Option<Connection>,
    /// Whether there was a connection before this one.
    known: bool,
}

impl Consumer {
    pub(super) fn new(
        settings: Arc<Settings>,
        subscribers: Arc<Subscribers>,
        links: Arc<Links>,
        unseen: Arc<Unseen>,
        name: String,
    ) -> Self {
        let queue = settings.queue();
        Self { settings, subscribers, links, unseen, name, queue, connection: None, known: false }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = Pause::default();
        loop {
            let ended = shutdown.run_until_cancelled(Box::pin(self.session(&mut pause))).await;
            super::close(self.connection.take()).await;
            let Some(broken) = ended else { return };
            if self.queue.exclusive && broken.code() == Some(RESOURCE_LOCKED) {
                self.queue = self.settings.queue();
            }
            self.links.down(Role::Consumer, broken.to_string());
            if shutdown.run_until_cancelled(pause.wait()).await.is_none() {
                return;
            }
        }
    }

    /// Consumes until the connection breaks; why it did.
    async fn session(&mut self, pause: &mut Pause) -> Broken {
        match self.joined(pause).await {
            Ok(()) => Broken::Ended,
            Err(broken) => broken,
        }
    }

    async fn joined(&mut self, pause: &mut Pause) -> Result<(), Broken> {
        let connection = self.connection.insert(self.settings.connect(&self.name).await?);
        let channel = connection.create_channel().await?;
        let deliveries = self.declare(&channel).await?;
        self.links.up(Role::Consumer);
        pause.reset();
        if std::mem::replace(&mut self.known, true) && self.queue.exclusive {
            self.subscribers.deliver(Delivery::Gap).await;
        }
        Ok(self.consume(&channel, deliveries).await?)
    }

    async fn declare(&self, channel: &Channel) -> lapin::Result<lapin::Consumer> {
        super::declare_exchange(channel, &self.settings).await?;
        let queue = &self.queue;
        let options = QueueDeclareOptions {
            durable: queue.durable,
            exclusive: queue.exclusive,
            auto_delete: queue.exclusive,
            ..QueueDeclareOptions::default()
        };
        let name = || queue.name.as_str().into();
        channel.queue_declare(name(), options, FieldTable::default()).await?;
        let exchange = self.settings.exchange.as_str().into();
        channel
            .queue_bind(name(), exchange, "#".into(), QueueBindOptions::default(), FieldTable::default())
            .await?;
        channel.basic_qos(queue.prefetch, BasicQosOptions::default()).await?;
        channel.basic_consume(name(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
    }

    async fn consume(&self, channel: &Channel, mut deliveries: lapin::Consumer) -> lapin::Result<()> {
        // Bounded by the prefetch.
        let (verdicts, mut settled) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                biased;
                Some((tag, verdict)) = settled.recv() => match verdict {
                    Verdict::Handled => channel.basic_ack(tag, BasicAckOptions::default()).await?,
                    Verdict::Poison => channel.basic_reject(tag, BasicRejectOptions { requeue: false }).await?,
                },
                delivery = deliveries.next() => match delivery {
                    Some(Ok(message)) => {
                        self.unseen.seen(&message.properties);
                        self.subscribers.deliver(incoming(message, &verdicts)).await;
                    }
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
            }
        }
    }
}

fn incoming(message: Message, verdicts: &mpsc::UnboundedSender<(u64, Verdict)>) -> Delivery {
    let (tag, verdicts) = (message.delivery_tag, verdicts.clone());
    Delivery::Message(Incoming {
        content_type: message::content_type(&message.properties),
        source: message::source(&message),
        body: Bytes::from(message.data),
        settle: Settle::new(move |verdict| {
            if verdicts.send((tag, verdict)).is_err() {
                debug!(tag, ?verdict, "connection gone before its message was settled");
            }
        }),
    })
}
