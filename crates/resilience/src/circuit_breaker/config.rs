//! `resilience4j.circuitbreaker.instances.<name>.*`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::state::State;
use crate::interval::Interval;
use crate::rejection::Invalid;
use crate::verdict::ErrorLists;

/// What the window's size counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WindowType {
    /// Calls.
    #[default]
    CountBased,
    /// Seconds.
    TimeBased,
}

/// Where a half-open breaker goes whose trial calls take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WaitedHalfOpen {
    /// Back to open.
    #[default]
    Open,
    /// Closed, taking the silence for health.
    Closed,
}

/// The settings of a circuit breaker; keys and defaults are those of Resilience4j.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CircuitBreakerConfig {
    /// Percent of failures that opens the breaker, above 0 up to 100.
    pub failure_rate_threshold: f32,
    /// Percent of slow calls that opens the breaker, above 0 up to 100.
    pub slow_call_rate_threshold: f32,
    /// A call that takes longer than this is slow.
    #[serde(with = "crate::duration")]
    pub slow_call_duration_threshold: Duration,
    /// What `sliding_window_size` counts.
    pub sliding_window_type: WindowType,
    /// Calls or seconds.
    pub sliding_window_size: u32,
    /// Calls before the rates are looked at.
    pub minimum_number_of_calls: u32,
    /// Trial calls while half-open.
    pub permitted_number_of_calls_in_half_open_state: u32,
    /// How long the breaker stays open.
    #[serde(with = "crate::duration")]
    pub wait_duration_in_open_state: Duration,
    /// Whether each opening in a row waits longer.
    pub enable_exponential_backoff: bool,
    /// Factor from one opening to the next.
    pub exponential_backoff_multiplier: f64,
    /// The longest wait of the growing ones.
    #[serde(with = "crate::duration::option")]
    pub exponential_max_wait_duration_in_open_state: Option<Duration>,
    /// Whether the wait varies at random.
    pub enable_randomized_wait: bool,
    /// By how much, 0 to 1.
    pub randomized_wait_factor: f64,
    /// Whether the end of the wait makes the breaker half-open without waiting for a call.
    pub automatic_transition_from_open_to_half_open_enabled: bool,
    /// The longest half-open stay; zero: no limit.
    #[serde(with = "crate::duration")]
    pub max_wait_duration_in_half_open_state: Duration,
    /// Where it goes after that.
    pub transition_to_state_after_wait_duration: WaitedHalfOpen,
    /// The state to begin in.
    pub initial_state: State,
    /// Names of errors that are failures; empty: all.
    pub record_exceptions: Vec<String>,
    /// Names of errors that count for nothing.
    pub ignore_exceptions: Vec<String>,
    /// How many events the actuator keeps.
    pub event_consumer_buffer_size: usize,
    /// Whether the breaker shows in the health page.
    pub register_health_indicator: bool,
    /// Whether an open breaker makes the health page DOWN.
    pub allow_health_indicator_to_fail: bool,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            failure_rate_threshold: 50.0,
            slow_call_rate_threshold: 100.0,
            slow_call_duration_threshold: Duration::from_secs(60),
            sliding_window_type: WindowType::CountBased,
            sliding_window_size: 100,
            minimum_number_of_calls: 100,
            permitted_number_of_calls_in_half_open_state: 10,
            wait_duration_in_open_state: Duration::from_secs(60),
            enable_exponential_backoff: false,
            exponential_backoff_multiplier: 1.5,
            exponential_max_wait_duration_in_open_state: None,
            enable_randomized_wait: false,
            randomized_wait_factor: 0.5,
            automatic_transition_from_open_to_half_open_enabled: false,
            max_wait_duration_in_half_open_state: Duration::ZERO,
            transition_to_state_after_wait_duration: WaitedHalfOpen::Open,
            initial_state: State::Closed,
            record_exceptions: Vec::new(),
            ignore_exceptions: Vec::new(),
            event_consumer_buffer_size: 100,
            register_health_indicator: false,
            allow_health_indicator_to_fail: false,
        }
    }
}

impl CircuitBreakerConfig {
    /// Whether a breaker can work with these.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn validate(&self) -> Result<(), Invalid> {
        let percent = |value: f32| value > 0.0 && value <= 100.0;
        Invalid::unless(
            percent(self.failure_rate_threshold),
            "failureRateThreshold",
            "above 0 and at most 100",
        )?;
        Invalid::unless(
            percent(self.slow_call_rate_threshold),
            "slowCallRateThreshold",
            "above 0 and at most 100",
        )?;
        Invalid::unless(self.sliding_window_size >= 1, "slidingWindowSize", "at least 1")?;
        Invalid::unless(self.minimum_number_of_calls >= 1, "minimumNumberOfCalls", "at least 1")?;
        Invalid::unless(
            self.permitted_number_of_calls_in_half_open_state >= 1,
            "permittedNumberOfCallsInHalfOpenState",
            "at least 1",
        )?;
        Invalid::unless(
            self.wait_duration_in_open_state >= Duration::from_millis(1),
            "waitDurationInOpenState",
            "at least 1 ms",
        )?;
        Invalid::unless(
            self.slow_call_duration_threshold >= Duration::from_nanos(1),
            "slowCallDurationThreshold",
            "at least 1 ns",
        )?;
        Invalid::unless(
            !(self.enable_exponential_backoff && self.enable_randomized_wait),
            "enableRandomizedWait",
            "off while enableExponentialBackoff is on",
        )?;
        Invalid::unless(
            self.interval().validate().is_ok(),
            "exponentialBackoffMultiplier, randomizedWaitFactor",
            "a multiplier of at least 1, a factor between 0 and 1",
        )
    }

    /// How long the breaker stays open, by the number of openings in a row.
    #[must_use]
    pub fn interval(&self) -> Interval {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let initial = millis(self.wait_duration_in_open_state);
        if self.enable_exponential_backoff {
            Interval::Exponential {
                initial,
                multiplier: self.exponential_backoff_multiplier,
                max: self.exponential_max_wait_duration_in_open_state.map(millis),
            }
        } else if self.enable_randomized_wait {
            Interval::Randomized { millis: initial, factor: self.randomized_wait_factor }
        } else {
            Interval::Fixed { millis: initial }
        }
    }

    /// Which errors count.
    #[must_use]
    pub fn errors(&self) -> ErrorLists {
        ErrorLists { record: self.record_exceptions.clone(), ignore: self.ignore_exceptions.clone() }
    }
}
