//! A plain tower service behind four patterns, with nothing of the platform but `wellspring-resilience`.
//!
//! The service fails for a while: the retry hides the first failure, then the breaker opens and spares the service, and
//! after its wait one trial call closes it again. The program tells what happens and ends.
#![allow(clippy::print_stdout, reason = "it is there to be looked at")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use wellspring_resilience::bulkhead::{BulkheadConfig, BulkheadLayer};
use wellspring_resilience::circuit_breaker::{CircuitBreakerConfig, CircuitBreakerLayer, Event};
use wellspring_resilience::rate_limiter::{RateLimiterConfig, RateLimiterLayer};
use wellspring_resilience::retry::{RetryConfig, RetryLayer};
use wellspring_resilience::{Bulkhead, CircuitBreaker, RateLimiter, Rejection, Retry};

/// A stack has one error type; what the patterns refuse becomes one of its cases.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the service is not well")]
    Ill,
    #[error(transparent)]
    Refused(#[from] Rejection),
}

/// Fails from its second to its ninth call.
async fn answer(number: u32, asked: Arc<AtomicU32>) -> Result<String, Failure> {
    match asked.fetch_add(1, Ordering::Relaxed) {
        1..9 => Err(Failure::Ill),
        _ => Ok(format!("answer {number}")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let retry =
        RetryConfig { max_attempts: 2, wait_duration: Duration::from_millis(5), ..RetryConfig::default() };
    let breaker = CircuitBreakerConfig {
        sliding_window_size: 6,
        minimum_number_of_calls: 6,
        permitted_number_of_calls_in_half_open_state: 1,
        wait_duration_in_open_state: Duration::from_millis(500),
        ..CircuitBreakerConfig::default()
    };
    let breaker = CircuitBreaker::new("service", breaker)?;
    breaker.on_event(|event| {
        if let Event::StateTransition { from, to } = event {
            println!("the breaker goes from {from} to {to}");
        }
    });
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(Retry::new("service", retry)?))
        .layer(CircuitBreakerLayer::new(breaker))
        .layer(RateLimiterLayer::new(RateLimiter::new("service", RateLimiterConfig::default())?))
        .layer(BulkheadLayer::new(Bulkhead::new("service", BulkheadConfig::default())))
        .service(service_fn(move |number| answer(number, Arc::clone(&counted))));

    let mut made = 0;
    for number in 1..=200 {
        made = number;
        match service.ready().await?.call(number).await {
            Ok(text) => println!("call {number}: {text}"),
            Err(error) => println!("call {number}: {error}"),
        }
        // Well again for good.
        if asked.load(Ordering::Relaxed) > 12 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{made} calls, the service was asked {} times", asked.load(Ordering::Relaxed));
    Ok(())
}
