//! The sliding windows: the last N calls, or the calls of the last N seconds.
//!
//! Both keep running totals, so that a rate costs a division, not a walk. Seconds are those of the wall clock: a time
//! window of N spans between N-1 and N seconds, and reading it moves it on as recording does.

use super::config::WindowType;
use crate::clock::Nanos;

/// Counted calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    pub(crate) slow: u32,
    pub(crate) slow_failed: u32,
}

impl Totals {
    const fn of(outcome: Recorded) -> Self {
        Self {
            calls: 1,
            failed: outcome.failed as u32,
            slow: outcome.slow as u32,
            slow_failed: (outcome.failed && outcome.slow) as u32,
        }
    }

    const fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
        self.slow_failed += other.slow_failed;
    }

    const fn subtract(&mut self, other: Self) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
        self.slow_failed -= other.slow_failed;
    }

    /// Percent of failures; -1 while there are fewer calls than `minimum`.
    pub(crate) fn failure_rate(self, minimum: u32) -> f32 {
        self.rate(self.failed, minimum)
    }

    /// Percent of slow calls; -1 while there are fewer calls than `minimum`.
    pub(crate) fn slow_rate(self, minimum: u32) -> f32 {
        self.rate(self.slow, minimum)
    }

    #[expect(clippy::cast_precision_loss, reason = "the original computes rates in single precision")]
    fn rate(self, part: u32, minimum: u32) -> f32 {
        if self.calls == 0 || self.calls < minimum { -1.0 } else { part as f32 * 100.0 / self.calls as f32 }
    }
}

/// What is kept of one call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Recorded {
    pub(crate) failed: bool,
    pub(crate) slow: bool,
}

#[derive(Debug)]
pub(crate) enum Window {
    /// Keeps nothing: the states that do not record.
    Empty,
    Count(CountWindow),
    Time(TimeWindow),
}

impl Window {
    pub(crate) fn new(kind: WindowType, size: u32, now: Nanos) -> Self {
        match kind {
            WindowType::CountBased => Self::Count(CountWindow::new(size)),
            WindowType::TimeBased => Self::Time(TimeWindow::new(size, now)),
        }
    }

    pub(crate) fn record(&mut self, outcome: Recorded, now: Nanos) -> Totals {
        match self {
            Self::Empty => Totals::default(),
            Self::Count(window) => window.record(outcome),
            Self::Time(window) => window.record(outcome, now),
        }
    }

    /// A window of another size with what this one holds, as far as it has room; of another kind, an empty one.
    pub(crate) fn resized(&self, kind: WindowType, size: u32, now: Nanos) -> Self {
        match (self, kind) {
            (Self::Count(window), WindowType::CountBased) => Self::Count(window.resized(size)),
            (Self::Time(window), WindowType::TimeBased) => Self::Time(window.resized(size)),
            _ => Self::new(kind, size, now),
        }
    }

    pub(crate) fn totals(&mut self, now: Nanos) -> Totals {
        match self {
            Self::Empty => Totals::default(),
            Self::Count(window) => window.totals,
            Self::Time(window) => window.at(now),
        }
    }
}

/// The last N calls.
#[derive(Debug)]
pub(crate) struct CountWindow {
    ring: Box<[Recorded]>,
    /// Where the next call goes; what stands there is the oldest once the ring is full.
    next: usize,
    totals: Totals,
}

impl CountWindow {
    fn new(size: u32) -> Self {
        Self {
            ring: vec![Recorded::default(); size.max(1) as usize].into_boxed_slice(),
            next: 0,
            totals: Totals::default(),
        }
    }

    fn record(&mut self, outcome: Recorded) -> Totals {
        let full = self.totals.calls as usize == self.ring.len();
        if let Some(slot) = self.ring.get_mut(self.next) {
            if full {
                self.totals.subtract(Totals::of(*slot));
            }
            *slot = outcome;
        }
        self.totals.add(Totals::of(outcome));
        self.next += 1;
        if self.next == self.ring.len() {
            self.next = 0;
        }
        self.totals
    }

    fn resized(&self, size: u32) -> Self {
        let mut other = Self::new(size);
        let held = self.totals.calls as usize;
        let (newer, older) = self.ring.split_at(self.next.min(held));
        // Until the ring is full there is nothing behind `next`.
        let older = if held == self.ring.len() { older } else { &[] };
        for outcome in older.iter().chain(newer) {
            other.record(*outcome);
        }
        other
    }
}

/// The calls of the last N seconds, one bucket a second.
#[derive(Debug)]
pub(crate) struct TimeWindow {
    buckets: Box<[Totals]>,
    /// The newest second ...
    second: u64,
    /// ... and where its bucket is, `second % size`: most calls need no division to know it.
    newest: usize,
    totals: Totals,
}

impl TimeWindow {
    fn new(size: u32, now: Nanos) -> Self {
        let buckets = vec![Totals::default(); size.max(1) as usize].into_boxed_slice();
        let newest = place(now.seconds(), &buckets);
        Self { buckets, second: now.seconds(), newest, totals: Totals::default() }
    }

    fn resized(&self, size: u32) -> Self {
        let mut other = Self::new(size, Nanos(0));
        other.second = self.second;
        other.newest = place(self.second, &other.buckets);
        let kept = other.buckets.len().min(self.buckets.len()) as u64;
        let (from, to) = (self.buckets.len().max(1) as u64, other.buckets.len().max(1) as u64);
        for second in (self.second + 1).saturating_sub(kept)..=self.second {
            let at = |length: u64| usize::try_from(second % length).unwrap_or_default();
            if let (Some(old), Some(new)) = (self.buckets.get(at(from)), other.buckets.get_mut(at(to))) {
                *new = *old;
                other.totals.add(*old);
            }
        }
        other
    }

    /// The totals at `now`, after what is too old has left.
    fn at(&mut self, now: Nanos) -> Totals {
        if now.seconds() > self.second {
            self.move_on(now.seconds());
        }
        self.totals
    }

    #[cold]
    fn move_on(&mut self, to: u64) {
        let size = self.buckets.len() as u64;
        for second in self.second + 1..=to.min(self.second.saturating_add(size)) {
            let at = place(second, &self.buckets);
            if let Some(bucket) = self.buckets.get_mut(at) {
                self.totals.subtract(std::mem::take(bucket));
            }
        }
        self.second = to;
        self.newest = place(to, &self.buckets);
    }

    fn record(&mut self, outcome: Recorded, now: Nanos) -> Totals {
        self.at(now);
        let outcome = Totals::of(outcome);
        if let Some(bucket) = self.buckets.get_mut(self.newest) {
            bucket.add(outcome);
        }
        self.totals.add(outcome);
        self.totals
    }
}

/// Where the bucket of a second is.
fn place(second: u64, buckets: &[Totals]) -> usize {
    usize::try_from(second % buckets.len().max(1) as u64).unwrap_or_default()
}
