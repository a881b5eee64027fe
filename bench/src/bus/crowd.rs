//! Other programs on the exchange: many bare consumers, silent or acknowledging, and one that listens in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, Consumer, ExchangeKind};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use wellspring_bus::Event;
use wellspring_test_support::broker::Rabbit;

use super::{EXCHANGE, WAIT, connect, library, wellspring_bus_ack};

/// Channels that share a connection.
const PER_CONNECTION: usize = 20;
/// Silence after which nothing is on its way any more.
const QUIET: Duration = Duration::from_millis(300);

/// Bare consumers, each with a queue of its own.
pub(super) struct Crowd {
    size: usize,
    seen: Arc<AtomicUsize>,
    /// When the last event came to anyone, and how many have come.
    arrivals: watch::Receiver<(usize, Instant)>,
    anything: watch::Receiver<Instant>,
    connections: Vec<Connection>,
}

impl Crowd {
    pub(super) async fn gather(rabbit: &Rabbit, size: usize, acking: bool) -> Result<Self> {
        let seen = Arc::new(AtomicUsize::new(0));
        let (arrived, arrivals) = watch::channel((0, Instant::now()));
        let (any, anything) = watch::channel(Instant::now());
        let (arrived, any) = (Arc::new(arrived), Arc::new(any));
        let mut connections: Vec<Connection> = Vec::new();
        for number in 0..size {
            if number % PER_CONNECTION == 0 {
                connections.push(connect(rabbit).await?);
            }
            let channel = connections.last().context("a connection")?.create_channel().await?;
            let mut messages = consume(&channel).await?;
            let (seen, arrived, any) = (Arc::clone(&seen), Arc::clone(&arrived), Arc::clone(&any));
            tokio::spawn(async move {
                while let Some(Ok(message)) = messages.next().await {
                    any.send_replace(Instant::now());
                    if wellspring_bus_ack(&message.data) {
                        continue;
                    }
                    arrived.send_replace((seen.fetch_add(1, SeqCst) + 1, Instant::now()));
                    if acking && let Ok(event) = Event::read(&message.data) {
                        acknowledge(&channel, &event, number).await;
                    }
                }
            });
        }
        Ok(Self { size, seen, arrivals, anything, connections })
    }

    /// Starts a count.
    pub(super) fn begin(&self) -> Instant {
        self.seen.store(0, SeqCst);
        Instant::now()
    }

    /// Until everyone has one event since `began`.
    pub(super) async fn everyone_since(&self, began: Instant) -> Result<Duration> {
        let mut arrivals = self.arrivals.clone();
        let all = arrivals.wait_for(|(seen, at)| *seen >= self.size && *at >= began);
        let last = tokio::time::timeout(WAIT, all).await.context("some consumers got nothing")??.1;
        Ok(last.saturating_duration_since(began))
    }

    /// Lets all of them go.
    pub(super) async fn disband(self) -> Result<()> {
        for connection in self.connections {
            connection.close(200, "bye".into()).await?;
        }
        Ok(())
    }

    /// Returns when nothing passes any more.
    pub(super) async fn quiet(&self) {
        while self.anything.borrow().elapsed() < QUIET {
            tokio::time::sleep(QUIET / 3).await;
        }
    }
}

async fn acknowledge(channel: &Channel, event: &Event, number: usize) {
    let Some(class) = event.class_name() else { return };
    let ack = Event::ack(event, &class, &format!("crowd:{number}:x"), "**").to_json();
    let properties = BasicProperties::default().with_content_type("application/json".into());
    let options = BasicPublishOptions::default();
    // A broker that goes away ends the whole run.
    drop(channel.basic_publish(EXCHANGE.into(), EXCHANGE.into(), options, &ack, properties).await);
}

/// An application of ours in the place of a service: on a thread of its own, and when it applied each refresh.
pub(super) struct Applier {
    applied: mpsc::UnboundedReceiver<Instant>,
    stop: oneshot::Sender<()>,
}

impl Applier {
    pub(super) async fn start(rabbit: &Rabbit) -> Result<Self> {
        let (sender, applied) = mpsc::unbounded_channel();
        let (ready, joined) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let port = rabbit.port();
        std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let bus = library(port, "applier:1:x").await?;
                bus.on_refresh_call(move || {
                    // Whoever no longer listens has measured enough.
                    sender.send(Instant::now()).ok();
                    Box::pin(async { Ok(Vec::new()) })
                });
                ready.send(()).ok();
                drop(stopped.await);
                bus.close().await;
                Ok(())
            })
        });
        joined.await.context("an application of ours does not start")?;
        Ok(Self { applied, stop })
    }

    pub(super) fn clear(&mut self) {
        while self.applied.try_recv().is_ok() {}
    }

    /// When the next refresh was applied.
    pub(super) async fn next(&mut self) -> Result<Instant> {
        let applied = tokio::time::timeout(WAIT, self.applied.recv());
        applied.await.context("no refresh is applied")?.context("the application has gone")
    }

    pub(super) fn stop(self) {
        // It may have ended by itself.
        self.stop.send(()).ok();
    }
}

/// One who listens in, and when each message came.
pub(super) struct Tap {
    messages: mpsc::UnboundedReceiver<(Vec<u8>, Instant)>,
}

impl Tap {
    pub(super) async fn open(connection: &Connection) -> Result<Self> {
        let channel = connection.create_channel().await?;
        let mut consumer = consume(&channel).await?;
        let (sender, messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Dropped, the channel would be closed.
            let _channel = channel;
            while let Some(Ok(message)) = consumer.next().await {
                if sender.send((message.data, Instant::now())).is_err() {
                    return;
                }
            }
        });
        Ok(Self { messages })
    }

    pub(super) fn clear(&mut self) {
        while self.messages.try_recv().is_ok() {}
    }

    /// When the next message that is wanted came.
    pub(super) async fn next(&mut self, wanted: impl Fn(&[u8]) -> bool) -> Result<Instant> {
        let next = async {
            loop {
                let (body, at) = self.messages.recv().await.context("the broker has gone")?;
                if wanted(&body) {
                    return Ok(at);
                }
            }
        };
        tokio::time::timeout(WAIT, next).await.context("no such message arrives")?
    }
}

async fn consume(channel: &Channel) -> Result<Consumer> {
    let none = FieldTable::default;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, none()).await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), own, none()).await?;
    let name = || queue.name().as_str().into();
    channel.queue_bind(name(), EXCHANGE.into(), "#".into(), QueueBindOptions::default(), none()).await?;
    let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    Ok(channel.basic_consume(name(), "".into(), unacknowledged, none()).await?)
}
