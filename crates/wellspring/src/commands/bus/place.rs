//! Where the ack board is asked: over the admin API of the platform, or at the actuator of a bus daemon that is named.

use serde_json::{Map, Value, json};
use wellspring_daemon::error_page::timestamp;

use super::board::Board;
use super::show::field;
use crate::server::{Consent, Failed, Platform};

/// One of the two; the answers have the same form.
#[derive(Debug)]
pub(super) enum Place {
    Daemon(Board),
    Platform(Box<Platform>),
}

impl Place {
    /// Sends a refresh, or values when there are some.
    pub(super) async fn send(
        &self,
        destination: &str,
        values: &[(String, String)],
        consent: &Consent,
    ) -> Result<Value, Failed> {
        match self {
            Self::Daemon(board) => {
                let kind = if values.is_empty() { "refresh" } else { "env" };
                let values: Map<String, Value> =
                    values.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
                board.send(&json!({"type": kind, "destination": destination, "values": values})).await
            }
            Self::Platform(platform) => {
                let to = if destination.is_empty() { "everyone" } else { destination };
                let (path, body) = match values {
                    [] => {
                        consent.ask(&format!("let {to} load its configuration again"))?;
                        (["bus", "refresh"], json!({"destination": destination}))
                    }
                    [(name, value)] => {
                        consent.ask(&format!("give {to} the value {name}"))?;
                        (["bus", "env"], json!({"destination": destination, "name": name, "value": value}))
                    }
                    _ => return Err(Failed::usage("one NAME=VALUE at a time")),
                };
                let answer = platform.post(&path, &consent.body(body)).await?;
                Ok(entry(field(&answer, "item")))
            }
        }
    }

    pub(super) async fn entry(&self, id: &str) -> Result<Value, Failed> {
        match self {
            Self::Daemon(board) => board.entry(id).await,
            Self::Platform(platform) => Ok(entry(&platform.get(&["bus", id], &[]).await?)),
        }
    }

    pub(super) async fn resend(&self, id: &str, consent: &Consent) -> Result<Value, Failed> {
        match self {
            Self::Daemon(board) => board.resend(id).await,
            Self::Platform(platform) => {
                consent.ask(&format!("send {id} again to those who are silent"))?;
                let answer = platform.post(&["bus", id, "resend"], &consent.body(json!({}))).await?;
                let items = || field(&answer, "items").as_array().into_iter().flatten();
                let sent = items().filter(|item| field(item, "error").is_null());
                let failed = items().filter_map(|item| field(item, "error").as_str());
                Ok(json!({
                    "sent": sent.map(|item| json!({"id": field(item, "id"), "to": field(item, "to")})).collect::<Vec<_>>(),
                    "failed": failed.collect::<Vec<_>>(),
                }))
            }
        }
    }

    pub(super) async fn listing(&self, limit: usize) -> Result<Value, Failed> {
        match self {
            Self::Daemon(board) => board.listing(limit).await,
            Self::Platform(platform) => {
                let limit = limit.to_string();
                let board = platform.get(&["bus"], &[("limit", Some(&limit))]).await?;
                let items = field(&board, "items").as_array().into_iter().flatten();
                let members = field(&board, "members").as_array().into_iter().flatten();
                let members =
                    members.map(|one| json!({"id": field(one, "id"), "lastAck": time(one, "lastAck")}));
                Ok(json!({
                    "busId": field(&board, "id"),
                    "members": members.collect::<Vec<_>>(),
                    "events": items.map(entry).collect::<Vec<_>>(),
                }))
            }
        }
    }
}

fn time(item: &Value, name: &str) -> Value {
    field(item, name).as_i64().map_or(Value::Null, |millis| timestamp(millis).into())
}

/// An event of the API in the form of the actuator.
fn entry(item: &Value) -> Value {
    let acks = field(item, "acks").as_array().into_iter().flatten();
    let acks = acks
        .map(|ack| json!({"by": field(ack, "by"), "at": time(ack, "at"), "afterMillis": field(ack, "ms")}));
    json!({
        "id": field(item, "id"), "type": field(item, "type"), "origin": field(item, "origin"), "destination": field(item, "destination"),
        "sent": time(item, "at"), "ours": field(item, "ours"), "complete": field(item, "complete"),
        "acknowledged": acks.collect::<Vec<_>>(), "acked": field(item, "acked"), "silent": field(item, "silent"),
        "notAcknowledging": field(item, "notAcknowledging"), "left": field(item, "left"), "resends": field(item, "resends"),
    })
}
