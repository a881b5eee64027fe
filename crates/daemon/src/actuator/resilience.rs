//! The patterns around outgoing calls, as Resilience4j's Spring Boot module shows them: `circuitbreakers`, `retries`,
//! `ratelimiters`, `bulkheads`, `timelimiters`; and `hystrix.stream` for dashboards that read nothing else.
//!
//! An application with endpoints of its own under these ids replaces them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use serde_json::{Map, Value, json};
use wellspring_lb_client::{Client, Guard};
use wellspring_resilience::CircuitBreaker;
use wellspring_resilience::circuit_breaker::State;
use wellspring_wire::Millis;

use super::endpoint::{Call, Endpoint, Reply};

/// How often Hystrix tells.
const PACE: Duration = Duration::from_millis(500);

/// None for an application whose settings name no pattern.
pub(super) fn endpoints(client: &Client) -> Vec<Endpoint> {
    if client.guards().is_empty() {
        return Vec::new();
    }
    let names = |id: &str, key: &'static str, has: fn(&Guard) -> bool| {
        let client = client.clone();
        Endpoint::new(id).read("", move |_| {
            let guards = client.guards();
            let names: Vec<&String> =
                guards.iter().filter(|(_, guard)| has(guard)).map(|(name, _)| name).collect();
            std::future::ready(Reply::json(&json!({ key: names })))
        })
    };
    let (shown, changed, told) = (client.clone(), client.clone(), client.clone());
    vec![
        Endpoint::new("circuitbreakers")
            .read("", move |_| std::future::ready(all(&shown)))
            .write("{name}", move |call| std::future::ready(change(&changed, &call))),
        names("retries", "retries", |guard| guard.retry.is_some()),
        names("ratelimiters", "rateLimiters", |guard| guard.limiter.is_some()),
        names("bulkheads", "bulkheads", |guard| guard.bulkhead.is_some()),
        names("timelimiters", "timeLimiters", |guard| guard.time.is_some()),
        Endpoint::new("hystrix.stream")
            .read_as("", &["text/event-stream"], move |_| std::future::ready(hystrix(&told))),
    ]
}

/// Java writes a float with at least one decimal.
fn percent(rate: f32) -> String {
    if rate.fract() == 0.0 { format!("{rate:.1}%") } else { format!("{rate}%") }
}

fn all(client: &Client) -> Reply {
    let breakers = client.guards().into_iter().filter_map(|(name, guard)| {
        let breaker = guard.breaker.as_ref()?;
        let (metrics, config) = (breaker.metrics(), breaker.config());
        let shown = json!({
            "failureRate": percent(metrics.failure_rate),
            "slowCallRate": percent(metrics.slow_call_rate),
            "failureRateThreshold": percent(config.failure_rate_threshold),
            "slowCallRateThreshold": percent(config.slow_call_rate_threshold),
            "bufferedCalls": metrics.buffered,
            "failedCalls": metrics.failed,
            "slowCalls": metrics.slow,
            "slowFailedCalls": metrics.slow_failed,
            "notPermittedCalls": metrics.not_permitted,
            "state": breaker.state().as_str(),
        });
        Some((name, shown))
    });
    Reply::json(&json!({ "circuitBreakers": breakers.collect::<Map<String, Value>>() }))
}

