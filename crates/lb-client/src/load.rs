//! What this process knows about an instance from its own calls: calls in flight, round-trip time, failures in a row.
//!
//! Atomics only: written once when a call starts and once when it ends, read by the pickers on every choice.
//! The moving average is Finagle's peak EWMA: a slower answer counts at once, faster ones pull the value down slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Half of what was known about the round trip is forgotten after about seven seconds (e^(-t/10 s)).
const DECAY: Duration = Duration::from_secs(10);

/// Figures of one instance.
#[derive(Debug, Default)]
pub struct Load {
    in_flight: AtomicU32,
    failures_in_a_row: AtomicU32,
    /// Nanoseconds; 0: never measured.
    round_trip: AtomicU64,
    /// When `round_trip` was written, nanoseconds since `Clock`'s start.
    written: AtomicU64,
    /// Not before this moment (nanoseconds since the clock's start) is the instance chosen again; 0: not ejected.
    ejected_until: AtomicU64,
    /// When it joined a list that others were on already; 0: it was there from the beginning.
    joined: AtomicU64,
}

/// How a call ended, as far as the choice of the next instance is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// An answer came, whatever its status below 500.
    Answered,
    /// The connection was refused or broke, the time ran out, or the answer was 5xx.
    Failed,
    /// Given up by the caller; says nothing about the instance.
    Abandoned,
}

/// A call under way. Dropping it without `end` counts as abandoned.
#[derive(Debug)]
pub struct InFlight {
    load: Arc<Load>,
    started: Instant,
}

impl Load {
    /// Calls sent and not yet ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Failures since the last answer.
    pub fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row.load(Ordering::Relaxed)
    }

    /// Notes the start of a call.
    pub fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight { load: Arc::clone(self), started: Instant::now() }
    }

    /// Moving average of the round trip as of `now`, in nanoseconds; `None` before the first answer.
    pub fn round_trip(&self, now: u64) -> Option<u64> {
        let value = self.round_trip.load(Ordering::Relaxed);
        (value > 0).then(|| decayed(value, now.saturating_sub(self.written.load(Ordering::Relaxed))))
    }

    /// Takes a sample into the moving average.
    pub fn observe(&self, sample: Duration, now: u64) {
        let sample = u64::try_from(sample.as_nanos()).unwrap_or(u64::MAX).max(1);
        let old = self.round_trip.load(Ordering::Relaxed);
        let passed = now.saturating_sub(self.written.swap(now, Ordering::Relaxed));
        let new = if old == 0 || sample >= old { sample } else { blend(old, sample, passed) };
        // Two calls that end at once may lose one sample: the average is an estimate either way.
        self.round_trip.store(new, Ordering::Relaxed);
    }

    /// It joined the others at `now`.
    pub fn join(&self, now: u64) {
        self.joined.store(now, Ordering::Relaxed);
    }

    /// How long ago it joined; `None` when it was there from the beginning.
    pub fn age(&self, now: u64) -> Option<Duration> {
        let joined = self.joined.load(Ordering::Relaxed);
        (joined > 0).then(|| Duration::from_nanos(now.saturating_sub(joined)))
    }

    /// Not to be chosen before `until` (nanoseconds of `clock::nanos`) while there are others.
    pub fn eject(&self, until: u64) {
        self.ejected_until.store(until, Ordering::Relaxed);
    }

    /// Until when it is left out (nanoseconds of `clock::nanos`); 0: it is not.
    pub fn ejected_until(&self) -> u64 {
        self.ejected_until.load(Ordering::Relaxed)
    }

    /// Whether it is ejected at `now`.
    pub fn is_ejected(&self, now: u64) -> bool {
        self.ejected_until.load(Ordering::Relaxed) > now
    }
}

impl InFlight {
    /// Notes the end of the call.
    pub fn end(self, ended: Ended) {
        match ended {
            Ended::Answered => {
                self.load.failures_in_a_row.store(0, Ordering::Relaxed);
                let now = Instant::now();
                self.load.observe(now.saturating_duration_since(self.started), nanos(now));
            }
            Ended::Failed => {
                self.load.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
            Ended::Abandoned => {}
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.load.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nanoseconds since this process first asked.
pub fn nanos(now: Instant) -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    // One more, so that 0 can stand for "never".
    u64::try_from(now.saturating_duration_since(*START.get_or_init(|| now)).as_nanos())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn decayed(value: u64, passed: u64) -> u64 {
    (value as f64 * weight(passed)) as u64
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn blend(old: u64, sample: u64, passed: u64) -> u64 {
    let kept = weight(passed);
    ((old as f64).mul_add(kept, sample as f64 * (1.0 - kept)) as u64).max(1)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn weight(passed: u64) -> f64 {
    (-(passed as f64) / DECAY.as_nanos() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slower_answer_counts_at_once_and_faster_ones_slowly() {
        let load = Load::default();
        load.observe(Duration::from_millis(10), 1);
        load.observe(Duration::from_millis(100), 2);
        assert_eq!(load.round_trip(2), Some(100_000_000));
        load.observe(Duration::from_millis(10), 1_000_000_000);
        let after = load.round_trip(1_000_000_000).unwrap();
        assert!((90_000_000..100_000_000).contains(&after), "{after}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_is_no_longer_in_flight() {
        let load = Arc::new(Load::default());
        let call = load.begin();
        assert_eq!(load.in_flight(), 1);
        drop(call);
        assert_eq!(load.in_flight(), 0);
        assert_eq!(load.failures_in_a_row(), 0);
    }
}
