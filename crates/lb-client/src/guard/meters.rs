//! What the patterns of a guard show: Resilience4j's metrics, with its names and tags.
//!
//! States and rates are asked for when somebody looks; calls are counted by listening to the patterns' events.

use wellspring_resilience::circuit_breaker::Event;
use wellspring_resilience::{Bulkhead, CircuitBreaker, RateLimiter, Retry, TimeLimiter, retry, time_limiter};
use wellspring_telemetry::{Meters, names};

use super::Guard;

/// What is read of a pattern when somebody looks.
type Read<P, N> = fn(&P) -> N;

const STATES: [&str; 6] = ["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"];

/// Binds what a guard has.
pub(super) fn bind(guard: &Guard, meters: &Meters) {
    if let Some(breaker) = &guard.breaker {
        of_breaker(breaker, meters);
    }
    if let Some(retry) = &guard.retry {
        of_retry(retry, meters);
    }
    if let Some(limiter) = &guard.limiter {
        of_limiter(limiter, meters);
    }
    if let Some(time) = &guard.time {
        of_time(time, meters);
    }
    if let Some(bulkhead) = &guard.bulkhead {
        of_bulkhead(bulkhead, meters);
    }
}

pub(super) fn of_breaker(breaker: &CircuitBreaker, meters: &Meters) {
    let name = ("name", breaker.name());
    for state in STATES {
        let watched = breaker.clone();
        meters.gauge_fn(names::RESILIENCE4J_CIRCUITBREAKER_STATE, &[name, ("state", state)], move || {
            f64::from(u8::from(watched.state().as_str().eq_ignore_ascii_case(state)))
        });
    }
    let rates: [(names::Name, Read<CircuitBreaker, f64>); 2] = [
        (names::RESILIENCE4J_CIRCUITBREAKER_FAILURE_RATE, |b| f64::from(b.metrics().failure_rate)),
        (names::RESILIENCE4J_CIRCUITBREAKER_SLOW_CALL_RATE, |b| f64::from(b.metrics().slow_call_rate)),
    ];
    for (metric, read) in rates {
        let watched = breaker.clone();
        meters.gauge_fn(metric, &[name], move || read(&watched));
    }
    let counts: [(names::Name, &str, Read<CircuitBreaker, u32>); 4] = [
        (names::RESILIENCE4J_CIRCUITBREAKER_BUFFERED_CALLS, "successful", |b| b.metrics().successful()),
        (names::RESILIENCE4J_CIRCUITBREAKER_BUFFERED_CALLS, "failed", |b| b.metrics().failed),
        (names::RESILIENCE4J_CIRCUITBREAKER_SLOW_CALLS, "successful", |b| b.metrics().slow_successful()),
        (names::RESILIENCE4J_CIRCUITBREAKER_SLOW_CALLS, "failed", |b| b.metrics().slow_failed),
    ];
    for (metric, kind, read) in counts {
        let watched = breaker.clone();
        meters.gauge_fn(metric, &[name, ("kind", kind)], move || f64::from(read(&watched)));
    }
    let refused = [name, ("kind", "not_permitted")];
    let refused = meters.counter(names::RESILIENCE4J_CIRCUITBREAKER_NOT_PERMITTED_CALLS, &refused);
    let timer = |kind| meters.timer(names::RESILIENCE4J_CIRCUITBREAKER_CALLS, &[name, ("kind", kind)]);
    let (successful, failed, ignored) = (timer("successful"), timer("failed"), timer("ignored"));
    breaker.on_event(move |event| match event {
        Event::Success { duration } => successful.record(*duration),
        Event::Error { duration, .. } => failed.record(*duration),
        Event::IgnoredError { duration, .. } => ignored.record(*duration),
        Event::NotPermitted => refused.increment(),
        Event::FailureRateExceeded { .. }
        | Event::SlowCallRateExceeded { .. }
        | Event::StateTransition { .. }
        | Event::Reset => {}
    });
}

fn of_retry(retry: &Retry, meters: &Meters) {
    let kinds: [(&str, Read<retry::Metrics, u64>); 4] = [
        ("successful_without_retry", |calls| calls.successful_without_retry),
        ("successful_with_retry", |calls| calls.successful_with_retry),
        ("failed_without_retry", |calls| calls.failed_without_retry),
        ("failed_with_retry", |calls| calls.failed_with_retry),
    ];
    for (kind, read) in kinds {
        let watched = retry.clone();
        let tags = [("name", retry.name()), ("kind", kind)];
        meters.counter_fn(names::RESILIENCE4J_RETRY_CALLS, &tags, move || read(&watched.metrics()));
    }
}

fn of_limiter(limiter: &RateLimiter, meters: &Meters) {
    let name = [("name", limiter.name())];
    let watched = limiter.clone();
    meters.gauge_fn(names::RESILIENCE4J_RATELIMITER_AVAILABLE_PERMISSIONS, &name, move || {
        f64::from(watched.available())
    });
    let watched = limiter.clone();
    meters.gauge_fn(names::RESILIENCE4J_RATELIMITER_WAITING_THREADS, &name, move || {
        f64::from(watched.waiting())
    });
}

fn of_time(time: &TimeLimiter, meters: &Meters) {
    let counter = |kind| {
        meters.counter(names::RESILIENCE4J_TIMELIMITER_CALLS, &[("name", time.name()), ("kind", kind)])
    };
    let (successful, failed, late) = (counter("successful"), counter("failed"), counter("timeout"));
    time.on_event(move |event| match event {
        time_limiter::Event::Success => successful.increment(),
        time_limiter::Event::Error => failed.increment(),
        time_limiter::Event::Timeout => late.increment(),
    });
}

fn of_bulkhead(bulkhead: &Bulkhead, meters: &Meters) {
    let name = [("name", bulkhead.name())];
    let watched = bulkhead.clone();
    meters.gauge_fn(names::RESILIENCE4J_BULKHEAD_AVAILABLE_CONCURRENT_CALLS, &name, move || {
        u32::try_from(watched.available()).map_or(f64::MAX, f64::from)
    });
    let watched = bulkhead.clone();
    meters.gauge_fn(names::RESILIENCE4J_BULKHEAD_MAX_ALLOWED_CONCURRENT_CALLS, &name, move || {
        f64::from(watched.max())
    });
}
