//! What threads share without a lock, in every order in which their steps can happen.
//!
//! The sources are compiled a second time here, with `crate::sync` from the checker: its atomics and locks let
//! every other thread go first once. Each test runs its closure in all orders there are, and fails with the first bad one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    reason = "only what is shared is used here"
)]

mod sync;

#[path = "../../src/around.rs"]
mod around;
#[path = "../../src/bulkhead/mod.rs"]
mod bulkhead;
#[path = "../../src/circuit_breaker/mod.rs"]
mod circuit_breaker;
#[path = "../../src/clock/mod.rs"]
mod clock;
#[path = "../../src/duration.rs"]
mod duration;
#[path = "../../src/interval.rs"]
mod interval;
#[path = "../../src/listeners.rs"]
mod listeners;
#[path = "../../src/places.rs"]
mod places;
#[path = "../../src/rate_limiter/mod.rs"]
mod rate_limiter;
#[path = "../../src/rejection.rs"]
mod rejection;
#[path = "../../src/verdict.rs"]
mod verdict;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use shuttle::{check_dfs, thread};

use bulkhead::{Bulkhead, BulkheadConfig};
use circuit_breaker::{CircuitBreaker, CircuitBreakerConfig, Outcome, State};
use clock::Nanos;
use clock::counter::{Counter, Ticks};
use clock::line::{Line, Present};
use places::Places;
use rate_limiter::{RateLimiter, RateLimiterConfig};

const NOW: Nanos = Nanos(1_700_000_000_000_000_000);

/// Opens at the first failure, then lets one trial call pass.
fn breaker() -> CircuitBreaker {
    let config = CircuitBreakerConfig {
        sliding_window_size: 2,
        minimum_number_of_calls: 1,
        permitted_number_of_calls_in_half_open_state: 1,
        wait_duration_in_open_state: Duration::from_millis(1),
        ..CircuitBreakerConfig::default()
    };
    let interval = config.interval();
    CircuitBreaker::with_interval("b", config, interval, NOW).unwrap()
}

fn fail(breaker: &CircuitBreaker) {
    breaker.record_at(Outcome::Failure("e"), Duration::ZERO, NOW);
}

#[test]
fn a_breaker_that_was_seen_open_lets_nobody_pass() {
    check_dfs(
        || {
            let breaker = breaker();
            let failing = breaker.clone();
            let other = thread::spawn(move || fail(&failing));
            let before = breaker.acquire_at(NOW).is_ok();
            let after = breaker.acquire_at(NOW).is_ok();
            assert!(before || !after, "closed again without a reason");
            other.join().unwrap();
            assert!(breaker.acquire_at(NOW).is_err());
        },
        None,
    );
}

#[test]
fn the_one_trial_call_is_given_to_one_caller() {
    check_dfs(
        || {
            let breaker = breaker();
            fail(&breaker);
            let later = NOW.plus(Duration::from_millis(2));
            let rival = breaker.clone();
            let other = thread::spawn(move || rival.acquire_at(later).is_ok());
            let own = breaker.acquire_at(later).is_ok();
            assert!(own ^ other.join().unwrap());
            assert_eq!(breaker.refused(), 1);
            assert_eq!(breaker.metrics_at(later).not_permitted, 1);
        },
        None,
    );
}

#[test]
fn no_outcome_is_lost() {
    check_dfs(
        || {
            let breaker = breaker();
            let calls = breaker.clone();
            let other =
                thread::spawn(move || calls.record_at(Outcome::Success, Duration::from_secs(90), NOW));
            breaker.record_at(Outcome::Success, Duration::ZERO, NOW);
            other.join().unwrap();
            let metrics = breaker.metrics_at(NOW);
            assert_eq!((metrics.buffered, metrics.slow, metrics.failed), (2, 1, 0));
        },
        None,
    );
}

/// Callers of a closed breaker look at a copy of its state; the copy never stays behind.
#[test]
fn the_copy_of_the_state_is_the_state() {
    check_dfs(
        || {
            let breaker = breaker();
            let operator = breaker.clone();
            let other = thread::spawn(move || operator.transition_at(State::ForcedOpen, NOW).unwrap());
            breaker.reset_at(NOW);
            other.join().unwrap();
            let open = breaker.state_at(NOW) == State::ForcedOpen;
            assert_eq!(breaker.acquire_at(NOW).is_err(), open);
        },
        None,
    );
}

/// So many permissions a period of a second, and nobody waits.
fn limiter(limit_for_period: i32) -> RateLimiter {
    let config = RateLimiterConfig {
        limit_for_period,
        limit_refresh_period: Duration::from_secs(1),
        timeout_duration: Duration::ZERO,
        ..RateLimiterConfig::default()
    };
    RateLimiter::created_at("l", config, NOW).unwrap()
}

