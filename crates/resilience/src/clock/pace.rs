//! How fast the processor's counter runs, by the system's clock: the next line out of what was read. No clock of its own.
//!
//! Nothing is believed of a counter but what readings of both clocks say that lie at least ten milliseconds apart, and that for a
//! millisecond, and only near the rate it is expected to have. A counter that jumps is measured anew; one that jumps again and again is given up for good.

use super::line::Line;

/// How long a line holds.
const STRETCH: u64 = 1_000_000;
/// The rate is measured over at least this long ...
const SHORTEST: u64 = 10_000_000;
/// ... and from a new beginning after this.
const LONGEST: u64 = 100_000_000;
/// Jumps after which a counter is not used any more.
const MOST_JUMPS: u32 = 8;

/// Both clocks, read together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    /// The counter, right after the system's clock.
    pub(crate) ticks: u64,
    /// The system's clock.
    pub(crate) nanos: u64,
    /// How far the counter ran while the system's clock was read.
    pub(crate) doubt: u64,
}

/// What is known of a counter.
#[derive(Debug)]
pub(crate) struct Pace {
    /// About what the rate should be.
    expected: u64,
    /// Nanoseconds a tick in parts of 2^32, once measured.
    rate: Option<u64>,
    /// Where the measuring of the rate began.
    since: Option<Reading>,
    last: Reading,
    /// The latest time that anybody may have read.
    latest: u64,
    jumps: u32,
}

impl Pace {
    /// Of a counter of about this rate.
    pub(crate) const fn new(expected: u64) -> Self {
        let last = Reading { ticks: 0, nanos: 0, doubt: 0 };
        Self { expected, rate: None, since: None, last, latest: 0, jumps: 0 }
    }

    /// The line from `now` on; `None` when the counter is given up.
    pub(crate) fn line(&mut self, now: Reading) -> Option<Line> {
        self.judge(now);
        if self.jumps >= MOST_JUMPS {
            return None;
        }
        self.last = now;
        let nanos = now.nanos.max(self.latest);
        let line = self.rate.map_or(Line { ticks: now.ticks, nanos, ..Line::default() }, |rate| {
            // A line that ended too high is not taken back, the next one rises more slowly.
            let ahead = (nanos - now.nanos).min(STRETCH / 2);
            let slower = scaled(rate, STRETCH - ahead, STRETCH);
            Line { ticks: now.ticks, nanos, rate: slower, stretch: scaled(STRETCH, 1 << 32, rate) }
        });
        self.latest = line.end();
        Some(line)
    }

    /// The latest time that anybody may have read.
    pub(crate) const fn latest(&self) -> u64 {
        self.latest
    }

    fn judge(&mut self, now: Reading) {
        let Some(since) = self.since else {
            self.since = Some(now);
            return;
        };
        let (ticks, nanos) = (now.ticks.saturating_sub(since.ticks), now.nanos.saturating_sub(since.nanos));
        // Neither reading may be so blurred (the thread lost its processor in the middle) that it spoils the rate.
        let blurred = (since.doubt.saturating_add(now.doubt)).saturating_mul(1_000) > ticks;
        let measured = (nanos >= SHORTEST && !blurred).then(|| scaled(nanos, 1 << 32, ticks));
        let strange = |rate: u64| rate.abs_diff(self.expected) > self.expected / 8;
        if self.jumped(now) || measured.is_some_and(strange) {
            self.jumps += 1;
            (self.rate, self.since) = (None, Some(now));
            return;
        }
        self.rate = measured.or(self.rate);
        if nanos >= LONGEST || (blurred && now.doubt < since.doubt) {
            self.since = Some(now);
        }
    }

    /// Whether the counter did something else since the last reading than run on. The system's clock may be slewed by a tenth.
    fn jumped(&self, now: Reading) -> bool {
        let Some(ticks) = now.ticks.checked_sub(self.last.ticks) else { return true };
        let Some(rate) = self.rate else { return false };
        let passed = now.nanos.saturating_sub(self.last.nanos);
        let doubt = scaled(self.last.doubt.saturating_add(now.doubt), rate, 1 << 32);
        let allowed = (passed / 4).saturating_add(doubt).saturating_add(1_000);
        scaled(ticks, rate, 1 << 32).abs_diff(passed) > allowed
    }
}

/// `value * by / of`.
fn scaled(value: u64, by: u64, of: u64) -> u64 {
    let exact = u128::from(value) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(exact).unwrap_or(u64::MAX)
}
