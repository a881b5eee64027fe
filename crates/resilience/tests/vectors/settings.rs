//! `config-error`: which settings are accepted

use serde_json::{Value, json};
use wellspring_resilience::bulkhead::BulkheadConfig;
use wellspring_resilience::circuit_breaker::CircuitBreakerConfig;
use wellspring_resilience::rate_limiter::RateLimiterConfig;
use wellspring_resilience::retry::RetryConfig;

use crate::Subject;
use crate::outcome::settings;
use crate::retries::interval;

pub(crate) struct Checker;

/// Refused when it cannot be read, or when the pattern cannot work with it.
fn valid<C: serde::de::DeserializeOwned, E>(
    config: &Value,
    validate: impl FnOnce(&C) -> Result<(), E>,
) -> bool {
    serde_json::from_value(settings(config)).is_ok_and(|config| validate(&config).is_ok())
}

impl Subject for Checker {
    fn step(&mut self, step: &Value) -> Value {
        let config = &step["config"];
        let valid = match step["of"].as_str().unwrap() {
            "circuitbreaker" => {
                let read = serde_json::from_value::<CircuitBreakerConfig>(settings(config));
                let minimum = read.as_ref().map_or(0, |config| config.minimum_number_of_calls);
                return json!({
                    "valid": read.is_ok_and(|config| config.validate().is_ok()), "minimumNumberOfCalls": minimum,
                });
            }
            "ratelimiter" => valid(config, RateLimiterConfig::validate),
            "retry" => valid(config, RetryConfig::validate),
            "bulkhead" => valid(config, |_: &BulkheadConfig| Ok::<(), ()>(())),
            "interval" => interval(config).validate().is_ok(),
            other => panic!("settings of {other}?"),
        };
        json!({ "valid": valid })
    }
}
