//! `resilience4j.ratelimiter.instances.<name>.*`

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rejection::Invalid;

/// The settings of a rate limiter; keys and defaults are those of Resilience4j.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct RateLimiterConfig {
    /// Permissions a period.
    pub limit_for_period: i32,
    /// After which permissions are there anew.
    #[serde(with = "crate::duration")]
    pub limit_refresh_period: Duration,
    /// The longest wait for a permission.
    #[serde(with = "crate::duration")]
    pub timeout_duration: Duration,
    /// Whether the actuator keeps events.
    pub subscribe_for_events: bool,
    /// How many.
    pub event_consumer_buffer_size: usize,
    /// Whether the limiter shows in the health page.
    pub register_health_indicator: bool,
    /// Whether a limiter without permissions makes the health page DOWN.
    pub allow_health_indicator_to_fail: bool,
}

impl Default for RateLimiterConfig {
    fn default() -> Self {
        Self {
            limit_for_period: 50,
            limit_refresh_period: Duration::from_nanos(500),
            timeout_duration: Duration::from_secs(5),
            subscribe_for_events: false,
            event_consumer_buffer_size: 100,
            register_health_indicator: false,
            allow_health_indicator_to_fail: false,
        }
    }
}

impl RateLimiterConfig {
    /// Whether a limiter can work with these.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn validate(&self) -> Result<(), Invalid> {
        Invalid::unless(self.limit_for_period >= 1, "limitForPeriod", "at least 1")?;
        Invalid::unless(!self.limit_refresh_period.is_zero(), "limitRefreshPeriod", "at least 1 ns")
    }
}
