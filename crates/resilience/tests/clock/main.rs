//! The clock that reads the processor's counter: beside a model of counters that drift, jump and blur, and beside the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(dead_code, unreachable_pub, reason = "only a part of the source is used here")]

mod sync;

#[path = "../../src/clock/mod.rs"]
mod clock;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use clock::counter::{Counter, Ticks};
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_assert, prop_oneof, proptest};
use tokio::time::Instant;

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;

/// A world with a time of its own, in which looking at a clock takes time.
#[derive(Debug, Default)]
struct World {
    nanos: AtomicU64,
    /// The counter, in parts of a million of a tick.
    counter: AtomicU64,
    /// Millionths of a tick a nanosecond.
    rate: AtomicU64,
    /// How long the next reading of the system's clock is interrupted.
    interruption: AtomicU64,
}

impl World {
    fn new(rate: u64) -> Self {
        let world = Self::default();
        world.nanos.store(SECOND, Relaxed);
        world.rate.store(rate, Relaxed);
        world
    }

    fn pass(&self, nanos: u64) {
        self.nanos.fetch_add(nanos, Relaxed);
        // A step of the simulation is at most a minute: no overflow.
        self.counter.fetch_add(nanos * self.rate.load(Relaxed), Relaxed);
    }

    /// The counter stands elsewhere, so many ticks away.
    fn jump(&self, ticks: i64) {
        self.counter.fetch_add((ticks * 1_000_000).cast_unsigned(), Relaxed);
    }

    fn system(&self) -> u64 {
        self.pass(11 + self.interruption.swap(0, Relaxed));
        let told = self.nanos.load(Relaxed);
        self.pass(11);
        told
    }
}

impl Ticks for &World {
    fn ticks(&self) -> u64 {
        self.pass(10);
        // It began long ago.
        (self.counter.load(Relaxed) / 1_000_000).wrapping_add(1 << 40)
    }

    fn rate(&self) -> u64 {
        (1_000_000 << 32) / self.rate.load(Relaxed)
    }
}

/// What may happen to a clock that is read now and then.
#[derive(Debug, Clone)]
enum Event {
    Wait(u64),
    Jump(i64),
    /// The counter runs at so many thousandths of its first rate.
    Rate(u64),
    Interrupt(u64),
}

fn wait() -> impl Strategy<Value = Event> {
    prop_oneof![20..2_000u64, 1_000..2 * MILLI, MILLI..200 * MILLI, SECOND..60 * SECOND].prop_map(Event::Wait)
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => wait(),
        1 => (-3_000_000..3_000_000i64).prop_map(Event::Jump),
        1 => (-3_000_000_000_000..3_000_000_000_000i64).prop_map(Event::Jump),
        2 => (950..1_050u64).prop_map(Event::Rate),
        1 => (300..3_000u64).prop_map(Event::Rate),
        2 => (0..20 * MILLI).prop_map(Event::Interrupt),
    ]
}

