//! What can go wrong when an event is published or applied.

use std::time::Duration;

/// Why an event was not published, or not applied by its own sender.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The broker did not take the message in time. It is withdrawn, unless it was on the wire when the connection broke.
    #[error("not confirmed by {transport} within {waited:?}: {reason}")]
    Unconfirmed {
        /// Which transport.
        transport: &'static str,
        /// How long the message waited.
        waited: Duration,
        /// State of the connection.
        reason: String,
    },
    /// The other side refused the message; sending it again would not help.
    #[error("refused by {transport}: {reason}")]
    Refused {
        /// Which transport.
        transport: &'static str,
        /// What it said.
        reason: String,
    },
    /// Too many messages wait for the broker.
    #[error("{waiting} messages wait for {transport} already: {reason}")]
    Full {
        /// Which transport.
        transport: &'static str,
        /// How many wait.
        waiting: usize,
        /// State of the connection.
        reason: String,
    },
    /// The bus was closed.
    #[error("the bus is closed")]
    Closed,
    /// Published, but a listener of the sender itself failed.
    #[error("published, but not applied here: {0}")]
    NotApplied(#[from] Failure),
    /// The custom event is no object in JSON.
    #[error("event cannot be written: {0}")]
    Unwritable(String),
}

impl PublishError {
    /// Whether the same event may be sent again: nobody has applied it for certain.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. } | Self::Full { .. })
    }
}

/// A listener could not handle an event; it is then not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// A failure with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
