//! Nanoseconds per call on one thread, ours and the peers' in the same run, slow-call detection on where there is one. First with the
//! system's clock, then (`counter: …`) once the processor's own counter is read in its place, where the machine has one to trust.
#![allow(clippy::unwrap_used, missing_docs, reason = "benches")]

use std::convert::Infallible;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use failsafe::CircuitBreaker as _;
use futures_util::FutureExt;
use tower::{Layer, Service, service_fn};
use wellspring_resilience::bulkhead::BulkheadConfig;
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, Outcome, State, WindowType};
use wellspring_resilience::rate_limiter::RateLimiterConfig;
use wellspring_resilience::retry::RetryConfig;
use wellspring_resilience::{Bulkhead, CircuitBreaker, Clock, RateLimiter, Retry};

fn breaker(kind: WindowType, size: u32) -> CircuitBreaker {
    let config = CircuitBreakerConfig {
        sliding_window_type: kind,
        sliding_window_size: size,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreaker::new("bench", config).unwrap()
}

/// Breaker, limiter, bulkhead.
fn ours(criterion: &mut Criterion, clock: &str) {
    for (name, kind, size) in
        [("count window 100", WindowType::CountBased, 100), ("time window 10 s", WindowType::TimeBased, 10)]
    {
        let breaker = breaker(kind, size);
        criterion.bench_function(&format!("{clock}breaker, {name}"), |b| {
            b.iter(|| breaker.acquire().unwrap().end(Outcome::Success))
        });
    }
    let open = breaker(WindowType::CountBased, 100);
    open.transition_at(State::Open, open.now()).unwrap();
    criterion.bench_function(&format!("{clock}breaker, refusing"), |b| b.iter(|| open.acquire().is_err()));

    let config = RateLimiterConfig {
        limit_for_period: i32::MAX,
        limit_refresh_period: Duration::from_secs(1),
        ..RateLimiterConfig::default()
    };
    let now = Clock::new();
    let limiter = RateLimiter::new("bench", config).unwrap();
    criterion.bench_function(&format!("{clock}rate limiter"), |b| {
        b.iter(|| limiter.reserve_at(1, now.now()).is_ok())
    });
    let bulkhead = Bulkhead::new("bench", BulkheadConfig::default());
    criterion.bench_function(&format!("{clock}bulkhead"), |b| b.iter(|| bulkhead.try_acquire().is_ok()));
}

fn breakers(criterion: &mut Criterion) {
    ours(criterion, "");
    let mut group = criterion.benchmark_group("circuit breaker");
    group.bench_function("floor: two readings of the clock", |b| {
        b.iter(|| black_box(Instant::now()).elapsed())
    });
    let peer = failsafe::Config::new().build();
    group.bench_function("failsafe 1.3", |b| b.iter(|| peer.call(|| Ok::<_, ()>(black_box(1))).is_ok()));
    let peer = recloser::Recloser::custom().closed_len(100).build();
    group.bench_function("recloser 1.4", |b| b.iter(|| peer.call(|| Ok::<_, ()>(black_box(1))).is_ok()));
    let layer = tower_resilience_circuitbreaker::CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .build()
        .unwrap();
    let mut peer = layer.layer(service_fn(|number: u32| async move { Ok::<_, Infallible>(number) }));
    group.bench_function("tower-resilience 0.13", |b| {
        b.iter(|| peer.call(black_box(1)).now_or_never().is_some())
    });
    group.finish();
}

fn limits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limits");
    let peer = governor::RateLimiter::direct(governor::Quota::per_second(NonZeroU32::MAX));
    group.bench_function("governor 0.10", |b| b.iter(|| peer.check().is_ok()));
    group.finish();
}

fn all(criterion: &mut Criterion) {
    stack(criterion, "");
}

fn stack(criterion: &mut Criterion, clock: &str) {
    let retry = Retry::new("bench", RetryConfig::default()).unwrap();
    let breaker = breaker(WindowType::CountBased, 100);
    let limit = RateLimiterConfig {
        limit_for_period: i32::MAX,
        limit_refresh_period: Duration::from_secs(1),
        ..RateLimiterConfig::default()
    };
    let limiter = RateLimiter::new("bench", limit).unwrap();
    let bulkhead = Bulkhead::new("bench", BulkheadConfig::default());
    criterion.bench_function(&format!("{clock}retry(breaker(limiter(bulkhead)))"), |b| {
        b.iter(|| {
            let mut attempts = retry.begin();
            let permit = breaker.acquire().unwrap();
            limiter.reserve_at(1, permit.since()).unwrap();
            drop(bulkhead.try_acquire().unwrap());
            permit.end(Outcome::Success);
            attempts.success();
        });
    });
}

/// Ours again, with the counter.
fn with_counter(criterion: &mut Criterion) {
    Clock::prefer_counter();
    let (clock, begun) = (Clock::new(), Instant::now());
    while !(Clock::is_counter() && begun.elapsed() > Duration::from_millis(100)) {
        black_box(clock.now());
        if begun.elapsed() > Duration::from_secs(2) {
            println!("counter: this machine has none that can be trusted");
            return;
        }
    }
    criterion.bench_function("counter: one reading", |b| b.iter(|| black_box(clock.now())));
    ours(criterion, "counter: ");
    stack(criterion, "counter: ");
}

criterion_group!(benches, breakers, limits, all, with_counter);
criterion_main!(benches);
