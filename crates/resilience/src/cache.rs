//! A cache in front of a call: an answer that is there is not asked for again.
//!
//! A failing call is made once and its error returned; the original makes it a second time.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::listeners::Listeners;

/// Whether the answer was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was.
    CacheHit,
    /// It was not.
    CacheMiss,
}

type Listener = dyn Fn(&Event) + Send + Sync;

/// Answers by key, at most so many.
pub struct Cache<K, V> {
    capacity: usize,
    answers: Mutex<HashMap<K, V>>,
    hits: AtomicU64,
    misses: AtomicU64,
    listeners: Listeners<Listener>,
}

impl<K, V> std::fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// An empty cache for at most `capacity` answers.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            answers: Mutex::new(HashMap::new()),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            listeners: Listeners::new(),
        }
    }

    /// The answer of `key`: the one that is there, or the one that `call` gives.
    ///
    /// # Errors
    /// The call's own; nothing is kept then.
    pub async fn call<E, F>(&self, key: K, call: impl FnOnce() -> F) -> Result<V, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let present = self.answers.lock().get(&key).cloned();
        if let Some(answer) = present {
            self.hits.fetch_add(1, Ordering::Relaxed);
            self.publish(Event::CacheHit);
            return Ok(answer);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        self.publish(Event::CacheMiss);
        let answer = call().await?;
        let mut answers = self.answers.lock();
        if answers.len() >= self.capacity && !answers.contains_key(&key) {
            let victim = answers.keys().next().cloned();
            if let Some(victim) = victim {
                answers.remove(&victim);
            }
        }
        answers.insert(key, answer.clone());
        Ok(answer)
    }

    /// Forgets the answer of `key`.
    pub fn remove(&self, key: &K) {
        self.answers.lock().remove(key);
    }

    /// How often the answer was there, and how often not.
    #[must_use]
    pub fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Calls `listener` with every event from now on.
    pub fn on_event(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners.add(Arc::new(listener));
    }

    fn publish(&self, event: Event) {
        self.listeners.each(|listener| listener(&event));
    }
}
