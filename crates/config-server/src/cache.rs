//! A bounded map for what can be computed again: parsed files, directories of commits.
//!
//! Two generations: when the young one is full it becomes the old one and the old one is dropped; what is used in the
//! old one moves back to the young. So memory stays below the limit whatever names are asked for, and no reader waits for
//! more than a hash lookup.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::RwLock;

/// Values are cheap to clone (`Arc`); weights are bytes, roughly.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    generations: RwLock<Generations<K, V>>,
    limit: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    young_weight: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Holds values of at most `limit` bytes in both generations together (one value may be larger).
    pub(crate) fn new(limit: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new(), young_weight: 0 };
        Self { generations: RwLock::new(generations), limit: limit / 2 }
    }

    pub(crate) fn get<Q: ?Sized + Eq + Hash>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let found = self.generations.read().young.get(key).map(|(value, _)| value.clone());
        if found.is_some() {
            return found;
        }
        if !self.generations.read().old.contains_key(key) {
            return None;
        }
        let mut generations = self.generations.write();
        let (key, (value, weight)) = generations.old.remove_entry(key)?;
        generations.put(key, value.clone(), weight, self.limit);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V, weight: usize) {
        self.generations.write().put(key, value, weight, self.limit);
    }

    pub(crate) fn clear(&self) {
        let mut generations = self.generations.write();
        generations.young.clear();
        generations.old.clear();
        generations.young_weight = 0;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let generations = self.generations.read();
        generations.young.len() + generations.old.len()
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn put(&mut self, key: K, value: V, weight: usize, limit: usize) {
        if self.young_weight + weight > limit && !self.young.is_empty() {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
            self.young_weight = self.young_weight.saturating_sub(replaced);
        }
        self.young_weight += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_below_its_limit_and_keeps_what_is_used() {
        let cache = Cache::new(100);
        for n in 0..10_000 {
            cache.put(n, n, 10);
            assert_eq!(cache.get(&n), Some(n));
            if n > 0 {
                assert!(cache.get(&0).is_some(), "{n}");
            }
        }
        assert!(cache.len() <= 10, "{}", cache.len());
        assert_eq!(cache.get(&5), None);
    }
}
