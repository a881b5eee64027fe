//! The async calls and the tower layers around the states.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use wellspring_resilience::bulkhead::{BulkheadConfig, BulkheadLayer};
use wellspring_resilience::circuit_breaker::{
    CircuitBreakerConfig, CircuitBreakerLayer, Outcome, State, WindowType,
};
use wellspring_resilience::rate_limiter::{RateLimiterConfig, RateLimiterLayer};
use wellspring_resilience::retry::{RetryConfig, RetryLayer};
use wellspring_resilience::time_limiter::{TimeLimiterConfig, TimeLimiterLayer};
use wellspring_resilience::{
    Bulkhead, CircuitBreaker, Instances, RateLimiter, Rejection, Retry, TimeLimiter,
};

fn small_breaker() -> CircuitBreaker {
    let config = CircuitBreakerConfig {
        sliding_window_size: 2,
        minimum_number_of_calls: 2,
        wait_duration_in_open_state: Duration::from_secs(5),
        permitted_number_of_calls_in_half_open_state: 1,
        ..CircuitBreakerConfig::default()
    };
    CircuitBreaker::new("orders", config).unwrap()
}

fn rejection(error: &BoxError) -> &Rejection {
    error.downcast_ref().expect("a rejection")
}

#[tokio::test(start_paused = true)]
async fn a_stack_of_layers_retries_opens_and_heals() {
    let calls = Arc::new(AtomicU32::new(0));
    let failing = Arc::new(AtomicU32::new(3));
    let (count, fail) = (Arc::clone(&calls), Arc::clone(&failing));
    let callee = service_fn(move |request: u32| {
        count.fetch_add(1, Ordering::SeqCst);
        let fails = fail.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        async move { if fails { Err(BoxError::from("down")) } else { Ok(request + 1) } }
    });
    let breaker = small_breaker();
    let retry =
        RetryConfig { max_attempts: 3, wait_duration: Duration::from_millis(10), ..RetryConfig::default() };
    let bulkhead = Bulkhead::new("orders", BulkheadConfig::default());
    let limiter = TimeLimiter::new("orders", TimeLimiterConfig::default());
    let service = BulkheadLayer::new(bulkhead).layer(callee);
    let service = TimeLimiterLayer::new(limiter).layer(service);
    let service = CircuitBreakerLayer::new(breaker.clone()).layer(service);
    let mut service = RetryLayer::new(Retry::new("orders", retry).unwrap()).layer(service);

    let refused = service.ready().await.unwrap().call(1).await.unwrap_err();
    assert!(matches!(rejection(&refused), Rejection::CallNotPermitted { .. }), "{refused}");
    assert_eq!(calls.load(Ordering::SeqCst), 2, "the third attempt did not reach the callee");
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(refused.to_string(), "CircuitBreaker 'orders' is OPEN and does not permit further calls");

    tokio::time::sleep(Duration::from_secs(6)).await;
    failing.store(0, Ordering::SeqCst);
    assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_gives_its_trial_back() {
    let breaker = small_breaker();
    for _ in 0..2 {
        let failed = breaker.call(|| async { Err::<(), BoxError>("down".into()) }, |_| Some("error")).await;
        assert!(failed.is_err());
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let hanging = breaker.call(std::future::pending::<Result<(), BoxError>>, |_| None);
    assert!(tokio::time::timeout(Duration::from_secs(1), hanging).await.is_err());

    let answered = breaker.call(|| async { Ok::<_, BoxError>(7) }, |_| None).await;

    assert_eq!(answered.unwrap(), 7);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_late_call_is_stopped_unless_it_may_run_on() {
    for cancel in [true, false] {
        let config = TimeLimiterConfig { cancel_running_future: cancel, ..TimeLimiterConfig::default() };
        let ended = Arc::new(AtomicU32::new(0));
        let end = Arc::clone(&ended);
        let late = TimeLimiter::new("slow", config)
            .call(async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                end.fetch_add(1, Ordering::SeqCst);
                Ok::<_, BoxError>(())
            })
            .await;
        assert!(matches!(rejection(&late.unwrap_err()), Rejection::TimedOut { .. }));
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(ended.load(Ordering::SeqCst), u32::from(!cancel));
    }
}

#[tokio::test(start_paused = true)]
async fn a_limited_call_waits_for_the_next_period_or_is_refused_at_once() {
    let config = |timeout| RateLimiterConfig {
        limit_for_period: 1,
        limit_refresh_period: Duration::from_secs(1),
        timeout_duration: timeout,
        ..RateLimiterConfig::default()
    };
    let callee = || service_fn(|()| async { Ok::<_, BoxError>(()) });
    let patient = RateLimiter::new("patient", config(Duration::from_secs(2))).unwrap();
    let mut service = RateLimiterLayer::new(patient).layer(callee());
    service.call(()).await.unwrap();
    let before = tokio::time::Instant::now();
    service.call(()).await.unwrap();
    assert!(before.elapsed() > Duration::from_millis(900), "{:?}", before.elapsed());

    let hasty = RateLimiter::new("hasty", config(Duration::ZERO)).unwrap();
    let mut service = RateLimiterLayer::new(hasty).layer(callee());
    service.call(()).await.unwrap();
    let refused = service.call(()).await.unwrap_err();
    assert_eq!(refused.to_string(), "RateLimiter 'hasty' does not permit further calls");
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_lets_callers_wait_in_turn() {
    let config = BulkheadConfig {
        max_concurrent_calls: 1,
        max_wait_duration: Duration::from_secs(1),
        ..BulkheadConfig::default()
    };
    let bulkhead = Bulkhead::new("one", config);
    let held = bulkhead.acquire().await.unwrap();
    let waiting = tokio::spawn({
        let bulkhead = bulkhead.clone();
        async move { bulkhead.acquire().await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(held);
    assert_eq!(waiting.await.unwrap(), Ok(()));

    let _held = bulkhead.acquire().await.unwrap();
    assert!(matches!(bulkhead.acquire().await, Err(Rejection::BulkheadFull { .. })));
}

#[test]
fn instances_are_made_once_with_the_settings_of_their_name() {
    let instances: Instances<Bulkhead> = Instances::new(|name: &str| BulkheadConfig {
        max_concurrent_calls: if name == "orders" { 3 } else { 1 },
        ..BulkheadConfig::default()
    });
    let orders = instances.get("orders").unwrap();
    let slot = orders.try_acquire().unwrap();
    assert_eq!(instances.get("orders").unwrap().available(), 2);
    assert_eq!(instances.get("payments").unwrap().max(), 1);
    assert_eq!(instances.names(), ["orders", "payments"]);
    drop(slot);
}

#[test]
fn lowering_a_bulkhead_below_what_runs_takes_places_back_as_calls_end() {
    let bulkhead =
        Bulkhead::new("b", BulkheadConfig { max_concurrent_calls: 3, ..BulkheadConfig::default() });
    let slots: Vec<_> = (0..3).map(|_| bulkhead.try_acquire().unwrap()).collect();
    bulkhead.change_max_concurrent_calls(1);
    assert!(bulkhead.try_acquire().is_err());
    drop(slots);
    assert_eq!(bulkhead.available(), 1);
}

#[test]
fn a_breaker_takes_other_settings_and_keeps_what_it_counted() {
    let config = |size, minimum, kind| CircuitBreakerConfig {
        sliding_window_type: kind,
        sliding_window_size: size,
        minimum_number_of_calls: minimum,
        ..CircuitBreakerConfig::default()
    };
    for (kind, size) in [(WindowType::CountBased, 10), (WindowType::TimeBased, 60)] {
        let breaker = CircuitBreaker::new("b", config(size, 10, kind)).unwrap();
        let fail = || breaker.record_at(Outcome::Failure("e"), Duration::ZERO, breaker.now());
        breaker.record_at(Outcome::Success, Duration::ZERO, breaker.now());
        (0..4).for_each(|_| fail());
        breaker.reconfigure(config(size * 2, 6, kind)).unwrap();
        let metrics = breaker.metrics();
        assert_eq!((metrics.buffered, metrics.failed, breaker.state()), (5, 4, State::Closed));
        assert!(breaker.reconfigure(config(0, 6, kind)).is_err());
        // The sixth call is the last that the new minimum waits for.
        fail();
        assert_eq!(breaker.state(), State::Open);
        breaker.reconfigure(config(size, 10, kind)).unwrap();
        assert_eq!((breaker.state(), breaker.metrics().failed), (State::Open, 5));
    }
    // A smaller window keeps the newest.
    let breaker = CircuitBreaker::new("b", config(10, 10, WindowType::CountBased)).unwrap();
    breaker.record_at(Outcome::Failure("e"), Duration::ZERO, breaker.now());
    (0..3).for_each(|_| breaker.record_at(Outcome::Success, Duration::ZERO, breaker.now()));
    breaker.reconfigure(config(3, 3, WindowType::CountBased)).unwrap();
    assert_eq!((breaker.metrics().buffered, breaker.metrics().failed), (3, 0));
}
