//! What is kept: answers by key, the oldest dropped first when the size is reached.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

/// A kept answer.
#[derive(Debug)]
pub struct Cached {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    since: Instant,
}

/// Answers of one route.
#[derive(Debug)]
pub struct Cache {
    keep: Duration,
    capacity: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Which request headers the answers of a base key vary by.
    varies: HashMap<String, Vec<HeaderName>>,
    entries: HashMap<String, Arc<Cached>>,
    order: VecDeque<String>,
    used: usize,
}

impl Cache {
    /// `capacity` in bytes of bodies and headers.
    #[must_use]
    pub fn new(keep: Duration, capacity: usize) -> Self {
        Self { keep, capacity, inner: Mutex::default() }
    }

    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The answer for a request and how long it stays good.
    #[must_use]
    pub fn get(&self, base: &str, headers: &HeaderMap, now: Instant) -> Option<(Arc<Cached>, Duration)> {
        let inner = self.inner.lock();
        let key = full(base, inner.varies.get(base)?, headers);
        let entry = inner.entries.get(&key)?;
        let rest = self.keep.checked_sub(now.duration_since(entry.since)).filter(|rest| !rest.is_zero())?;
        Some((Arc::clone(entry), rest))
    }

    /// Keeps an answer. `varies` are the headers that its `Vary` names.
    pub fn put(
        &self,
        base: &str,
        request: &HeaderMap,
        varies: Vec<HeaderName>,
        answer: (StatusCode, HeaderMap, Bytes),
        now: Instant,
    ) {
        let (status, headers, body) = answer;
        let size = weight(&headers, &body);
        if size > self.capacity {
            return;
        }
        let mut inner = self.inner.lock();
        let key = full(base, &varies, request);
        inner.varies.insert(base.to_owned(), varies);
        inner.remove(&key);
        inner.used += size;
        inner.order.push_back(key.clone());
        inner.entries.insert(key, Arc::new(Cached { status, headers, body, since: now }));
        while inner.used > self.capacity {
            let Some(oldest) = inner.order.front().cloned() else { break };
            inner.remove(&oldest);
        }
        if inner.varies.len() > 2 * inner.entries.len() + 1024 {
            let entries: Vec<String> = inner.entries.keys().cloned().collect();
            inner.varies.retain(|base, _| entries.iter().any(|key| key.starts_with(base.as_str())));
        }
    }

    /// What bodies and headers take.
    #[must_use]
    pub fn used(&self) -> usize {
        self.inner.lock().used
    }
}

impl Inner {
    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.used = self.used.saturating_sub(weight(&entry.headers, &entry.body));
            self.order.retain(|known| known != key);
        }
    }
}

fn weight(headers: &HeaderMap, body: &Bytes) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() + body.len() + 128
}

/// The base key with the values of the headers that matter.
fn full(base: &str, varies: &[HeaderName], headers: &HeaderMap) -> String {
    let mut key = base.to_owned();
    for name in varies {
        key.push('\n');
        key.push_str(name.as_str());
        for value in headers.get_all(name) {
            key.push('=');
            key.push_str(&String::from_utf8_lossy(value.as_bytes()));
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, StatusCode};
    use tokio::time::Instant;

    use super::Cache;

    fn put(
        cache: &Cache,
        base: &str,
        request: &HeaderMap,
        varies: Vec<HeaderName>,
        body: &'static str,
        now: Instant,
    ) {
        cache.put(base, request, varies, (StatusCode::OK, HeaderMap::new(), Bytes::from(body)), now);
    }

    #[test]
    fn entries_end_with_their_time() {
        let (cache, now) = (Cache::new(Duration::from_secs(10), 10_000), Instant::now());
        let none = HeaderMap::new();
        put(&cache, "a", &none, Vec::new(), "x", now);
        let (entry, rest) = cache.get("a", &none, now + Duration::from_secs(4)).unwrap();
        assert_eq!((&entry.body[..], rest.as_secs()), (&b"x"[..], 6));
        assert!(cache.get("a", &none, now + Duration::from_secs(10)).is_none());
        assert!(cache.get("b", &none, now).is_none());
    }

    #[test]
    fn vary_keeps_answers_apart() {
        let (cache, now) = (Cache::new(Duration::from_secs(10), 10_000), Instant::now());
        let language = HeaderName::from_static("accept-language");
        let headers =
            |value: &'static str| HeaderMap::from_iter([(language.clone(), value.parse().unwrap())]);
        put(&cache, "a", &headers("de"), vec![language.clone()], "hallo", now);
        put(&cache, "a", &headers("en"), vec![language.clone()], "hello", now);
        assert_eq!(cache.get("a", &headers("de"), now).unwrap().0.body, "hallo");
        assert_eq!(cache.get("a", &headers("en"), now).unwrap().0.body, "hello");
        assert!(cache.get("a", &headers("fr"), now).is_none());
    }

    #[test]
    fn the_size_is_never_exceeded() {
        let (cache, now) = (Cache::new(Duration::from_secs(10), 1000), Instant::now());
        let none = HeaderMap::new();
        for key in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
            put(&cache, key, &none, Vec::new(), "0123456789", now);
            assert!(cache.used() <= 1000);
        }
        assert!(cache.get("a", &none, now).is_none() && cache.get("i", &none, now).is_some());
    }
}
