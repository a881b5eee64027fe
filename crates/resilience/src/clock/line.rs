//! A straight line from ticks of the processor's counter to nanoseconds, good for a moment: readers share it without a lock.
//!
//! A line holds for its stretch only. Whoever comes later renews it against the system's clock, so what is wrong with a counter
//! (its rate, a jump) is wrong for one stretch. The next line begins no lower than the one before can have ended: time does not go back.

use crate::sync::atomic::{AtomicU64, Ordering};

/// From ticks to nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it begins, by the counter ...
    pub(crate) ticks: u64,
    /// ... and in nanoseconds.
    pub(crate) nanos: u64,
    /// Nanoseconds a tick, in parts of 2^32.
    pub(crate) rate: u64,
    /// How many ticks it holds for; zero: not at all.
    pub(crate) stretch: u64,
}

impl Line {
    /// The time at `ticks`; `None` where this line does not hold.
    pub(crate) const fn at(&self, ticks: u64) -> Option<u64> {
        let passed = ticks.wrapping_sub(self.ticks);
        if passed < self.stretch {
            return Some(self.nanos.wrapping_add(part(passed, self.rate)));
        }
        // Read just before the line was made, or on a processor whose counter is a hair behind.
        if passed.wrapping_neg() < self.stretch { Some(self.nanos) } else { None }
    }

    /// No time on this line is later.
    pub(crate) const fn end(&self) -> u64 {
        self.nanos.saturating_add(part(self.stretch, self.rate))
    }
}

/// `ticks` in nanoseconds; a stretch is far too short for an overflow.
const fn part(ticks: u64, rate: u64) -> u64 {
    ticks.wrapping_mul(rate) >> 32
}

/// The present line. Reading it is six loads; a reader that meets a writer is sent away.
#[derive(Debug)]
pub(crate) struct Present {
    /// Odd while a line is being written.
    turn: AtomicU64,
    ticks: AtomicU64,
    nanos: AtomicU64,
    rate: AtomicU64,
    stretch: AtomicU64,
}

impl Present {
    /// Holds nowhere.
    pub(crate) fn new() -> Self {
        Self {
            turn: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            rate: AtomicU64::new(0),
            stretch: AtomicU64::new(0),
        }
    }

    /// The line, unless one is just being written.
    pub(crate) fn line(&self) -> Option<Line> {
        let turn = self.turn.load(Ordering::Acquire);
        let line = Line {
            ticks: self.ticks.load(Ordering::Acquire),
            nanos: self.nanos.load(Ordering::Acquire),
            rate: self.rate.load(Ordering::Acquire),
            stretch: self.stretch.load(Ordering::Acquire),
        };
        // Whoever saw a part of a newer line sees its turn, too: each part is published after it.
        (turn.is_multiple_of(2) && self.turn.load(Ordering::Relaxed) == turn).then_some(line)
    }

    /// Replaces the line; one writer at a time.
    pub(crate) fn set(&self, line: Line) {
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Relaxed);
        self.ticks.store(line.ticks, Ordering::Release);
        self.nanos.store(line.nanos, Ordering::Release);
        self.rate.store(line.rate, Ordering::Release);
        self.stretch.store(line.stretch, Ordering::Release);
        self.turn.store(turn.wrapping_add(2), Ordering::Release);
    }
}
