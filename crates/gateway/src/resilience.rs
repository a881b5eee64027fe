//! Named breakers and time limits from `resilience4j.*`, shared by all routes and kept over a refresh.
//!
//! An instance's own settings lie over those of the set that `base-config` names, else over `configs.default`, key by key.

use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use wellspring_lb_client::Client;
use wellspring_properties::relaxed::{canonical, canonical_variable};
use wellspring_properties::{Entry, Environment, Problem, PropertySource};
use wellspring_resilience::circuit_breaker::CircuitBreakerConfig;
use wellspring_resilience::time_limiter::TimeLimiterConfig;
use wellspring_resilience::{CircuitBreaker, ErrorLists};

use crate::problem::BAD_SETTING;

/// Sets that name one another end after so many steps.
const DEEPEST_BASE: usize = 8;

/// Where breakers come from.
#[derive(Debug)]
pub enum Breakers {
    /// The application's own ones, which everybody sees.
    Shared(Client),
    /// New ones for each that asks: of routes that serve nobody.
    Apart,
}

impl Breakers {
    /// The breaker of that name, with what its settings say of errors.
    pub fn get(&self, env: &Environment, name: &str) -> Result<(CircuitBreaker, ErrorLists), Problem> {
        let config: CircuitBreakerConfig = settings(env, "circuitbreaker", name)?;
        let errors = config.errors();
        let breaker = match self {
            Self::Shared(client) => client.breaker(name, config),
            Self::Apart => CircuitBreaker::new(name, config),
        };
        let breaker = breaker.map_err(|invalid| {
            Problem::new(BAD_SETTING, format!("resilience4j.circuitbreaker.instances.{name}: {invalid}"))
        })?;
        Ok((breaker, errors))
    }
}

/// The time limit around a breaker; `None` when it is switched off.
pub fn time_limit(env: &Environment, name: &str) -> Result<Option<std::time::Duration>, Problem> {
    let off = "spring.cloud.circuitbreaker.resilience4j.disable-time-limiter";
    if env.get(off).as_deref() == Some("true") {
        return Ok(None);
    }
    let config: TimeLimiterConfig = settings(env, "timelimiter", name)?;
    Ok(Some(config.timeout_duration))
}

/// Settings of an instance of a pattern.
fn settings<C: DeserializeOwned>(env: &Environment, pattern: &str, name: &str) -> Result<C, Problem> {
    let root = format!("resilience4j.{pattern}");
    let mut merged: IndexMap<String, Entry> = IndexMap::new();
    let mut place = format!("{root}.instances.{name}");
    let mut seen = Vec::new();
    loop {
        collect(env, &place, &mut merged);
        seen.push(place.clone());
        let base = env.get(&format!("{place}.base-config"));
        let next = match base {
            Some(base) => format!("{root}.configs.{base}"),
            // The default set lies below an instance that names no other.
            None if seen.len() == 1 => format!("{root}.configs.default"),
            None => break,
        };
        if seen.contains(&next) || seen.len() > DEEPEST_BASE {
            return Err(Problem::new(BAD_SETTING, format!("{next} is its own base"))
                .at(env.origin(&format!("{place}.base-config"))));
        }
        place = next;
    }
    Environment::new(vec![PropertySource::new("resilience4j", merged)], Vec::new()).bind("settings")
}

/// Adds the keys below `place` that are not there yet.
fn collect(env: &Environment, place: &str, merged: &mut IndexMap<String, Entry>) {
    let wanted = canonical(place);
    for source in env.sources() {
        for (key, entry) in &source.entries {
            let form = if source.variables { canonical_variable(key).into() } else { canonical(key) };
            let Some(rest) = form.strip_prefix(&*wanted).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let name = format!("settings.{rest}");
            if rest != "baseconfig" && !merged.contains_key(&name) {
                let value = env.get(key).unwrap_or_else(|| entry.value.to_string());
                merged.insert(name, Entry { origin: entry.origin.clone(), ..Entry::text(value) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wellspring_properties::{Environment, PropertySource};
    use wellspring_resilience::circuit_breaker::CircuitBreakerConfig;

    use super::{settings, time_limit};

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new())
    }

    #[test]
    fn an_instance_lies_over_its_base_key_by_key() {
        let env = env(&[
            ("resilience4j.circuitbreaker.configs.default.slidingWindowSize", "4"),
            ("resilience4j.circuitbreaker.configs.default.minimum-number-of-calls", "4"),
            ("resilience4j.circuitbreaker.instances.a.baseConfig", "default"),
            ("resilience4j.circuitbreaker.instances.a.failure-rate-threshold", "30"),
        ]);
        let config: CircuitBreakerConfig = settings(&env, "circuitbreaker", "a").unwrap();
        assert_eq!((config.sliding_window_size, config.minimum_number_of_calls), (4, 4));
        assert!((config.failure_rate_threshold - 30.0).abs() < 0.1);
        let other: CircuitBreakerConfig = settings(&env, "circuitbreaker", "other").unwrap();
        assert_eq!(other.sliding_window_size, 4);
    }

    #[test]
    fn a_set_that_names_itself_is_refused() {
        let env = env(&[
            ("resilience4j.circuitbreaker.configs.a.base-config", "a"),
            ("resilience4j.circuitbreaker.instances.x.base-config", "a"),
        ]);
        assert!(settings::<CircuitBreakerConfig>(&env, "circuitbreaker", "x").is_err());
    }

    #[test]
    fn the_time_limit_is_a_second_unless_configured() {
        assert_eq!(time_limit(&env(&[]), "x").unwrap(), Some(Duration::from_secs(1)));
        let set = env(&[("resilience4j.timelimiter.instances.x.timeout-duration", "800ms")]);
        assert_eq!(time_limit(&set, "x").unwrap(), Some(Duration::from_millis(800)));
        let off = env(&[("spring.cloud.circuitbreaker.resilience4j.disable-time-limiter", "true")]);
        assert_eq!(time_limit(&off, "x").unwrap(), None);
    }
}
