//! The original's read-only level: lists that may be as old as its interval. Only for those who ask for it by setting it.
//!
//! The first reader of a list sees the present state, those after him the same until the clock next passes a multiple of the
//! interval. An answer that there is no such application is kept as well. Clients of our own kind never see any of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::RwLock;
use wellspring_wire::eureka::Form;

use crate::Node;
use crate::payload::Payload;
use crate::peers::client::KIND;
use crate::view::{Format, Part, Whole};

/// By which our clients are known.
const OURS: [&str; 2] = [KIND, "x-wellspring-client"];
/// Lists by name that are kept; beyond that the table starts anew.
const MOST: usize = 4096;

#[derive(Debug)]
pub struct ResponseCache {
    interval: Duration,
    wholes: Table<Whole, Arc<Payload>>,
    parts: Table<Part, Option<Bytes>>,
}

impl ResponseCache {
    pub fn new(interval: Duration) -> Self {
        Self { interval, wholes: Table::default(), parts: Table::default() }
    }

    /// Whether the sender is one of those that get it.
    pub fn serves(headers: &HeaderMap) -> bool {
        !OURS.iter().any(|name| headers.contains_key(*name))
    }

    pub fn whole(&self, node: &Node, whole: Whole, format: Format, form: Form) -> Arc<Payload> {
        self.wholes.get((whole, format, form), || node.whole(whole, format, form))
    }

    pub fn part(&self, node: &Node, part: Part, format: Format, form: Form) -> Option<Bytes> {
        self.parts.get((part.clone(), format, form), || node.part(part, format, form))
    }

    /// Brings what is kept up to date, again and again.
    pub async fn run(self: Arc<Self>, node: Arc<Node>) {
        loop {
            tokio::time::sleep(self.pause(node.clock().now().0)).await;
            self.wholes.renew(|(whole, format, form)| node.whole(*whole, *format, *form));
            self.parts.renew(|(part, format, form)| node.part(part.clone(), *format, *form));
        }
    }

    /// Until the clock, which shows `now`, next passes a multiple of the interval.
    fn pause(&self, now: i64) -> Duration {
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        Duration::from_millis(u64::try_from(interval - now.rem_euclid(interval)).unwrap_or(1))
    }
}

#[derive(Debug)]
struct Table<K, V>(RwLock<HashMap<(K, Format, Form), V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Table<K, V> {
    fn get(&self, key: (K, Format, Form), now: impl FnOnce() -> V) -> V {
        if let Some(kept) = self.0.read().get(&key) {
            return kept.clone();
        }
        let list = now();
        let mut table = self.0.write();
        if table.len() >= MOST {
            table.clear();
        }
        table.entry(key).or_insert(list).clone()
    }

    fn renew(&self, now: impl Fn(&(K, Format, Form)) -> V) {
        let keys: Vec<_> = self.0.read().keys().cloned().collect();
        for key in keys {
            let list = now(&key);
            self.0.write().insert(key, list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_at_multiples_of_the_interval() {
        let cache = ResponseCache::new(Duration::from_secs(30));
        for (now, pause) in [(0, 30_000), (1, 29_999), (29_999, 1), (1_700_000_010_000, 30_000)] {
            assert_eq!(cache.pause(now), Duration::from_millis(pause), "{now}");
        }
    }

    #[test]
    fn the_first_reader_decides_until_the_list_is_renewed() {
        let table: Table<Whole, u32> = Table::default();
        let key = (Whole::Apps, Format::Json, Form::Full);
        assert_eq!((table.get(key, || 1), table.get(key, || 2)), (1, 1));
        table.renew(|_| 3);
        assert_eq!(table.get(key, || 4), 3);
        assert_eq!(table.get((Whole::Delta, Format::Json, Form::Full), || 5), 5);
    }
}
