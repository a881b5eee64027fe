//! The patterns around outgoing calls, as Resilience4j's Spring Boot module shows them: `circuitbreakers` with their events,
//! `retries`, `ratelimiters`, `bulkheads`, `timelimiters`, the health component `circuitBreakers`; and `hystrix.stream` for
//! dashboards that read nothing else.
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
use wellspring_properties::Problem;
use wellspring_resilience::CircuitBreaker;
use wellspring_resilience::circuit_breaker::State;
use wellspring_wire::Millis;

use super::endpoint::{Call, Endpoint, Reply};
use crate::Context;
use crate::health::{Component, Status};
use crate::patterns::{Noted, Patterns, on_the_wall};

/// How often Hystrix tells.
const PACE: Duration = Duration::from_millis(500);

/// None for an application whose settings name no pattern.
pub(super) fn endpoints(patterns: &Patterns) -> Vec<Endpoint> {
    let client = patterns.client();
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
    let told = client.clone();
    let mut all = vec![
        names("retries", "retries", |guard| guard.retry.is_some()),
        names("ratelimiters", "rateLimiters", |guard| guard.limiter.is_some()),
        names("bulkheads", "bulkheads", |guard| guard.bulkhead.is_some()),
        names("timelimiters", "timeLimiters", |guard| guard.time.is_some()),
        Endpoint::new("hystrix.stream")
            .read_as("", &["text/event-stream"], move |_| std::future::ready(hystrix(&told))),
    ];
    all.extend(of_breakers(patterns));
    all
}

/// `circuitbreakers` and `circuitbreakerevents`.
fn of_breakers(patterns: &Patterns) -> [Endpoint; 2] {
    let of = |answer: fn(&Patterns, &Call) -> Reply| {
        let patterns = patterns.clone();
        move |call: Call| std::future::ready(answer(&patterns, &call))
    };
    [
        Endpoint::new("circuitbreakers")
            .read("", of(|patterns, _| all(patterns)))
            .write("{name}", of(change)),
        Endpoint::new("circuitbreakerevents")
            .read("", of(|patterns, _| events(patterns, |_, _| true)))
            .read("{name}", of(|patterns, call| events(patterns, |name, _| name == call.selector("name"))))
            .read(
                "{name}/{type}",
                of(|patterns, call| {
                    let kind = call.selector("type").to_ascii_uppercase();
                    events(patterns, |name, noted| name == call.selector("name") && noted.kind == kind)
                }),
            ),
    ]
}

/// For an application that makes breakers as it goes: the endpoints are there though the settings name no pattern, and the
/// health component where it is asked for by name, as in the original.
pub fn show_breakers(context: &Context) -> Result<(), Problem> {
    for endpoint in of_breakers(&context.patterns) {
        context.actuator.add(endpoint)?;
    }
    Ok(())
}

/// The health component `circuitBreakers`, off unless asked for.
pub(super) fn watch_health(context: &Context) {
    if context.env.get("management.health.circuitbreakers.enabled").as_deref() != Some("true") {
        return;
    }
    let patterns = context.patterns.clone();
    context.health.add("circuitBreakers", move || std::future::ready(health(&patterns)));
}

/// Java writes a float with at least one decimal.
fn percent(rate: f32) -> String {
    if rate.fract() == 0.0 { format!("{rate:.1}%") } else { format!("{rate}%") }
}

fn details(breaker: &CircuitBreaker) -> Map<String, Value> {
    let (metrics, config) = (breaker.metrics(), breaker.config());
    [
        ("failureRate", json!(percent(metrics.failure_rate))),
        ("slowCallRate", json!(percent(metrics.slow_call_rate))),
        ("failureRateThreshold", json!(percent(config.failure_rate_threshold))),
        ("slowCallRateThreshold", json!(percent(config.slow_call_rate_threshold))),
        ("bufferedCalls", json!(metrics.buffered)),
        ("failedCalls", json!(metrics.failed)),
        ("slowCalls", json!(metrics.slow)),
        ("slowFailedCalls", json!(metrics.slow_failed)),
        ("notPermittedCalls", json!(metrics.not_permitted)),
        ("state", json!(breaker.state().as_str())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn all(patterns: &Patterns) -> Reply {
    let shown: Map<String, Value> = patterns
        .breakers()
        .iter()
        .map(|breaker| (breaker.name().to_owned(), Value::Object(details(breaker))))
        .collect();
    Reply::json(&json!({ "circuitBreakers": shown }))
}

fn change(patterns: &Patterns, call: &Call) -> Reply {
    let name = call.selector("name");
    let Some(breaker) = patterns.breaker(name) else { return Reply::absent() };
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

fn events(patterns: &Patterns, wanted: impl Fn(&str, &Noted) -> bool) -> Reply {
    let mut all: Vec<(String, Noted)> = Vec::new();
    for breaker in patterns.breakers() {
        let of = patterns.events(breaker.name()).into_iter().map(|noted| (breaker.name().to_owned(), noted));
        all.extend(of.filter(|(name, noted)| wanted(name, noted)));
    }
    all.sort_by_key(|(_, noted)| noted.at);
    let shown: Vec<Value> = all
        .iter()
        .map(|(name, noted)| {
            let transition =
                noted.transition.map(|(from, to)| format!("{}_TO_{}", from.as_str(), to.as_str()));
            json!({
                "circuitBreakerName": name,
                "type": noted.kind,
                "creationTime": format!("{}[UTC]", on_the_wall(noted.at)),
                "errorMessage": noted.message,
                "durationInMs": noted.took.map(|took| took.as_millis()),
                "stateTransition": transition,
            })
        })
        .collect();
    Reply::json(&json!({ "circuitBreakerEvents": shown }))
}

/// Breakers that registered (`register-health-indicator`). Open is no failure of the application unless the settings say so.
fn health(patterns: &Patterns) -> Component {
    let registered = patterns.breakers().into_iter().filter(|one| one.config().register_health_indicator);
    let children = registered.map(|breaker| {
        let status = match breaker.state() {
            State::Closed => Status::UP,
            State::Open if breaker.config().allow_health_indicator_to_fail => Status::DOWN,
            State::Open => Status::parse("CIRCUIT_OPEN"),
            State::HalfOpen => Status::parse("CIRCUIT_HALF_OPEN"),
            State::ForcedOpen | State::Disabled | State::MetricsOnly => Status::UNKNOWN,
        };
        let mut component = Component::new(status);
        for (name, value) in details(&breaker) {
            component = component.detail(name, value);
        }
        (breaker.name().to_owned(), component)
    });
    let children: Vec<_> = children.collect();
    if children.is_empty() { Component::new(Status::UNKNOWN) } else { Component::composite(children) }
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