#[test]
fn a_permission_is_given_once_while_a_period_begins() {
    check_dfs(
        || {
            let limiter = limiter(1);
            limiter.reserve_at(1, NOW).unwrap();
            let next = NOW.plus(Duration::from_secs(1));
            let rival = limiter.clone();
            let other = thread::spawn(move || rival.reserve_at(1, next).is_ok());
            let own = limiter.reserve_at(1, next).is_ok();
            assert!(own ^ other.join().unwrap(), "one permission, one caller");
            assert_eq!((limiter.available_at(next), limiter.cycle_at(next)), (0, 1));
        },
        None,
    );
}

/// One caller still has the time of the period before; its permission is of that one or of the new one, but it is counted.
#[test]
fn no_permission_is_lost_or_made_between_two_periods() {
    check_dfs(
        || {
            let limiter = limiter(3);
            let next = NOW.plus(Duration::from_secs(1));
            let late = limiter.clone();
            let other = thread::spawn(move || late.reserve_at(1, NOW).unwrap());
            limiter.reserve_at(2, next).unwrap();
            other.join().unwrap();
            let left = limiter.available_at(next);
            assert!(left == 0 || left == 1, "{left}");
            assert_eq!(limiter.reserve_at(1, next).is_ok(), left == 1);
        },
        None,
    );
}

#[test]
fn there_are_never_more_calls_than_places() {
    check_dfs(
        || {
            let places = Arc::new(Places::new(1));
            let rivals = [Arc::clone(&places), Arc::clone(&places)];
            let others = rivals.map(|places| thread::spawn(move || places.take()));
            let got = others.map(|other| other.join().unwrap());
            assert_eq!(got.iter().flatten().count(), 1);
            assert_eq!(places.taken(), 1);
        },
        None,
    );
}

#[test]
fn a_refused_caller_takes_no_place_from_others() {
    check_dfs(
        || {
            let places = Arc::new(Places::new(1));
            places.take().unwrap();
            let rival = Arc::clone(&places);
            let other = thread::spawn(move || rival.take().is_some());
            places.give_back();
            let own = places.take().is_some();
            assert!(own ^ other.join().unwrap(), "one place, one caller");
        },
        None,
    );
}

#[test]
fn a_bulkhead_that_shrinks_while_a_call_ends_has_its_new_size() {
    check_dfs(
        || {
            for max_wait_duration in [Duration::ZERO, Duration::from_secs(1)] {
                let config = BulkheadConfig {
                    max_concurrent_calls: 2,
                    max_wait_duration,
                    ..BulkheadConfig::default()
                };
                let bulkhead = Bulkhead::new("b", config);
                let (ends, stays) = (bulkhead.try_acquire().unwrap(), bulkhead.try_acquire().unwrap());
                let operator = bulkhead.clone();
                let other = thread::spawn(move || operator.change_max_concurrent_calls(1));
                drop(ends);
                other.join().unwrap();
                assert_eq!(bulkhead.available(), 0);
                drop(stays);
                assert_eq!(bulkhead.available(), 1);
            }
        },
        None,
    );
}

/// A reader gets a line that somebody wrote, never parts of two.
#[test]
fn a_line_is_read_whole_or_not_at_all() {
    check_dfs(
        || {
            let line = |number| Line { ticks: number, nanos: number, rate: number, stretch: number };
            let present = Arc::new(Present::new());
            let written = Arc::clone(&present);
            let other = thread::spawn(move || written.set(line(1)));
            let read = present.line();
            assert!(read.is_none_or(|read| read == Line::default() || read == line(1)), "{read:?}");
            other.join().unwrap();
            assert_eq!(present.line(), Some(line(1)));
        },
        None,
    );
}

/// Time that passes with every look at it: the checker decides which thread looks when.
#[derive(Debug)]
struct Passing(Arc<AtomicU64>);

impl Ticks for Passing {
    fn ticks(&self) -> u64 {
        self.0.fetch_add(70_001, Relaxed) * 2
    }

    fn rate(&self) -> u64 {
        1 << 31
    }
}

/// What a thread was told is not later than what it tells another.
#[test]
fn two_threads_that_renew_the_line_agree_on_the_order_of_times() {
    shuttle::check_random(
        || {
            let passed = Arc::new(AtomicU64::new(1_000));
            let system = |passed: &AtomicU64| passed.fetch_add(70_001, Relaxed);
            let counter = Arc::new(Counter::new(Passing(Arc::clone(&passed))));
            // The rate is known from here on; a line holds for about seven looks.
            for _ in 0..100 {
                counter.now(|| system(&passed));
            }
            let latest = Arc::new(shuttle::sync::Mutex::new(0));
            let look = move |counter: &Counter<Passing>, passed: &AtomicU64| {
                for _ in 0..12 {
                    let before = *latest.lock().unwrap();
                    let told = counter.now(|| system(passed));
                    assert!(told >= before, "{before} and then {told}");
                    let mut latest = latest.lock().unwrap();
                    *latest = told.max(*latest);
                }
            };
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let (counter, passed, look) = (Arc::clone(&counter), Arc::clone(&passed), look.clone());
                    thread::spawn(move || look(&counter, &passed))
                })
                .collect();
            look(&counter, &passed);
            others.into_iter().for_each(|other| other.join().unwrap());
        },
        300,
    );
}
