//! Figures of one route for whoever looks: how many requests, how many failed, how long they took, when the last one ended.
//!
//! A request adds to one counter of a histogram and stores one time, both without a lock; rates and percentiles are made
//! when somebody looks. They outlive a change of the routes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;
use wellspring_wire::Millis;

/// Four steps for each doubling of the time: a percentile is at most a quarter too high.
const STEPS: usize = 4;
/// Up to 2^26 microseconds, which is 67 seconds; what takes longer counts as that.
const DOUBLINGS: usize = 26;
const BUCKETS: usize = STEPS * DOUBLINGS;

/// While somebody looks, rates are over at least this time and at most twice as much.
const WINDOW: Duration = Duration::from_secs(30);

type Buckets = [AtomicU64; BUCKETS];

/// Of one route.
#[derive(Debug)]
pub struct Figures {
    /// Made for the first request: most of many routes never see one.
    buckets: OnceLock<Box<Buckets>>,
    errors: AtomicU64,
    /// Microseconds since `born`; 0: never.
    last: AtomicU64,
    born: (Instant, Millis),
    looks: Mutex<Looks>,
}

/// What was read earlier, to make rates of the difference.
#[derive(Debug, Default)]
struct Looks {
    base: Option<Look>,
    next: Option<Look>,
}

#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    counts: Box<[u64; BUCKETS]>,
}

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    pub requests: u64,
    pub errors: u64,
    /// Per second.
    pub rate: f64,
    pub p99: Option<Duration>,
    pub last: Option<Millis>,
}

/// The figures of all routes by id.
#[derive(Debug, Clone, Default)]
pub struct All(Arc<Mutex<HashMap<String, Arc<Figures>>>>);

impl Default for Figures {
    fn default() -> Self {
        Self {
            buckets: OnceLock::new(),
            errors: AtomicU64::new(0),
            last: AtomicU64::new(0),
            born: (Instant::now(), Millis::now()),
            looks: Mutex::default(),
        }
    }
}

impl All {
    /// Those of a route, the same ones after it was compiled again.
    pub fn of(&self, route: &str) -> Arc<Figures> {
        Arc::clone(self.0.lock().entry(route.to_owned()).or_default())
    }

    /// Forgets routes that are gone.
    pub fn sweep(&self) {
        self.0.lock().retain(|_, figures| Arc::strong_count(figures) > 1);
    }
}

impl Figures {
    /// A request that came at `started` and took so long was answered.
    pub fn record(&self, started: Instant, took: Duration, status: StatusCode) {
        let buckets = self.buckets.get_or_init(|| Box::new([const { AtomicU64::new(0) }; BUCKETS]));
        if let Some(bucket) = buckets.get(place(took)) {
            bucket.fetch_add(1, Relaxed);
        }
        if status.is_server_error() {
            self.errors.fetch_add(1, Relaxed);
        }
        let ended = started.saturating_duration_since(self.born.0) + took;
        self.last.store(u64::try_from(ended.as_micros()).unwrap_or(u64::MAX).max(1), Relaxed);
    }

    /// Reads them, and remembers what was read.
    pub fn look(&self, now: Instant) -> Shown {
        let Some(buckets) = self.buckets.get() else { return Shown::default() };
        let mut counts = Box::new([0; BUCKETS]);
        for (count, bucket) in counts.iter_mut().zip(buckets.iter()) {
            *count = bucket.load(Relaxed);
        }
        let mut looks = self.looks.lock();
        let (since, base) = match &looks.base {
            Some(base) => (base.at, Some(&base.counts)),
            None => (self.born.0, None),
        };
        let mut fresh = counts.clone();
        for (count, before) in fresh.iter_mut().zip(base.into_iter().flat_map(|base| base.iter())) {
            *count -= *before;
        }
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        let last = self.last.load(Relaxed);
        let shown = Shown {
            requests: counts.iter().sum(),
            errors: self.errors.load(Relaxed),
            rate: if seconds > 0.0 { rate(fresh.iter().sum(), seconds) } else { 0.0 },
            p99: percentile(&fresh, 99),
            last: (last > 0).then(|| Millis(self.born.1.0.saturating_add_unsigned(last / 1000))),
        };
        looks.remember(now, counts);
        shown
    }
}

