//! What a pattern costs per call on one thread. Goals with the clock of the system: breaker 65 ns (time window 70), refusing 12, limiter 20
//! (41 in Resilience4j), bulkhead 12.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "benches")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use wellspring_resilience::adaptive::{AdaptiveConfig, AdaptiveLimit, Ended};
use wellspring_resilience::bulkhead::BulkheadConfig;
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, Outcome, State, WindowType};
use wellspring_resilience::rate_limiter::RateLimiterConfig;
use wellspring_resilience::{Budget, Bulkhead, CircuitBreaker, Clock, RateLimiter};

fn breaker(kind: WindowType, size: u32) -> CircuitBreaker {
    let config = CircuitBreakerConfig {
        sliding_window_type: kind,
        sliding_window_size: size,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreaker::new("bench", config).unwrap()
}

fn patterns(criterion: &mut Criterion) {
    let clock = Clock::new();
    criterion.bench_function("clock", |bencher| bencher.iter(|| black_box(clock.now())));
    for (name, kind, size) in
        [("count window 100", WindowType::CountBased, 100), ("time window 10 s", WindowType::TimeBased, 10)]
    {
        let breaker = breaker(kind, size);
        criterion.bench_function(&format!("breaker/{name}"), |bencher| {
            bencher.iter(|| breaker.acquire().unwrap().end(Outcome::Success));
        });
    }
    let open = breaker(WindowType::CountBased, 100);
    open.transition_at(State::Open, clock.now()).unwrap();
    criterion.bench_function("breaker/refusing", |bencher| bencher.iter(|| open.acquire().is_err()));
    let config = RateLimiterConfig {
        limit_for_period: i32::MAX,
        limit_refresh_period: Duration::from_secs(1),
        ..RateLimiterConfig::default()
    };
    let limiter = RateLimiter::new("bench", config).unwrap();
    criterion.bench_function("rate limiter", |bencher| bencher.iter(|| limiter.reserve_at(1, clock.now())));
    let bulkhead = Bulkhead::new("bench", BulkheadConfig::default());
    criterion.bench_function("bulkhead", |bencher| bencher.iter(|| bulkhead.try_acquire().unwrap()));
    let adaptive = AdaptiveLimit::new("bench", AdaptiveConfig::default()).unwrap();
    criterion.bench_function("adaptive limit", |bencher| {
        bencher.iter(|| adaptive.try_acquire().unwrap().end(Ended::Done))
    });
    let budget = Budget::default();
    criterion.bench_function("budget", |bencher| bencher.iter(|| budget.deposit(clock.now())));
}

criterion_group!(benches, patterns);
criterion_main!(benches);
