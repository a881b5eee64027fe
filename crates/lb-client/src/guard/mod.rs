//! Resilience4j's patterns around calls: the instances that `resilience4j.*` names, in one order:
//! retry( breaker( rate limiter( time limiter( bulkhead( the call ))))).
//!
//! A call to a service has the instances named like the service, or those that the call names itself.

mod meters;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use wellspring_properties::{Environment, Problem, PropertySource};
use wellspring_resilience::circuit_breaker::CircuitBreakerConfig;
use wellspring_resilience::rate_limiter::RateLimiterConfig;
use wellspring_resilience::{
    Bulkhead, CircuitBreaker, ErrorLists, Invalid, Named, RateLimiter, Retry, TimeLimiter,
};

use wellspring_telemetry::Meters;

use crate::codes;

/// The patterns of one name; those that are not configured are absent.
#[derive(Debug, Default)]
pub struct Guard {
    /// Outermost: calls again.
    pub retry: Option<Retry>,
    /// Refuses while the callee fails.
    pub breaker: Option<CircuitBreaker>,
    /// Which errors the breaker counts.
    pub(crate) errors: ErrorLists,
    /// Waits for, or refuses, what comes too fast.
    pub limiter: Option<RateLimiter>,
    /// Gives up.
    pub time: Option<TimeLimiter>,
    /// Innermost: bounds what is under way.
    pub bulkhead: Option<Bulkhead>,
    /// Whether its metrics are shown.
    measured: AtomicBool,
}

impl Guard {
    /// This guard with what `old` knows: patterns that could take the new settings are the old ones.
    fn after(self, old: &Self, meters: &Meters, patterns: &PatternWatchers) -> Self {
        let mut fresh = Self::default();
        let breaker = match (self.breaker, &old.breaker) {
            (Some(new), Some(known)) if known.reconfigure(new.config()).is_ok() => Some(known.clone()),
            (new, _) => {
                fresh.breaker.clone_from(&new);
                new
            }
        };
        let limiter = match (self.limiter, &old.limiter) {
            (Some(new), Some(known)) if takes_limit(known, new.config()) => Some(known.clone()),
            (new, _) => {
                fresh.limiter.clone_from(&new);
                new
            }
        };
        let bulkhead = match (self.bulkhead, &old.bulkhead) {
            (Some(new), Some(known))
                if known.config().max_wait_duration == new.config().max_wait_duration =>
            {
                known.change_max_concurrent_calls(new.max());
                Some(known.clone())
            }
            (new, _) => {
                fresh.bulkhead.clone_from(&new);
                new
            }
        };
        // These know nothing but their numbers of calls.
        let retry = match (self.retry, &old.retry) {
            (Some(new), Some(known)) if known.config() == new.config() => Some(known.clone()),
            (new, _) => {
                fresh.retry.clone_from(&new);
                new
            }
        };
        let time = match (self.time, &old.time) {
            (Some(new), Some(known)) if known.config() == new.config() => Some(known.clone()),
            (new, _) => {
                fresh.time.clone_from(&new);
                new
            }
        };
        let measured = old.measured.load(Ordering::Relaxed);
        if measured {
            meters::bind(&fresh, meters);
        }
        patterns.tell(&fresh);
        Self { retry, breaker, errors: self.errors, limiter, time, bulkhead, measured: measured.into() }
    }
}

/// The period cannot change under a limiter; the rest can.
fn takes_limit(known: &RateLimiter, new: &RateLimiterConfig) -> bool {
    if known.config().limit_refresh_period != new.limit_refresh_period {
        return false;
    }
    known.change_timeout_duration(new.timeout_duration);
    known.change_limit_for_period(new.limit_for_period).is_ok()
}

/// All guards, by name.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    made: ArcSwap<HashMap<String, Arc<Guard>>>,
    /// For names without settings, shared.
    none: Arc<Guard>,
    /// Breakers that were asked for by name and that no settings name.
    more: Mutex<BTreeMap<String, CircuitBreaker>>,
    watchers: Watchers,
    patterns: PatternWatchers,
    meters: Meters,
}

type Watcher = Box<dyn Fn(&CircuitBreaker) + Send + Sync>;

/// Who wants to know of every breaker.
#[derive(Default)]
struct Watchers(Mutex<Vec<Watcher>>);

impl Debug for Watchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watchers").field(&self.0.lock().len()).finish()
    }
}

impl Watchers {
    fn tell(&self, breaker: &CircuitBreaker) {
        self.0.lock().iter().for_each(|watcher| watcher(breaker));
    }
}

type PatternWatcher = Box<dyn Fn(&Guard) + Send + Sync>;

/// Who wants to know of every retry, limiter, time limiter and bulkhead, handed over as guards that hold what is new.
#[derive(Default)]
struct PatternWatchers(Mutex<Vec<PatternWatcher>>);

