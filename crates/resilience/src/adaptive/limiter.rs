//! The limit in use: counts calls, times them, lets the algorithm learn. Entering is two atomics.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::config::AdaptiveConfig;
use super::{Algorithm, Sample};
use crate::places::Places;
use crate::rejection::{Invalid, Rejection};

/// How a call ended, as far as the limit is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its time counts.
    Done,
    /// Refused by the other side for load, or out of time.
    Dropped,
    /// Says nothing: failed at once, or given up by the caller.
    Ignored,
}

struct Shared {
    name: Arc<str>,
    config: AdaptiveConfig,
    places: Places,
    algorithm: Mutex<Box<dyn Algorithm>>,
}

/// A limit of calls at a time that adapts; clones share it.
#[derive(Clone)]
pub struct AdaptiveLimit {
    shared: Arc<Shared>,
}

impl fmt::Debug for AdaptiveLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdaptiveLimit")
            .field("name", &self.shared.name)
            .field("limit", &self.limit())
            .finish()
    }
}

impl AdaptiveLimit {
    /// A limit with these settings.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn new(name: &str, config: AdaptiveConfig) -> Result<Self, Invalid> {
        Self::with_seed(name, config, fastrand::u64(..))
    }

    /// The same with a seed for what is random in it.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn with_seed(name: &str, config: AdaptiveConfig, seed: u64) -> Result<Self, Invalid> {
        config.check()?;
        let shared = Shared {
            name: Arc::from(name),
            places: Places::new(config.initial_limit),
            algorithm: Mutex::new(config.algorithm(seed)),
            config,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The name it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The settings it works with.
    #[must_use]
    pub fn config(&self) -> &AdaptiveConfig {
        &self.shared.config
    }

    /// Calls at a time, as learnt so far.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.shared.places.limit()
    }

    /// Calls under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.shared.places.taken()
    }

    /// A place for one call.
    ///
    /// # Errors
    /// [`Rejection::BulkheadFull`] when as many calls as the limit allows are under way.
    pub fn try_acquire(&self) -> Result<Pass, Rejection> {
        match self.shared.places.take() {
            Some(in_flight) => Ok(Pass { limit: self.clone(), in_flight, started: Instant::now() }),
            None => Err(Rejection::BulkheadFull { name: Arc::clone(&self.shared.name) }),
        }
    }

    /// Makes the call when there is a place for it; `ended` says what its result means.
    ///
    /// # Errors
    /// The call's own, or the refusal.
    pub async fn call<T, E, F>(
        &self,
        call: impl FnOnce() -> F,
        ended: impl FnOnce(&Result<T, E>) -> Ended,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Rejection>,
    {
        let pass = self.try_acquire()?;
        let result = call().await;
        pass.end(ended(&result));
        result
    }

    fn learn(&self, sample: Sample) {
        let limit = self.shared.algorithm.lock().update(sample);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the bounds, which are u32"
        )]
        self.shared.places.set_limit(limit as u32);
    }
}

/// A place for one call; free again when dropped, which says nothing about the call.
#[derive(Debug)]
#[must_use = "a place that is dropped is free again"]
pub struct Pass {
    limit: AdaptiveLimit,
    in_flight: u32,
    started: Instant,
}

impl Pass {
    /// Says how the call ended.
    pub fn end(self, ended: Ended) {
        let dropped = ended == Ended::Dropped;
        if ended != Ended::Ignored {
            let seconds = self.started.elapsed().as_secs_f64();
            self.limit.learn(Sample { seconds, in_flight: self.in_flight, dropped });
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.limit.shared.places.give_back();
    }
}

#[cfg(test)]
mod tests;
