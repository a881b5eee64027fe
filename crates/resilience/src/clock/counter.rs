//! The processor's own counter in the place of the system's clock: half the price of a reading.
//!
//! Only where the program asked for it, where the kernel itself keeps time by that counter, and once the clock is read often:
//! a program that starts, or is idle, pays nothing for it. What the counter says is held against the system's clock every millisecond.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::line::{Line, Present};
use super::pace::{Pace, Reading};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Readings of the system's clock before the counter is worth its preparation.
const OFTEN: u32 = 10_000;
/// A reading in which the counter ran further than this is made again: the thread was interrupted.
const QUICK: u64 = 5_000;
const ATTEMPTS: u32 = 3;

/// Readings to go until the counter is prepared; zero: nobody wants it, or it is under way.
static WANTED: AtomicU32 = AtomicU32::new(0);
static IN_USE: OnceLock<Counter<quanta::Clock>> = OnceLock::new();

/// What counts.
pub(crate) trait Ticks {
    fn ticks(&self) -> u64;

    /// Nanoseconds a tick, about, in parts of 2^32.
    fn rate(&self) -> u64;
}

impl Ticks for quanta::Clock {
    #[inline]
    fn ticks(&self) -> u64 {
        self.raw()
    }

    fn rate(&self) -> u64 {
        self.delta_as_nanos(0, 1 << 32)
    }
}

/// A counter that tells the time.
#[derive(Debug)]
pub(crate) struct Counter<T> {
    source: T,
    present: Present,
    pace: Mutex<Pace>,
    /// Not zero: given up; no time before this one was told since.
    given_up_at: AtomicU64,
}

/// The counter, if there is one to read.
#[inline]
pub(crate) fn in_use() -> Option<&'static Counter<quanta::Clock>> {
    IN_USE.get()
}

/// From now on the counter may be used.
pub(crate) fn want() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| WANTED.store(OFTEN, Relaxed));
}

/// Somebody read the system's clock.
#[inline]
pub(crate) fn missed() {
    let left = WANTED.load(Relaxed);
    if left > 0 {
        // Threads may overwrite each other's count: it need not be exact, and must not be dear.
        WANTED.store(left - 1, Relaxed);
        if left == 1 {
            prepare();
        }
    }
}

/// On a thread of its own, which then ends: to know a counter takes a millisecond, at worst two hundred.
#[cold]
fn prepare() {
    let make = || {
        if let Some(source) = trusted() {
            IN_USE.get_or_init(|| Counter::new(source));
        }
    };
    // Without a thread to spare it stays with the system's clock.
    std::thread::Builder::new().name("clock".to_owned()).spawn(make).ok();
}

/// The counter, where processor and kernel both vouch for it: it runs at one rate, in step on all processors.
fn trusted() -> Option<quanta::Clock> {
    const KERNEL: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(KERNEL).ok()?;
    if !matches!(source.trim(), "tsc" | "arch_sys_counter") {
        return None;
    }
    let clock = quanta::Clock::new();
    // Without a counter it hands out the system's nanoseconds, one for one. Below a megahertz a counter would be too coarse.
    let rate = clock.rate();
    (rate != 1 << 32 && (1..1_000 << 32).contains(&rate)).then_some(clock)
}

impl<T: Ticks> Counter<T> {
    pub(crate) fn new(source: T) -> Self {
        Self {
            pace: Mutex::new(Pace::new(source.rate())),
            source,
            present: Present::new(),
            given_up_at: AtomicU64::new(0),
        }
    }

    /// The time, as `system` would tell it.
    #[inline]
    pub(crate) fn now(&self, system: impl Fn() -> u64) -> u64 {
        self.read().unwrap_or_else(|| self.renew(system))
    }

    fn read(&self) -> Option<u64> {
        self.present.line()?.at(self.source.ticks())
    }

    #[cold]
    fn renew(&self, system: impl Fn() -> u64) -> u64 {
        let mut given_up = self.given_up_at.load(Ordering::Acquire);
        if given_up == 0 {
            let mut pace = self.pace.lock();
            // Somebody else may have been here while this thread waited.
            if let Some(now) = self.read() {
                return now;
            }
            if let Some(line) = pace.line(self.both(&system)) {
                self.present.set(line);
                return line.nanos;
            }
            self.present.set(Line::default());
            given_up = pace.latest().max(1);
            self.given_up_at.store(given_up, Ordering::Release);
        }
        system().max(given_up)
    }

    fn both(&self, system: &impl Fn() -> u64) -> Reading {
        let mut best = Reading { doubt: u64::MAX, ..Reading::default() };
        for _ in 0..ATTEMPTS {
            let (before, nanos, ticks) = (self.source.ticks(), system(), self.source.ticks());
            let doubt = ticks.saturating_sub(before);
            if doubt < best.doubt {
                best = Reading { ticks, nanos, doubt };
            }
            if doubt <= QUICK {
                break;
            }
        }
        best
    }
}