fn change(client: &Client, call: &Call) -> Reply {
    let name = call.selector("name");
    let guards = client.guards();
    let guard = guards.iter().find(|(known, _)| known == name).map(|(_, guard)| guard);
    let Some(breaker) = guard.and_then(|guard| guard.breaker.as_ref()) else { return Reply::absent() };
    let asked: Value = match call.json() {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    let to = match asked.get("updateState").and_then(Value::as_str) {
        Some("CLOSE") => State::Closed,
        Some("FORCE_OPEN") => State::ForcedOpen,
        Some("DISABLE") => State::Disabled,
        _ => return Reply::bad_request("updateState must be CLOSE, FORCE_OPEN or DISABLE"),
    };
    match breaker.transition_at(to, breaker.now()) {
        Ok(()) => Reply::json(&json!({
            "circuitBreakerName": name,
            "currentState": breaker.state().as_str(),
            "message": format!("{name} state has been changed successfully"),
        })),
        Err(illegal) => Reply::failed(StatusCode::BAD_REQUEST, illegal.to_string()),
    }
}

/// One command per breaker, twice a second, for as long as somebody listens.
fn hystrix(client: &Client) -> Reply {
    let client = client.clone();
    let told = stream::unfold((client, false), |(client, waits)| async move {
        if waits {
            tokio::time::sleep(PACE).await;
        }
        let mut text = String::from(": ping\n\n");
        for (name, guard) in client.guards() {
            if let Some(breaker) = &guard.breaker {
                text.push_str(&format!("data: {}\n\n", command(&name, breaker, &guard)));
            }
        }
        Some((Ok::<_, Infallible>(Bytes::from(text)), (client, true)))
    });
    Reply::stream("text/event-stream", Body::from_stream(told))
}

/// The fields that Hystrix' dashboard reads. Its counts are of ten seconds, these of the breaker's window; times are not
/// kept here, `http.client.requests` has them.
fn command(name: &str, breaker: &CircuitBreaker, guard: &Arc<Guard>) -> Value {
    let metrics = breaker.metrics();
    let config = breaker.config();
    let open = matches!(breaker.state(), State::Open | State::ForcedOpen);
    let rate = metrics.failure_rate.max(0.0).round();
    let running = guard
        .bulkhead
        .as_ref()
        .map_or(0, |bulkhead| (bulkhead.max() as usize).saturating_sub(bulkhead.available()));
    let times: Map<String, Value> = ["0", "25", "50", "75", "90", "95", "99", "99.5", "100"]
        .map(|part| (part.to_owned(), json!(0)))
        .into_iter()
        .collect();
    let mut command = json!({
        "type": "HystrixCommand", "name": name, "group": name, "currentTime": Millis::now().0,
        "isCircuitBreakerOpen": open, "errorPercentage": rate, "errorCount": metrics.failed, "requestCount": metrics.buffered,
        "rollingCountSuccess": metrics.successful(), "rollingCountFailure": metrics.failed,
        "rollingCountShortCircuited": metrics.not_permitted, "currentConcurrentExecutionCount": running,
        "latencyExecute_mean": 0, "latencyExecute": &times, "latencyTotal_mean": 0, "latencyTotal": &times,
        "propertyValue_circuitBreakerEnabled": true, "propertyValue_circuitBreakerForceOpen": breaker.state() == State::ForcedOpen,
        "propertyValue_circuitBreakerForceClosed": breaker.state() == State::Disabled,
        "propertyValue_circuitBreakerErrorThresholdPercentage": config.failure_rate_threshold,
        "propertyValue_circuitBreakerRequestVolumeThreshold": config.minimum_number_of_calls,
        "propertyValue_circuitBreakerSleepWindowInMilliseconds": millis(config.wait_duration_in_open_state),
        "propertyValue_executionIsolationStrategy": "SEMAPHORE",
        "propertyValue_executionIsolationSemaphoreMaxConcurrentRequests": guard.bulkhead.as_ref().map_or(0, |b| b.max()),
        "propertyValue_metricsRollingStatisticalWindowInMilliseconds": 10_000,
        "propertyValue_requestCacheEnabled": false, "reportingHosts": 1,
    });
    if let Some(fields) = command.as_object_mut() {
        for zero in ZEROES {
            fields.insert(zero.to_owned(), json!(0));
        }
    }
    command
}

/// What has no counterpart here; the dashboard wants the fields all the same.
const ZEROES: [&str; 14] = [
    "rollingCountBadRequests",
    "rollingCountCollapsedRequests",
    "rollingCountEmit",
    "rollingCountExceptionsThrown",
    "rollingCountFallbackEmit",
    "rollingCountFallbackFailure",
    "rollingCountFallbackMissing",
    "rollingCountFallbackRejection",
    "rollingCountFallbackSuccess",
    "rollingCountResponsesFromCache",
    "rollingCountSemaphoreRejected",
    "rollingCountThreadPoolRejected",
    "rollingCountTimeout",
    "rollingMaxConcurrentExecutionCount",
];

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
