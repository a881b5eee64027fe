//! The one time line: nanoseconds since the Unix epoch that never go back.
//!
//! Time windows are aligned to whole seconds of the wall clock, everything else only needs differences. So the wall clock
//! is read once, and from there on the monotonic clock carries it: a clock set back by an operator disturbs nothing.

pub(crate) mod counter;
pub(crate) mod line;
pub(crate) mod pace;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Nanoseconds since the Unix epoch, on a time line that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// This moment and `duration` later; the far end of the time line when that is too far.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }
}

/// A duration in nanoseconds; `u64::MAX` (584 years) for anything longer.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where the shells take the time from. It follows tokio's clock, so tests can pause it.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    epoch: u64,
}

impl Clock {
    /// The process' clock. It is made once: what one pattern has read is a time to all others, even when somebody sets
    /// the wall clock in between.
    #[must_use]
    pub fn new() -> Self {
        static LINE: OnceLock<Clock> = OnceLock::new();
        *LINE.get_or_init(Self::begin)
    }

    fn begin() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock in this crate")]
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Instant::now();
        Self { start, epoch: nanos(wall) }
    }

    /// Lets every clock of this process read the processor's own counter, which takes half as long, where processor and kernel
    /// vouch for it, and from the time on when clocks are read often. It is held against the system's clock every millisecond, and
    /// given up when it jumps. For the `main` of a program: a test that pauses tokio's clock is not followed by a counter.
    pub fn prefer_counter() {
        counter::want();
    }

    /// Whether clocks read the counter by now.
    #[must_use]
    pub fn is_counter() -> bool {
        counter::in_use().is_some()
    }

    /// The time now.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Nanos {
        if let Some(counter) = counter::in_use() {
            return Nanos(counter.now(|| self.of_system()));
        }
        counter::missed();
        Nanos(self.of_system())
    }

    fn of_system(&self) -> u64 {
        let elapsed = self.start.elapsed();
        // In 64 bits: a process does not run for 584 years.
        let elapsed =
            elapsed.as_secs().wrapping_mul(1_000_000_000).wrapping_add(elapsed.subsec_nanos().into());
        self.epoch.saturating_add(elapsed)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