impl Debug for PatternWatchers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PatternWatchers").field(&self.0.lock().len()).finish()
    }
}

impl PatternWatchers {
    fn tell(&self, fresh: &Guard) {
        self.0.lock().iter().for_each(|watcher| watcher(fresh));
    }
}

impl Guards {
    /// Reads and makes every instance that is named in the settings.
    pub(crate) fn from_env(env: &Environment, meters: &Meters) -> Result<Self, Problem> {
        let made = read(env)?.into_iter().map(|(name, guard)| (name, Arc::new(guard))).collect();
        Ok(Self { made: ArcSwap::from_pointee(made), meters: meters.clone(), ..Self::default() })
    }

    /// Calls `watcher` with every breaker there is, and with each that is made later.
    pub(crate) fn watch(&self, watcher: Watcher) {
        let mut watchers = self.watchers.0.lock();
        self.breakers().iter().for_each(&watcher);
        watchers.push(watcher);
    }

    /// Calls `watcher` with the patterns that there are, and with those that a refresh adds.
    pub(crate) fn watch_patterns(&self, watcher: PatternWatcher) {
        let mut watchers = self.patterns.0.lock();
        self.made.load().values().for_each(|guard| watcher(guard));
        watchers.push(watcher);
    }

    /// Every breaker, by name.
    pub(crate) fn breakers(&self) -> Vec<CircuitBreaker> {
        let mut all = self.more.lock().clone();
        for (name, guard) in &**self.made.load() {
            if let Some(breaker) = &guard.breaker {
                all.insert(name.clone(), breaker.clone());
            }
        }
        all.into_values().collect()
    }

    /// The breaker that the settings have under a name, else one with these settings, always the same.
    pub(crate) fn breaker(
        &self,
        name: &str,
        config: CircuitBreakerConfig,
    ) -> Result<CircuitBreaker, Invalid> {
        if let Some(breaker) = &self.of(name).breaker {
            return Ok(breaker.clone());
        }
        let breaker = {
            let mut more = self.more.lock();
            if let Some(known) = more.get(name) {
                if known.config() != config {
                    known.reconfigure(config)?;
                }
                return Ok(known.clone());
            }
            let breaker = CircuitBreaker::new(name, config)?;
            more.insert(name.to_owned(), breaker.clone());
            breaker
        };
        meters::of_breaker(&breaker, &self.meters);
        self.watchers.tell(&breaker);
        Ok(breaker)
    }

    /// Takes the settings as they are now. Breakers, limiters and bulkheads go on with what they know.
    pub(crate) fn reload(&self, env: &Environment) -> Result<(), Problem> {
        let known = self.made.load();
        let fresh = read(env)?.into_iter().map(|(name, guard)| {
            let guard = match known.get(&name) {
                Some(old) => guard.after(old, &self.meters, &self.patterns),
                None => {
                    self.patterns.tell(&guard);
                    guard
                }
            };
            (name, Arc::new(guard))
        });
        let fresh: HashMap<String, Arc<Guard>> = fresh.collect();
        let mut new = Vec::new();
        for (name, guard) in &fresh {
            let Some(breaker) = &guard.breaker else { continue };
            // One that was made without settings gives way to the one of the settings.
            let made = self.more.lock().remove(name).is_some();
            if made || known.get(name).is_none_or(|old| old.breaker.is_none()) {
                new.push(breaker.clone());
            }
        }
        self.made.store(Arc::new(fresh));
        new.iter().for_each(|breaker| self.watchers.tell(breaker));
        Ok(())
    }

