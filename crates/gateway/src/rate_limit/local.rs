//! Buckets in this process. A refresh keeps them; buckets that are full again are forgotten.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use parking_lot::Mutex;
use wellspring_wire::Millis;

use super::{Bucket, Decision};

/// Locks that keys are spread over.
const SHARDS: usize = 32;
/// A shard this large is swept on the next new key.
const SWEEP_AT: usize = 4096;

/// Buckets by route and key.
#[derive(Debug, Default)]
pub struct Local {
    hash: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    buckets: HashMap<String, State>,
    sweep_at: usize,
}

#[derive(Debug, Clone, Copy)]
struct State {
    tokens: u64,
    /// Epoch second of the last request.
    since: i64,
    /// Epoch second after which it can be forgotten.
    until: i64,
}

impl Local {
    /// Takes the tokens of one request, now.
    #[must_use]
    pub fn take(&self, route: &str, key: &str, bucket: Bucket) -> Decision {
        self.take_at(Millis::now().0 / 1000, route, key, bucket)
    }

    fn take_at(&self, now: i64, route: &str, key: &str, bucket: Bucket) -> Decision {
        // As in Redis, the route's id keeps the buckets of routes apart.
        let name = format!("{route}.{key}");
        let place = usize::try_from(self.hash.hash_one(&name) % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(place) else { return Decision { allowed: true, remaining: -1 } };
        let mut shard = shard.lock();
        let until = now.saturating_add_unsigned(bucket.keep_seconds());
        if let Some(state) = shard.buckets.get_mut(&name) {
            return state.take(now, until, bucket);
        }
        shard.sweep(now);
        let mut state = State { tokens: bucket.capacity, since: now, until };
        let decision = state.take(now, until, bucket);
        shard.buckets.insert(name, state);
        decision
    }
}

impl State {
    fn take(&mut self, now: i64, until: i64, bucket: Bucket) -> Decision {
        if now > self.until {
            self.tokens = bucket.capacity;
            self.since = now;
        }
        let passed = u64::try_from(now.saturating_sub(self.since)).unwrap_or(0);
        self.tokens = self.tokens.saturating_add(passed.saturating_mul(bucket.rate)).min(bucket.capacity);
        self.since = self.since.max(now);
        self.until = until;
        let allowed = self.tokens >= bucket.requested;
        if allowed {
            self.tokens -= bucket.requested;
        }
        Decision { allowed, remaining: i64::try_from(self.tokens).unwrap_or(i64::MAX) }
    }
}

impl Shard {
    fn sweep(&mut self, now: i64) {
        if self.buckets.len() >= self.sweep_at.max(SWEEP_AT) {
            self.buckets.retain(|_, state| state.until >= now);
            // What is left is in use: look again when it has doubled.
            self.sweep_at = self.buckets.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::rate_limit::{Bucket, Decision};

    const BUCKET: Bucket = Bucket { rate: 1, capacity: 60, requested: 30 };

    #[test]
    fn a_bucket_runs_dry_and_fills_by_the_second() {
        let local = Local::default();
        let take = |now| local.take_at(now, "r", "a", BUCKET);
        assert_eq!(take(100), Decision { allowed: true, remaining: 30 });
        assert_eq!(take(100), Decision { allowed: true, remaining: 0 });
        assert_eq!(take(100), Decision { allowed: false, remaining: 0 });
        assert_eq!(take(129), Decision { allowed: false, remaining: 29 });
        assert_eq!(take(130), Decision { allowed: true, remaining: 0 });
        // A clock that goes back gives nothing.
        assert_eq!(take(90), Decision { allowed: false, remaining: 0 });
    }

    #[test]
    fn keys_and_routes_have_their_own_buckets() {
        let local = Local::default();
        for (route, key) in [("r", "a"), ("r", "b"), ("s", "a")] {
            assert_eq!(local.take_at(1, route, key, BUCKET).remaining, 30);
        }
    }

    #[test]
    fn memory_is_bounded_by_what_is_in_use() {
        let local = Local::default();
        let quick = Bucket { rate: 10, capacity: 10, requested: 1 };
        for second in 0..400_000_i64 {
            let allowed = local.take_at(second, "r", &second.to_string(), quick).allowed;
            assert!(allowed);
        }
        let kept: usize = local.shards.iter().map(|shard| shard.lock().buckets.len()).sum();
        assert!(kept <= 32 * 4097, "{kept}");
    }
}
