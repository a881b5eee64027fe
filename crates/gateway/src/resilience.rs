//! Named breakers and time limits from `resilience4j.*`, shared by all routes and kept over a refresh.
//!
//! An instance's own settings lie over those of the set that `base-config` names, else over `configs.default`, key by key.

use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use wellspring_properties::relaxed::{canonical, canonical_variable};
use wellspring_properties::{Entry, Environment, Problem, PropertySource};
use wellspring_resilience::CircuitBreaker;
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, Event};
use wellspring_resilience::time_limiter::TimeLimiterConfig;
use wellspring_telemetry::{Meters, names};

use crate::problem::BAD_SETTING;

/// Sets that name one another end after so many steps.
const DEEPEST_BASE: usize = 8;

/// The breakers by name.
#[derive(Debug)]
pub struct Breakers {
    made: Mutex<HashMap<String, Watched>>,
    meters: Meters,
}

impl Breakers {
    #[must_use]
    pub fn new(meters: &Meters) -> Self {
        Self { made: Mutex::default(), meters: meters.clone() }
    }

    /// The breaker of that name: the one there is, when its settings are still the same.
    pub fn get(&self, env: &Environment, name: &str) -> Result<CircuitBreaker, Problem> {
        let config: CircuitBreakerConfig = settings(env, "circuitbreaker", name)?;
        let mut made = self.made.lock();
        if let Some(known) = made.get(name).filter(|known| known.breaker.config() == config) {
            return Ok(known.breaker.clone());
        }
        let breaker = CircuitBreaker::new(name, config).map_err(|invalid| {
            Problem::new(BAD_SETTING, format!("resilience4j.circuitbreaker.instances.{name}: {invalid}"))
        })?;
        self.watch(&breaker);
        made.insert(name.to_owned(), Watched::new(breaker.clone()));
        Ok(breaker)
    }

    /// Every breaker, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Watched> {
        let mut all: Vec<Watched> = self.made.lock().values().cloned().collect();
        all.sort_by(|one, other| one.breaker.name().cmp(other.breaker.name()));
        all
    }

    fn watch(&self, breaker: &CircuitBreaker) {
        let failures = breaker.clone();
        self.meters.gauge_fn(
            names::RESILIENCE4J_CIRCUITBREAKER_FAILURE_RATE,
            &[("name", breaker.name())],
            move || f64::from(failures.metrics().failure_rate),
        );
        for state in ["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"] {
            let watched = breaker.clone();
            let tags = [("name", breaker.name()), ("state", state)];
            self.meters.gauge_fn(names::RESILIENCE4J_CIRCUITBREAKER_STATE, &tags, move || {
                f64::from(u8::from(watched.state().as_str().eq_ignore_ascii_case(state)))
            });
        }
    }
}

/// A breaker with its last events.
#[derive(Debug, Clone)]
pub struct Watched {
    pub breaker: CircuitBreaker,
    events: Arc<Mutex<VecDeque<Noted>>>,
}

/// An event as the actuator shows it.
#[derive(Debug, Clone)]
pub struct Noted {
    pub breaker: String,
    pub kind: String,
    /// Since the epoch.
    pub nanos: i128,
    message: Option<String>,
    took: Option<u128>,
    transition: Option<String>,
}

impl Watched {
    fn new(breaker: CircuitBreaker) -> Self {
        let events: Arc<Mutex<VecDeque<Noted>>> = Arc::default();
        let (kept, name) = (Arc::clone(&events), breaker.name().to_owned());
        let most = breaker.config().event_consumer_buffer_size.clamp(1, 10_000);
        breaker.on_event(move |event| {
            let mut kept = kept.lock();
            while kept.len() >= most {
                kept.pop_front();
            }
            kept.push_back(Noted::of(&name, event));
        });
        Self { breaker, events }
    }

    /// The last events, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Noted> {
        self.events.lock().iter().cloned().collect()
    }
}

impl Noted {
    fn of(breaker: &str, event: &Event<'_>) -> Self {
        let plain = |kind: &str| Self {
            breaker: breaker.to_owned(),
            kind: kind.to_owned(),
            nanos: jiff::Timestamp::now().as_nanosecond(),
            message: None,
            took: None,
            transition: None,
        };
        match event {
            Event::Success { duration } => Self { took: Some(duration.as_millis()), ..plain("SUCCESS") },
            Event::Error { duration, kind } => {
                Self { took: Some(duration.as_millis()), message: Some((*kind).to_owned()), ..plain("ERROR") }
            }
            Event::IgnoredError { duration, kind } => Self {
                took: Some(duration.as_millis()),
                message: Some((*kind).to_owned()),
                ..plain("IGNORED_ERROR")
            },
            Event::NotPermitted => plain("NOT_PERMITTED"),
            Event::FailureRateExceeded { .. } => plain("FAILURE_RATE_EXCEEDED"),
            Event::SlowCallRateExceeded { .. } => plain("SLOW_CALL_RATE_EXCEEDED"),
            Event::StateTransition { from, to } => {
                let transition = format!("{}_TO_{}", from.as_str(), to.as_str());
                Self { transition: Some(transition), ..plain("STATE_TRANSITION") }
            }
            Event::Reset => plain("RESET"),
        }
    }

    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let at =
            jiff::Timestamp::from_nanosecond(self.nanos).map(|at| format!("{at}[UTC]")).unwrap_or_default();
        serde_json::json!({
            "circuitBreakerName": self.breaker,
            "type": self.kind,
            "creationTime": at,
            "errorMessage": self.message,
            "durationInMs": self.took,
            "stateTransition": self.transition,
        })
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
