//! How messages travel. A transport knows bytes and content types, not events.
//!
//! `memory` joins parts of one process, `sse` reaches a bus daemon over HTTP, `amqp` a RabbitMQ, `kafka` a Kafka. Publishing queues at once, in
//! order; the receipt tells later whether the other side took the message. Memory is bounded everywhere.

#[cfg(feature = "amqp")]
pub mod amqp;
pub mod bridge;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(any(feature = "amqp", feature = "kafka"))]
mod links;
pub mod memory;
mod outbox;
mod pause;
#[cfg(any(feature = "amqp", feature = "kafka"))]
mod remote;
pub mod sse;
mod subscribers;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use crate::PublishError;

#[cfg(any(feature = "amqp", feature = "kafka"))]
pub use remote::Remote;

/// A way for messages to travel.
pub trait Transport: Send + Sync + fmt::Debug {
    /// Name in logs, health and metrics.
    fn name(&self) -> &'static str;

    /// Queues a message. The order of calls is the order of messages; the receipt may be dropped without effect.
    fn publish(&self, message: Outgoing) -> Receipt;

    /// From now on, everything that is published by anyone, own messages included.
    fn subscribe(&self) -> mpsc::Receiver<Delivery>;

    /// Whether messages flow.
    fn state(&self) -> watch::Receiver<State>;

    /// Messages that wait for the other side.
    fn waiting(&self) -> usize {
        0
    }

    /// Lets what is queued go out, then disconnects.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Answers when the other side has taken the message, or will not.
pub type Receipt = BoxFuture<'static, Result<(), PublishError>>;

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// JSON of the event.
    pub body: Bytes,
    /// After this time a message that was not taken is withdrawn.
    pub patience: Duration,
}

/// What a subscriber gets.
#[derive(Debug)]
pub enum Delivery {
    /// A message.
    Message(Incoming),
    /// Messages may have been missed: the connection was away.
    Gap,
}

/// A message that arrived.
#[derive(Debug)]
pub struct Incoming {
    /// The body as it came.
    pub body: Bytes,
    /// MIME type that the sender gave, if any.
    pub content_type: Option<String>,
    /// What the transport knows of the sender, for complaints; only with messages that do not look like events.
    pub source: Option<String>,
    /// Tells the transport what became of the message; dropped, it is taken as handled.
    pub settle: Settle,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Handled, or nothing to do.
    Handled,
    /// Cannot be handled by anyone: not to be delivered again.
    Poison,
}

/// Answers a delivery, exactly once.
#[derive(Default)]
pub struct Settle(Option<Box<dyn FnOnce(Verdict) + Send + Sync>>);

/// Whether messages flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Connected.
    Up,
    /// Not connected, and why.
    Down(String),
}

// === impl Settle ===

impl Settle {
    /// Calls `answer` with the verdict.
    pub fn new(answer: impl FnOnce(Verdict) + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    /// Gives the verdict.
    pub fn with(mut self, verdict: Verdict) {
        if let Some(answer) = self.0.take() {
            answer(verdict);
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Verdict::Handled);
        }
    }
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Settle").field(&self.0.is_some()).finish()
    }
}

// === impl State ===

impl State {
    /// Why not, when down.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Up => None,
            Self::Down(reason) => Some(reason),
        }
    }
}
