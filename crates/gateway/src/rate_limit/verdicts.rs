//! How each RequestRateLimiter judged, for whoever looks. Counted without a lock; the keys of clients are in none of it.
//!
//! They outlive a change of the routes as long as the limiter stays the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use wellspring_wire::Millis;

use super::Bucket;
use super::key::KeyResolver;

/// A limiter of a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Limiter {
    pub route: String,
    /// The buckets are in Redis, not in this process.
    pub shared: bool,
    pub key: KeyResolver,
    pub bucket: Bucket,
}

/// What became of requests at one limiter.
#[derive(Debug, Default)]
pub struct Verdicts {
    pub allowed: AtomicU64,
    pub refused: AtomicU64,
    /// Refused because nothing told whom to count.
    pub nameless: AtomicU64,
    /// Let through because Redis could not be asked.
    pub unasked: AtomicU64,
    last_refused: AtomicI64,
}

/// Those of all limiters.
#[derive(Debug, Default)]
pub struct All(Mutex<HashMap<Limiter, Arc<Verdicts>>>);

impl Verdicts {
    pub fn refuse(&self, count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
        self.last_refused.store(Millis::now().0, Relaxed);
    }

    pub fn last_refused(&self) -> Option<Millis> {
        Some(self.last_refused.load(Relaxed)).filter(|at| *at > 0).map(Millis)
    }
}

impl All {
    /// The same ones for the same limiter. Those that no route has any more are forgotten.
    pub fn of(&self, limiter: Limiter) -> Arc<Verdicts> {
        let mut all = self.0.lock();
        if !all.contains_key(&limiter) && all.len() >= 64 {
            all.retain(|_, verdicts| Arc::strong_count(verdicts) > 1);
        }
        Arc::clone(all.entry(limiter).or_default())
    }

    /// Limiters of routes that are in force, by route.
    pub fn in_force(&self) -> Vec<(Limiter, Arc<Verdicts>)> {
        let all = self.0.lock();
        let used = all.iter().filter(|(_, verdicts)| Arc::strong_count(verdicts) > 1);
        let mut used: Vec<_> =
            used.map(|(limiter, verdicts)| (limiter.clone(), Arc::clone(verdicts))).collect();
        used.sort_by(|(a, _), (b, _)| a.cmp(b));
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_outlive_a_change_of_routes_but_not_the_limiter() {
        let all = All::default();
        let limiter = |route: String| Limiter {
            route,
            shared: false,
            key: KeyResolver::Address,
            bucket: Bucket { rate: 1, capacity: 2, requested: 1 },
        };
        let first = all.of(limiter("a".to_owned()));
        first.refuse(&first.refused);
        drop(first);
        assert!(all.in_force().is_empty(), "no route has it");
        let again = all.of(limiter("a".to_owned()));
        assert_eq!(again.refused.load(Relaxed), 1);
        assert!(again.last_refused().is_some());
        for number in 0..1000 {
            drop(all.of(limiter(number.to_string())));
        }
        assert_eq!(all.in_force().len(), 1);
        assert!(all.0.lock().len() <= 64, "what nobody has is forgotten");
        assert_eq!(all.of(limiter("a".to_owned())).refused.load(Relaxed), 1, "and what somebody has is not");
    }
}
