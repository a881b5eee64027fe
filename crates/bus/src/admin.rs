//! The ack board: `/actuator/busacks`, and what passes by, `/actuator/bustrace`.
//!
//! `busacks` lists the events, newest first; `busacks/{id}` is one of them; `POST busacks` sends an event and answers with its
//! entry, where `busrefresh` answers nothing; `POST busacks/{id}` sends one again to those who have not acknowledged it.

use std::collections::VecDeque;
use std::sync::Arc;

use http::StatusCode;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use wellspring_daemon::actuator::{Actuator, Endpoint, Reply};
use wellspring_daemon::{Context, error_page};
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use crate::ack_log::Entry;
use crate::members::Registry;
use crate::{Announcement, Bus, Payload};

const TRACED: usize = 512;
const LISTED: usize = 100;

/// Mounts the board and, with `spring.cloud.bus.trace.enabled`, the trace.
pub(crate) fn mount(context: &Context, bus: &Bus) -> Result<(), Problem> {
    context.actuator.add(board(bus))?;
    if bus.config().trace.enabled {
        trace(context, bus)?;
    }
    Ok(())
}

fn board(bus: &Bus) -> Endpoint {
    let (list, one, new, again) = (bus.clone(), bus.clone(), bus.clone(), bus.clone());
    Endpoint::new("busacks")
        .read("", move |call| {
            let limit = call.query("limit").map_or(Ok(LISTED), str::parse::<usize>);
            let reply = match limit {
                Ok(limit) => Reply::json(&listing(&list, limit)),
                Err(_) => Reply::bad_request("limit must be a number"),
            };
            std::future::ready(reply)
        })
        .read("{id}", move |call| {
            let entry = entry(&one, call.selector("id"));
            std::future::ready(entry.map_or_else(Reply::absent, |entry| Reply::json(&entry)))
        })
        .write("", move |call| {
            let bus = new.clone();
            async move {
                match call.json() {
                    Ok(wanted) => send(&bus, wanted).await.unwrap_or_else(|refused| refused),
                    Err(reply) => reply,
                }
            }
        })
        .write("{id}", move |call| {
            let bus = again.clone();
            async move { resend(&bus, call.selector("id")).await }
        })
}

fn listing(bus: &Bus, limit: usize) -> Value {
    let (now, registry) = (Millis::now(), bus.registry());
    bus.ack_log(|log| {
        let members: Vec<_> = log
            .members(now)
            .map(|(id, at)| json!({"id": id, "lastAck": error_page::timestamp(at.0)}))
            .collect();
        json!({
            "busId": bus.id(),
            "members": members,
            "events": log.entries().take(limit).map(|entry| detail(entry, &registry)).collect::<Vec<_>>(),
        })
    })
}

fn entry(bus: &Bus, id: &str) -> Option<Value> {
    let registry = bus.registry();
    bus.ack_log(|log| log.entry(id).map(|entry| detail(entry, &registry)))
}

fn detail(entry: &Entry, registry: &Registry) -> Value {
    let answers = entry.answers(registry);
    let acknowledged: Vec<_> = entry
        .acknowledged
        .iter()
        .map(|(by, at)| json!({"by": by, "at": error_page::timestamp(at.0), "afterMillis": at.0 - entry.sent.0}))
        .collect();
    json!({
        "id": entry.id,
        "type": entry.type_name,
        "origin": entry.origin,
        "destination": entry.destination,
        "sent": error_page::timestamp(entry.sent.0),
        "ours": entry.ours,
        "complete": entry.is_complete(registry),
        "acknowledged": acknowledged,
        "silent": answers.silent,
        "notAcknowledging": answers.not_acknowledging,
        "left": answers.left,
        "resends": entry.resends,
    })
}

/// What is to be sent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    #[serde(default, rename = "type")]
    kind: Kind,
    #[serde(default)]
    destination: String,
    #[serde(default)]
    values: IndexMap<String, String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Refresh,
    Env,
}

async fn send(bus: &Bus, wanted: Wanted) -> Result<Reply, Reply> {
    let payload = match wanted.kind {
        Kind::Refresh if wanted.values.is_empty() => Payload::Refresh,
        Kind::Env if !wanted.values.is_empty() => Payload::EnvironmentChange(wanted.values),
        Kind::Refresh => return Err(Reply::bad_request("a refresh has no values")),
        Kind::Env => return Err(Reply::bad_request("env needs values: {\"values\": {\"name\": \"value\"}}")),
    };
    let sent = bus.publish(&wanted.destination, payload).await;
    let event = sent.map_err(|error| {
        let status = if error.is_retryable() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        Reply::failed(status, error.to_string())
    })?;
    Ok(entry(bus, &event.id).map_or_else(Reply::done, |entry| Reply::json(&entry)))
}

async fn resend(bus: &Bus, id: &str) -> Reply {
    let known = bus.ack_log(|log| log.entry(id).is_some());
    match bus.resend(id).await {
        None if !known => Reply::absent(),
        None => Reply::failed(
            StatusCode::CONFLICT,
            "only refresh events can be sent again: the content of others is not kept",
        ),
        Some(results) => {
            let (sent, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
            let sent: Vec<_> = sent
                .into_iter()
                .flatten()
                .map(|event| json!({"id": event.id, "to": event.destination.pattern()}))
                .collect();
            let failed: Vec<_> =
                failed.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
            Reply::json(&json!({"sent": sent, "failed": failed}))
        }
    }
}

fn trace(context: &Context, bus: &Bus) -> Result<(), Problem> {
    let actuator: &Actuator = &context.actuator;
    let traced = Arc::new(Mutex::new(VecDeque::with_capacity(TRACED)));
    let mut announcements = bus.subscribe();
    let log = Arc::clone(&traced);
    context.tasks.spawn(async move {
        loop {
            let line = match announcements.recv().await {
                Ok(announcement) => line(&announcement),
                Err(RecvError::Lagged(missed)) => Some(json!({"missed": missed})),
                Err(RecvError::Closed) => return,
            };
            let Some(line) = line else { continue };
            let mut log = log.lock();
            if log.len() == TRACED {
                log.pop_front();
            }
            log.push_back(line);
        }
    });
    actuator.add(Endpoint::new("bustrace").read("", move |_| {
        let events: Vec<_> = traced.lock().iter().rev().cloned().collect();
        std::future::ready(Reply::json(&json!({"events": events})))
    }))
}

fn line(announcement: &Announcement) -> Option<Value> {
    let timestamp = error_page::timestamp(Millis::now().0);
    match announcement {
        Announcement::Applied(_) => None,
        Announcement::Sent(trace) => Some(json!({
            "timestamp": timestamp, "signal": "spring.cloud.bus.sent", "type": trace.type_name, "id": trace.id,
            "origin": trace.origin, "destination": trace.destination,
        })),
        Announcement::Acknowledged(event) => {
            let crate::Payload::Ack(ack) = &event.payload else { return None };
            Some(json!({
                "timestamp": timestamp, "signal": "spring.cloud.bus.ack", "event": ack.class_name, "id": ack.id,
                "origin": event.origin, "destination": ack.destination.pattern(),
            }))
        }
    }
}