/// From 24 megahertz (a Raspberry) to five gigahertz, in millionths of a tick a nanosecond.
fn rates() -> impl Strategy<Value = u64> {
    prop_oneof![Just(24_000), 900_000..5_000_000u64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever the counter does: what is told is within a stretch of the truth, and time does not go back, unless the counter
    /// itself does in the middle of a line: then by no more than a line is long.
    #[test]
    fn no_counter_takes_time_back_or_far_astray(
        rate in rates(),
        events in proptest::collection::vec(any_event(), 1..150),
    ) {
        let world = World::new(rate);
        let counter = Counter::new(&world);
        let mut before: u64 = 0;
        for event in events {
            if matches!(event, Event::Jump(ticks) if ticks < 0) {
                before = before.saturating_sub(MILLI);
            }
            match event {
                Event::Wait(nanos) => world.pass(nanos),
                Event::Jump(ticks) => world.jump(ticks),
                Event::Rate(thousandths) => world.rate.store((rate * thousandths / 1_000).max(1), Relaxed),
                Event::Interrupt(nanos) => world.interruption.store(nanos, Relaxed),
            }
            for _ in 0..3 {
                let earliest = world.nanos.load(Relaxed);
                let told = counter.now(|| world.system());
                let latest = world.nanos.load(Relaxed);
                prop_assert!(told >= before, "{before} and then {told}");
                prop_assert!(told <= latest + 2 * MILLI, "{} ns ahead", told - latest);
                prop_assert!(told + 30 * MILLI >= earliest, "{} ns behind", earliest - told);
                before = told;
                world.pass(MILLI / 4);
            }
        }
    }

    /// A counter that only drifts, as all do, is told right to a microsecond, for hours.
    #[test]
    fn a_counter_that_drifts_is_right_for_hours(
        rate in rates(),
        drift in 0..200u64,
        waits in proptest::collection::vec(wait(), 100..200),
    ) {
        let world = World::new(rate);
        let counter = Counter::new(&world);
        // Until the rate is measured it is the system's clock.
        for _ in 0..300 {
            counter.now(|| world.system());
            world.pass(MILLI / 7);
        }
        world.rate.store(rate + rate * drift / 1_000_000, Relaxed);
        for wait in waits {
            let Event::Wait(nanos) = wait else { continue };
            world.pass(nanos);
            let earliest = world.nanos.load(Relaxed);
            let told = counter.now(|| world.system());
            let latest = world.nanos.load(Relaxed);
            prop_assert!(told + 1_000 >= earliest, "{} ns behind", earliest - told);
            prop_assert!(told <= latest + 1_000, "{} ns ahead", told - latest);
        }
    }
}

#[test]
fn a_counter_is_read_without_the_system_for_most_of_the_time() {
    let world = World::new(2_300_000);
    let counter = Counter::new(&world);
    let asked = AtomicU64::new(0);
    let read = || {
        counter.now(|| {
            asked.fetch_add(1, Relaxed);
            world.system()
        })
    };
    while world.nanos.load(Relaxed) < SECOND + 30 * MILLI {
        read();
        world.pass(10_000);
    }
    asked.store(0, Relaxed);
    for _ in 0..100_000 {
        read();
        world.pass(1_000);
    }
    let asked = asked.load(Relaxed);
    assert!((50..250).contains(&asked), "asked {asked} times in 100 ms");
}

#[test]
fn a_counter_that_jumps_again_and_again_is_given_up() {
    let world = World::new(2_300_000);
    let counter = Counter::new(&world);
    let mut before = 0;
    for _ in 0..20 {
        for _ in 0..100 {
            before = counter.now(|| world.system());
            world.pass(MILLI / 2);
        }
        world.jump(5_000_000_000);
    }
    world.rate.store(1, Relaxed);
    for _ in 0..100 {
        world.pass(7);
        let told = counter.now(|| world.system());
        assert!(told > before && told <= world.nanos.load(Relaxed), "it is the system's clock again");
        before = told;
    }
}

/// The machine's own counter, where it has one that can be trusted, beside the standard library's clock.
#[test]
fn the_real_counter_keeps_the_systems_time() {
    let clock = clock::Clock::new();
    let (start, first) = (Instant::now(), clock.now());
    clock::Clock::prefer_counter();
    let mut before = first;
    let deadline = Duration::from_millis(400);
    while start.elapsed() < deadline {
        for _ in 0..2_000 {
            let earliest = start.elapsed();
            let told = clock.now();
            let latest = start.elapsed();
            assert!(told >= before, "{before:?} and then {told:?}");
            before = told;
            // A thread may lose its processor anywhere in between; what a clock gets wrong grows with time instead.
            let (told, slack) = (told.since(first), Duration::from_millis(100));
            assert!(
                told + slack >= earliest && told <= latest + slack,
                "{told:?} in {earliest:?}..{latest:?}"
            );
        }
    }
    println!("counter in use: {}", clock::Clock::is_counter());
}
