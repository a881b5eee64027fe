//! The bus as the admin API shows it and gives it orders; and what happens on it, for the event log.

use futures_util::future::BoxFuture;
use serde_json::json;
use wellspring_daemon::Context;
use wellspring_daemon::admin::bus::{Board, BusAck, BusEvent, BusMember, BusOrder, BusState, Resent};
use wellspring_daemon::admin::events::New;
use wellspring_daemon::admin::{Denied, Topic};
use wellspring_wire::Millis;

use crate::ack_log::{Entry, Record};
use crate::members::Registry;
use crate::transport::State;
use crate::{Bus, Payload};

/// Shows the bus to operators, and tells the event log what happens on it.
pub(crate) fn join(cx: &Context, bus: &Bus) {
    cx.admin.show_bus(Operator { bus: bus.clone(), daemon: cx.name.clone() });
    let (log, daemon) = (cx.admin.clone(), cx.name.clone());
    bus.on_record(move |record| {
        if let Some(event) = told(record, &daemon) {
            log.record(event);
        }
    });
}

/// A change of the board as an event.
fn told(record: &Record, daemon: &str) -> Option<New> {
    Some(match record {
        Record::Sent(entry) => {
            let to = entry.destination.as_deref().unwrap_or("everyone");
            let text = format!("{} to {to}, {} expected", entry.type_name, entry.expected.len());
            New::of(Topic::Bus, "sent", daemon, &entry.id).text(text).data(json!({
                "type": entry.type_name, "origin": entry.origin, "destination": entry.destination,
                "expected": entry.expected.len(),
            }))
        }
        Record::Acknowledged { id, by, at } => New::of(Topic::Bus, "acked", daemon, id)
            .text(format!("{by} acknowledged"))
            .data(json!({"by": by, "at": at.0})),
        Record::Resent { of, resend } => New::of(Topic::Bus, "sent again", daemon, of)
            .text(format!("again to {}", resend.to))
            .data(json!({"id": resend.id, "to": resend.to})),
        Record::Withdrawn { id } => New::of(Topic::Bus, "not sent", daemon, id).text("it could not be sent"),
    })
}

struct Operator {
    bus: Bus,
    daemon: String,
}

impl Board for Operator {
    fn daemon(&self) -> String {
        self.daemon.clone()
    }

    fn board(&self, limit: usize) -> BusState {
        let registry = self.bus.registry();
        let problem = match self.bus.state() {
            State::Up => None,
            State::Down(reason) => Some(reason.to_string()),
        };
        let (members, items) = self.bus.ack_log(|log| {
            let members: Vec<BusMember> = log
                .members(Millis::now())
                .map(|(id, last_ack)| BusMember { id: id.to_owned(), last_ack })
                .collect();
            let items: Vec<BusEvent> =
                log.entries().take(limit).map(|entry| shown(entry, &registry)).collect();
            (members, items)
        });
        BusState {
            daemon: self.daemon(),
            connected: problem.is_none(),
            problem,
            transport: self.bus.transport().to_owned(),
            id: self.bus.id().to_owned(),
            members,
            items,
        }
    }

    fn event(&self, id: &str) -> Option<BusEvent> {
        let registry = self.bus.registry();
        self.bus.ack_log(|log| {
            let entry = log.entry(id)?;
            let acks = entry.acknowledged.iter().map(|(by, at)| BusAck {
                by: by.clone(),
                at: *at,
                ms: at.0 - entry.sent.0,
            });
            Some(BusEvent { acks: acks.collect(), ..shown(entry, &registry) })
        })
    }

    fn publish(&self, order: BusOrder) -> BoxFuture<'_, Result<BusEvent, Denied>> {
        Box::pin(async move {
            let payload = if order.values.is_empty() {
                Payload::Refresh
            } else {
                Payload::EnvironmentChange(order.values.into_iter().collect())
            };
            let sent = self.bus.publish(&order.destination, payload).await;
            let event = sent.map_err(|error| Denied::Failed(error.to_string()))?;
            let gone = || Denied::Failed("the board is too small to keep the event".to_owned());
            self.event(&event.id).ok_or_else(gone)
        })
    }

    fn resend(&self, id: String) -> BoxFuture<'_, Result<Vec<Resent>, Denied>> {
        Box::pin(async move {
            if self.bus.ack_log(|log| log.entry(&id).is_none()) {
                return Err(Denied::Unknown("event", id));
            }
            let results = self.bus.resend(&id).await.ok_or_else(|| {
                let why = "only refresh events can be sent again: the content of others is not kept";
                Denied::Conflict(why.to_owned())
            })?;
            let sent = results.into_iter().map(|result| match result {
                Ok(event) => Resent {
                    to: event.destination.pattern().unwrap_or_default().to_owned(),
                    id: event.id,
                    at: Some(Millis::now()),
                    error: None,
                },
                Err(error) => Resent { error: Some(error.to_string()), ..Resent::default() },
            });
            Ok(sent.collect())
        })
    }
}

fn shown(entry: &Entry, registry: &Registry) -> BusEvent {
    let answers = entry.answers(registry);
    let resends = entry.resends.iter().map(|resend| Resent {
        id: resend.id.clone(),
        to: resend.to.clone(),
        at: Some(resend.at),
        error: None,
    });
    let missing = answers.silent.len() + answers.not_acknowledging.len() + answers.left.len();
    BusEvent {
        id: entry.id.clone(),
        r#type: entry.type_name.clone(),
        destination: entry.destination.clone(),
        origin: entry.origin.clone(),
        at: entry.sent,
        ours: entry.ours,
        expected: entry.acknowledged.len() + missing,
        acked: entry.acknowledged.len(),
        complete: entry.is_complete(registry),
        p99_ms: p99(answers.acknowledged.values().copied().collect()),
        silent: answers.silent,
        not_acknowledging: answers.not_acknowledging,
        left: answers.left,
        acks: Vec::new(),
        resends: resends.collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an ack does not take 2^52 milliseconds")]
fn p99(mut millis: Vec<i64>) -> Option<f64> {
    millis.sort_unstable();
    let place = (millis.len() * 99).div_ceil(100).checked_sub(1)?;
    millis.get(place).map(|millis| *millis as f64)
}
