//! Named instances of a pattern, made on first use from `resilience4j.<pattern>.{instances,configs}.*`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rejection::Invalid;
use parking_lot::RwLock;

/// Which settings an instance has: its own, laid over a shared set.
///
/// The settings come as a function from a name to what is configured for it, so this crate needs no opinion on files.
pub trait Settings<C>: Send + Sync {
    /// The settings of instance `name`; those of `default` when it has none of its own.
    fn of(&self, name: &str) -> C;
}

impl<C, F: Fn(&str) -> C + Send + Sync> Settings<C> for F {
    fn of(&self, name: &str) -> C {
        self(name)
    }
}

/// A pattern that is made by name.
pub trait Named: Sized + Clone {
    /// Its settings.
    type Config;

    /// Makes it.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid>;
}

impl Named for crate::CircuitBreaker {
    type Config = crate::circuit_breaker::CircuitBreakerConfig;

    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid> {
        Self::new(name, config)
    }
}

impl Named for crate::Retry {
    type Config = crate::retry::RetryConfig;

    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid> {
        Self::new(name, config)
    }
}

impl Named for crate::RateLimiter {
    type Config = crate::rate_limiter::RateLimiterConfig;

    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid> {
        Self::new(name, config)
    }
}

impl Named for crate::Bulkhead {
    type Config = crate::bulkhead::BulkheadConfig;

    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid> {
        Ok(Self::new(name, config))
    }
}

impl Named for crate::TimeLimiter {
    type Config = crate::time_limiter::TimeLimiterConfig;

    fn make(name: &str, config: Self::Config) -> Result<Self, Invalid> {
        Ok(Self::new(name, config))
    }
}

/// The instances of one pattern; clones share them.
#[derive(Clone)]
pub struct Instances<P: Named> {
    settings: Arc<dyn Settings<P::Config>>,
    made: Arc<RwLock<BTreeMap<String, P>>>,
}

impl<P: Named> std::fmt::Debug for Instances<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instances").field("names", &self.names()).finish_non_exhaustive()
    }
}

impl<P: Named> Instances<P> {
    /// None yet.
    pub fn new(settings: impl Settings<P::Config> + 'static) -> Self {
        Self { settings: Arc::new(settings), made: Arc::default() }
    }

    /// The instance of that name, made when it is asked for the first time.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn get(&self, name: &str) -> Result<P, Invalid> {
        if let Some(present) = self.made.read().get(name) {
            return Ok(present.clone());
        }
        let mut made = self.made.write();
        if let Some(present) = made.get(name) {
            return Ok(present.clone());
        }
        let instance = P::make(name, self.settings.of(name))?;
        made.insert(name.to_owned(), instance.clone());
        Ok(instance)
    }

    /// The names of those that were made, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.made.read().keys().cloned().collect()
    }

    /// Those that were made, by name.
    #[must_use]
    pub fn all(&self) -> Vec<P> {
        self.made.read().values().cloned().collect()
    }
}
