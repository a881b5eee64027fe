//! How a call by service name fails: one variant per thing the caller can do about it.

use bytes::Bytes;
use thiserror::Error;
use wellspring_resilience::Rejection;

use super::AddressError;

/// Why there is no answer, or not the wanted one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The address names no service.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Discovery knows no instance of the service.
    #[error("no instances available for {service}")]
    NoInstance {
        /// The service asked for.
        service: String,
    },
    /// The instance did not accept the connection.
    #[error("{target} refused the connection")]
    Refused {
        /// Address of the last attempt.
        target: String,
        /// What the transport said.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{target} did not answer in time")]
    TimedOut {
        /// Address of the last attempt.
        target: String,
        /// What the transport said, when it was its time-out.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("call to {target} broke off")]
    Broken {
        /// Address of the last attempt.
        target: String,
        /// What the transport said.
        #[source]
        source: reqwest::Error,
    },
    /// A resilience pattern refused the call, or gave up waiting: open, full, too fast, too slow.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The request cannot be built: a header, the query or the body.
    #[error("request cannot be sent: {message}")]
    Request {
        /// What is wrong with it.
        message: String,
    },
    /// An answer that is not a success, where one was asked for.
    #[error("{target} answered {status}")]
    Reply {
        /// Address of the last attempt.
        target: String,
        /// Its status.
        status: http::StatusCode,
        /// Its body.
        body: Bytes,
    },
    /// A success whose body is not what was asked for.
    #[error("answer of {target} cannot be read: {message}")]
    Body {
        /// Address of the last attempt.
        target: String,
        /// What the decoder said.
        message: String,
    },
}

impl CallError {
    /// Whether another instance might answer: nothing came back at all.
    pub fn is_connection_failure(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::TimedOut { .. } | Self::Broken { .. })
    }

    /// The status of the reply, when there was one.
    pub fn status(&self) -> Option<http::StatusCode> {
        match self {
            Self::Reply { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The kind as a word, for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "Address",
            Self::NoInstance { .. } => "NoInstance",
            Self::Refused { .. } => "Refused",
            Self::TimedOut { .. } => "TimedOut",
            Self::Broken { .. } => "Broken",
            Self::Rejected(_) => "Rejected",
            Self::Request { .. } => "Request",
            Self::Reply { .. } => "Reply",
            Self::Body { .. } => "Body",
        }
    }

    pub(super) fn of_transport(target: &str, source: reqwest::Error) -> Self {
        let target = target.to_owned();
        // The address is told by `target`; reqwest would add it once more, with credentials it may carry.
        let source = source.without_url();
        if source.is_timeout() {
            Self::TimedOut { target, source: Some(source) }
        } else if source.is_connect() {
            Self::Refused { target, source }
        } else if source.is_builder() {
            Self::Request { message: source.to_string() }
        } else {
            Self::Broken { target, source }
        }
    }
}
