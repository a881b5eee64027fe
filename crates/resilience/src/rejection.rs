//! What a pattern answers instead of making the call, and what it says of settings it cannot work with.

use std::sync::Arc;

/// The call was not made, or its answer not waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The circuit breaker is open, or half-open with no trial call left.
    #[error("CircuitBreaker '{name}' is {state} and does not permit further calls")]
    CallNotPermitted {
        /// Of the breaker.
        name: Arc<str>,
        /// The breaker's state as the original spells it.
        state: &'static str,
    },
    /// The rate limiter has no permission within the time-out.
    #[error("RateLimiter '{name}' does not permit further calls")]
    RequestNotPermitted {
        /// Of the limiter.
        name: Arc<str>,
    },
    /// The bulkhead is full.
    #[error("Bulkhead '{name}' is full and does not permit further calls")]
    BulkheadFull {
        /// Of the bulkhead.
        name: Arc<str>,
    },
    /// The call took longer than the time limiter allows.
    #[error("TimeLimiter '{name}' recorded a timeout exception.")]
    TimedOut {
        /// Of the time limiter.
        name: Arc<str>,
    },
    /// Every attempt ended with a result that is to be retried.
    #[error("Retry '{name}' has exhausted all attempts ({attempts})")]
    MaxRetriesExceeded {
        /// Of the retry.
        name: Arc<str>,
        /// How many attempts were made.
        attempts: u32,
    },
}

/// A setting that a pattern cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} must be {wanted}")]
pub struct Invalid {
    /// The key as it is written in configuration.
    pub setting: &'static str,
    /// What would be accepted.
    pub wanted: &'static str,
}

impl Invalid {
    pub(crate) fn unless(holds: bool, setting: &'static str, wanted: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { setting, wanted }) }
    }
}
