//! `/actuator/circuitbreakers`, `/actuator/circuitbreakerevents` and the health component `circuitBreakers`, as
//! resilience4j's Spring Boot module has them.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value, json};
use wellspring_daemon::Context;
use wellspring_daemon::actuator::{Call, Endpoint, Reply};
use wellspring_daemon::health::{Component, Status};
use wellspring_properties::Problem;
use wellspring_resilience::CircuitBreaker;
use wellspring_resilience::circuit_breaker::State;

use crate::platform::Platform;
use crate::resilience::{Noted, Watched};

/// Adds endpoints and indicator.
pub(crate) fn mount(cx: &Context, platform: &Arc<Platform>) -> Result<(), Problem> {
    let of = |answer: fn(&Platform, &Call) -> Reply| {
        let platform = Arc::clone(platform);
        move |call: Call| {
            let reply = answer(&platform, &call);
            async move { reply }
        }
    };
    let states = Endpoint::new("circuitbreakers")
        .read("", of(|platform, _| all(platform)))
        .write("{name}", of(change));
    let events = Endpoint::new("circuitbreakerevents")
        .read("", of(|platform, _| events(platform, |_| true)))
        .read("{name}", of(|platform, call| events(platform, |noted| noted.breaker == call.selector("name"))))
        .read(
            "{name}/{type}",
            of(|platform, call| {
                let kind = call.selector("type").to_ascii_uppercase();
                events(platform, |noted| noted.breaker == call.selector("name") && noted.kind == kind)
            }),
        );
    cx.actuator.add(states)?;
    cx.actuator.add(events)?;
    // Asked for by name, as in the original.
    if cx.env.get("management.health.circuitbreakers.enabled").as_deref() != Some("true") {
        return Ok(());
    }
    let platform = Arc::clone(platform);
    cx.health.add("circuitBreakers", move || {
        let component = health(&platform);
        async move { component }
    });
    Ok(())
}

fn percent(rate: f32) -> String {
    // Java writes a float with at least one decimal.
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

fn all(platform: &Platform) -> Reply {
    let shown: Map<String, Value> = platform
        .breakers
        .all()
        .into_iter()
        .map(|watched| (watched.breaker.name().to_owned(), Value::Object(details(&watched.breaker))))
        .collect();
    Reply::json(&json!({ "circuitBreakers": shown }))
}

fn change(platform: &Platform, call: &Call) -> Reply {
    let name = call.selector("name");
    let Some(watched) = platform.breakers.all().into_iter().find(|watched| watched.breaker.name() == name)
    else {
        return Reply::absent();
    };
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
    let breaker = &watched.breaker;
    match breaker.transition_at(to, breaker.now()) {
        Ok(()) => Reply::json(&json!({
            "circuitBreakerName": name,
            "currentState": breaker.state().as_str(),
            "message": format!("{name} state has been changed successfully"),
        })),
        Err(illegal) => Reply::failed(StatusCode::BAD_REQUEST, illegal.to_string()),
    }
}

fn events(platform: &Platform, wanted: impl Fn(&Noted) -> bool) -> Reply {
    let mut noted: Vec<Noted> = platform.breakers.all().iter().flat_map(Watched::events).collect();
    noted.sort_by_key(|event| event.nanos);
    let shown: Vec<Value> = noted.iter().filter(|event| wanted(event)).map(Noted::to_json).collect();
    Reply::json(&json!({ "circuitBreakerEvents": shown }))
}

/// Breakers that registered (`register-health-indicator`). Open is no failure of the gateway unless the settings say so.
fn health(platform: &Platform) -> Component {
    let children = platform
        .breakers
        .all()
        .into_iter()
        .filter(|watched| watched.breaker.config().register_health_indicator)
        .map(|watched| {
            let status = match watched.breaker.state() {
                State::Closed => Status::UP,
                State::Open if watched.breaker.config().allow_health_indicator_to_fail => Status::DOWN,
                State::Open => Status::parse("CIRCUIT_OPEN"),
                State::HalfOpen => Status::parse("CIRCUIT_HALF_OPEN"),
                State::ForcedOpen | State::Disabled | State::MetricsOnly => Status::UNKNOWN,
            };
            let mut component = Component::new(status);
            for (name, value) in details(&watched.breaker) {
                component = component.detail(name, value);
            }
            (watched.breaker.name().to_owned(), component)
        });
    let children: Vec<_> = children.collect();
    if children.is_empty() { Component::new(Status::UNKNOWN) } else { Component::composite(children) }
}
