//! `resilience4j.retry.instances.<name>.*`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::interval::Interval;
use crate::rejection::Invalid;
use crate::verdict::ErrorLists;

/// The settings of a retry; keys and defaults are those of Resilience4j.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RetryConfig {
    /// The first call included.
    pub max_attempts: u32,
    /// Before the second attempt; before every further one too unless the wait grows.
    #[serde(with = "crate::duration")]
    pub wait_duration: Duration,
    /// Whether each wait is longer than the one before.
    pub enable_exponential_backoff: bool,
    /// Factor from one wait to the next.
    pub exponential_backoff_multiplier: f64,
    /// The longest wait.
    #[serde(with = "crate::duration::option")]
    pub exponential_max_wait_duration: Option<Duration>,
    /// Whether waits vary at random.
    pub enable_randomized_wait: bool,
    /// By how much, 0 to 1.
    pub randomized_wait_factor: f64,
    /// Names of errors to retry; empty: all.
    pub retry_exceptions: Vec<String>,
    /// Names of errors never to retry.
    pub ignore_exceptions: Vec<String>,
    /// Whether unwanted results end in an error when the attempts are used up.
    pub fail_after_max_attempts: bool,
    /// How many events the actuator keeps.
    pub event_consumer_buffer_size: usize,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            wait_duration: Duration::from_millis(500),
            enable_exponential_backoff: false,
            exponential_backoff_multiplier: 1.5,
            exponential_max_wait_duration: None,
            enable_randomized_wait: false,
            randomized_wait_factor: 0.5,
            retry_exceptions: Vec::new(),
            ignore_exceptions: Vec::new(),
            fail_after_max_attempts: false,
            event_consumer_buffer_size: 100,
        }
    }
}

impl RetryConfig {
    /// Whether a retry can work with these.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn validate(&self) -> Result<(), Invalid> {
        Invalid::unless(self.max_attempts >= 1, "maxAttempts", "at least 1")?;
        // A fixed wait of nothing is legal, an interval that grows or varies begins at 1 ms.
        let fixed = !self.enable_exponential_backoff && !self.enable_randomized_wait;
        Invalid::unless(
            fixed || self.interval().validate().is_ok(),
            "waitDuration, exponentialBackoffMultiplier, randomizedWaitFactor",
            "at least 1 ms, at least 1, between 0 and 1",
        )
    }

    /// How long to wait, by the number of attempts that failed.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let initial = millis(self.wait_duration);
        let (multiplier, factor) = (self.exponential_backoff_multiplier, self.randomized_wait_factor);
        let max = self.exponential_max_wait_duration.map(millis);
        match (self.enable_exponential_backoff, self.enable_randomized_wait) {
            (true, true) => Interval::ExponentialRandomized { initial, multiplier, factor, max },
            (true, false) => Interval::Exponential { initial, multiplier, max },
            (false, true) => Interval::Randomized { millis: initial, factor },
            (false, false) => Interval::Fixed { millis: initial },
        }
    }

    /// Which errors are retried.
    #[must_use]
    pub fn errors(&self) -> ErrorLists {
        ErrorLists { record: self.retry_exceptions.clone(), ignore: self.ignore_exceptions.clone() }
    }
}