impl Looks {
    fn remember(&mut self, at: Instant, counts: Box<[u64; BUCKETS]>) {
        match &self.next {
            None => self.next = Some(Look { at, counts }),
            Some(next) if at.saturating_duration_since(next.at) >= WINDOW => {
                self.base = self.next.replace(Look { at, counts });
            }
            Some(_) => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52 in a minute")]
fn rate(requests: u64, seconds: f64) -> f64 {
    requests as f64 / seconds
}

/// The bucket of a time.
fn place(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2() as usize;
    // The two bits below the highest one.
    let step = if doubling >= 2 { (micros >> (doubling - 2)) & 3 } else { (micros << (2 - doubling)) & 3 };
    (doubling * STEPS + usize::try_from(step).unwrap_or(0)).min(BUCKETS - 1)
}

/// The upper bound of a bucket.
fn bound(place: usize) -> Duration {
    let (doubling, step) = (place / STEPS, place % STEPS);
    let micros = (1_u64 << doubling) * (5 + step as u64) / 4;
    Duration::from_micros(micros)
}

fn percentile(counts: &[u64; BUCKETS], percent: u64) -> Option<Duration> {
    let total: u64 = counts.iter().sum();
    let wanted = (total * percent).div_ceil(100);
    let mut seen = 0;
    let found = counts.iter().position(|count| {
        seen += count;
        seen >= wanted && total > 0
    });
    found.map(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_lies_below_the_bound_of_its_bucket_and_not_far() {
        for micros in (1..3000).chain([10_000, 123_456, 59_000_000]) {
            let took = Duration::from_micros(micros);
            let bound = bound(place(took));
            assert!(bound >= took, "{micros}: {bound:?}");
            assert!(bound.as_micros() <= u128::from(micros) * 3 / 2 + 1, "{micros}: {bound:?}");
        }
        assert_eq!(place(Duration::from_secs(3600)), BUCKETS - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn rates_are_of_the_time_since_earlier_looks_and_counts_of_all() {
        let figures = Figures::default();
        assert_eq!(figures.look(Instant::now()), Shown::default());
        let hit = |millis: u64, status: u16| {
            figures.record(
                Instant::now(),
                Duration::from_millis(millis),
                StatusCode::from_u16(status).unwrap(),
            );
        };
        tokio::time::advance(Duration::from_secs(10)).await;
        for number in 0..100 {
            hit(if number == 0 { 400 } else { 2 }, if number < 3 { 503 } else { 404 });
        }
        let shown = figures.look(Instant::now());
        assert_eq!((shown.requests, shown.errors), (100, 3));
        assert!((shown.rate - 10.0).abs() < 0.1, "{shown:?}");
        assert!(shown.p99.unwrap() < Duration::from_millis(3), "{shown:?}");
        assert!(shown.last.is_some());
        for _ in 0..3 {
            tokio::time::advance(WINDOW).await;
            figures.look(Instant::now());
        }
        hit(7, 200);
        let shown = figures.look(Instant::now());
        assert_eq!(shown.requests, 101);
        assert!(shown.rate < 0.05, "the hundred are long ago: {shown:?}");
        assert!(shown.p99.unwrap() >= Duration::from_millis(7));
    }

    #[test]
    fn figures_outlive_a_change_of_routes_but_not_the_route() {
        let all = All::default();
        let first = all.of("a");
        first.record(Instant::now(), Duration::from_millis(1), StatusCode::OK);
        assert_eq!(all.of("a").look(Instant::now()).requests, 1);
        all.sweep();
        assert_eq!(all.of("a").look(Instant::now()).requests, 1);
        drop(first);
        all.sweep();
        assert_eq!(all.of("a").look(Instant::now()).requests, 0);
    }
}