    /// By name, sorted.
    pub(crate) fn all(&self) -> Vec<(String, Arc<Guard>)> {
        let made = self.made.load();
        let mut all: Vec<_> = made.iter().map(|(name, guard)| (name.clone(), Arc::clone(guard))).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// The guard of a name; one that does nothing when none of its patterns is configured. Its metrics show from the first
    /// use on: an application whose calls all go another way shows none.
    pub(crate) fn of(&self, name: &str) -> Arc<Guard> {
        let made = self.made.load();
        let Some(guard) = made.get(name) else { return Arc::clone(&self.none) };
        if !guard.measured.load(Ordering::Relaxed) && !guard.measured.swap(true, Ordering::Relaxed) {
            meters::bind(guard, &self.meters);
        }
        Arc::clone(guard)
    }
}

/// Every instance that is named in the settings.
fn read(env: &Environment) -> Result<HashMap<String, Guard>, Problem> {
    let mut guards: HashMap<String, Guard> = HashMap::new();
    each(env, "circuitbreaker", |name, breaker: CircuitBreaker| {
        let guard = guards.entry(name).or_default();
        let config: CircuitBreakerConfig = breaker.config();
        guard.errors = config.errors();
        guard.breaker = Some(breaker);
    })?;
    each(env, "retry", |name, retry| guards.entry(name).or_default().retry = Some(retry))?;
    each(env, "ratelimiter", |name, limiter| guards.entry(name).or_default().limiter = Some(limiter))?;
    each(env, "timelimiter", |name, time| guards.entry(name).or_default().time = Some(time))?;
    each(env, "bulkhead", |name, bulkhead| guards.entry(name).or_default().bulkhead = Some(bulkhead))?;
    Ok(guards)
}

/// Makes the instances of one pattern.
fn each<P>(env: &Environment, pattern: &str, mut with: impl FnMut(String, P)) -> Result<(), Problem>
where
    P: Named + Debug,
    P::Config: DeserializeOwned,
{
    let root = format!("resilience4j.{pattern}");
    let instances: IndexMap<String, IndexMap<String, String>> = env.bind(&format!("{root}.instances"))?;
    for (name, own) in instances {
        let config: P::Config = layered(env, &root, &name, own)?.bind("instance")?;
        let made = P::make(&name, config).map_err(|invalid| {
            let key = format!("{root}.instances.{name}.{}", invalid.setting);
            Problem::new(codes::RESILIENCE, format!("{key} must be {}", invalid.wanted))
                .at(env.origin(&key))
                .found(env.get(&key).unwrap_or_default())
        })?;
        with(name, made);
    }
    Ok(())
}

/// An instance's own settings over those of its base, key by key; without a base over `configs.default`.
fn layered(
    env: &Environment,
    root: &str,
    name: &str,
    own: IndexMap<String, String>,
) -> Result<Environment, Problem> {
    let mut seen = Vec::new();
    let mut sources = Vec::new();
    let mut next = Some(own);
    while let Some(layer) = next {
        let keys = layer.iter().map(|(key, value)| (format!("instance.{key}"), value.clone()));
        let source = PropertySource::of_pairs(format!("{root} {name}"), keys);
        let named = Environment::new(vec![source.clone()], Vec::new()).get("instance.base-config");
        sources.push(source);
        let base = named.or_else(|| seen.is_empty().then(|| "default".to_owned()));
        next = match base {
            Some(base) if seen.contains(&base) => {
                let message = format!("{root}.configs.{base} is its own base");
                return Err(Problem::new(codes::RESILIENCE, message));
            }
            Some(base) => {
                let prefix = format!("{root}.configs.{base}");
                if !env.contains(&prefix) && base != "default" {
                    let message = format!("{root}.instances.{name} names a base that is not there");
                    return Err(Problem::new(codes::RESILIENCE, message).found(base));
                }
                let layer = env.bind(&prefix)?;
                seen.push(base);
                Some(layer)
            }
            None => None,
        };
    }
    Ok(Environment::new(sources, Vec::new()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], vec![])
    }

    #[test]
    fn an_instance_lies_over_its_base_key_by_key() {
        let env = env(&[
            ("resilience4j.circuitbreaker.configs.default.slidingWindowSize", "50"),
            ("resilience4j.circuitbreaker.configs.strict.failure-rate-threshold", "10"),
            ("resilience4j.circuitbreaker.instances.orders.baseConfig", "strict"),
            ("resilience4j.circuitbreaker.instances.orders.sliding-window-size", "20"),
            ("resilience4j.circuitbreaker.instances.stock.minimum-number-of-calls", "5"),
            ("resilience4j.timelimiter.instances.orders.timeout-duration", "2s"),
        ]);
        let guards = Guards::from_env(&env, &Meters::default()).unwrap();
        let orders = guards.of("orders");
        let config = orders.breaker.as_ref().unwrap().config();
        assert_eq!((config.sliding_window_size, config.failure_rate_threshold), (20, 10.0));
        assert_eq!(orders.time.as_ref().unwrap().config().timeout_duration, Duration::from_secs(2));
        let config = guards.of("stock").breaker.as_ref().unwrap().config();
        assert_eq!((config.sliding_window_size, config.minimum_number_of_calls), (50, 5));
        assert!(guards.of("other").breaker.is_none());
    }

    #[test]
    fn settings_that_cannot_work_are_problems() {
        let zero = [("resilience4j.circuitbreaker.instances.orders.sliding-window-size", "0")];
        assert_eq!(Guards::from_env(&env(&zero), &Meters::default()).unwrap_err().code, codes::RESILIENCE);
        let circle = [
            ("resilience4j.retry.configs.a.base-config", "a"),
            ("resilience4j.retry.instances.orders.base-config", "a"),
        ];
        assert_eq!(Guards::from_env(&env(&circle), &Meters::default()).unwrap_err().code, codes::RESILIENCE);
        let missing = [("resilience4j.retry.instances.orders.base-config", "b")];
        assert_eq!(
            Guards::from_env(&env(&missing), &Meters::default()).unwrap_err().found.as_deref(),
            Some("b")
        );
    }
}
