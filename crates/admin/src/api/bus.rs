//! `/bus/*`: the ack board, and orders to the applications on the bus.

use std::sync::Arc;

use axum::Json;
use axum::extract::{self, Path};
use serde_json::json;

use super::State;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{At, Routes, Scope, at};
use super::write::{Done, Nothing, Order};
use crate::access::Role;
use crate::bus::{Board, BusEvent, BusOrder, BusState, EnvOrder, RefreshOrder, ResentEvents, SentEvent};
use crate::domain::Domain;

pub(super) fn mount(routes: &mut Routes) {
    let of = |path, summary| -> At { at(path, summary).domain(Domain::Bus) };
    routes.get::<BusState, _, _>(
        of("/bus", "The bus, who is on it, and the last events with those who are silent").query(&[(
            "limit",
            "integer",
            "1 to 1000, 100 without",
        )]),
        board,
    );
    routes.get::<BusEvent, _, _>(of("/bus/{id}", "One event with who acknowledged it when"), one);
    routes.post::<RefreshOrder, SentEvent, _, _>(
        of("/bus/refresh", "Let applications load their configuration again")
            .role(Role::Operator)
            .scope(Scope::Body("destination"))
            .done_by("bus", "bus send"),
        refresh,
    );
    routes.post::<EnvOrder, SentEvent, _, _>(
        of("/bus/env", "Give applications a value, above their other configuration")
            .role(Role::Operator)
            .scope(Scope::Body("destination"))
            .done_by("bus", "bus send env"),
        env,
    );
    routes.post::<Nothing, ResentEvents, _, _>(
        of("/bus/{id}/resend", "Send a refresh again to those who have not acknowledged it")
            .role(Role::Operator)
            .done_by("bus", "bus acks --resend"),
        resend,
    );
}

fn bus(state: &State) -> Result<Arc<dyn Board>, Refusal> {
    state.admin.bus().ok_or_else(|| Refusal::unknown("daemon", Domain::Bus.as_str()))
}

async fn board(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<BusState>, Refusal> {
    let limit = paging::limit(&query)?;
    Ok(Json(bus(&state)?.board(limit)))
}

async fn one(
    extract::State(state): extract::State<State>,
    Path(id): Path<String>,
) -> Result<Json<BusEvent>, Refusal> {
    bus(&state)?.event(&id).map(Json).ok_or_else(|| Refusal::unknown("event", &id))
}

async fn refresh(state: State, order: Order<RefreshOrder>) -> Result<Done<SentEvent>, Refusal> {
    let destination = order.body.destination.unwrap_or_default();
    let item = bus(&state)?.publish(BusOrder { destination, values: Vec::new() }).await?;
    sent(&state, item, "refresh sent", &json!({}))
}

async fn env(state: State, order: Order<EnvOrder>) -> Result<Done<SentEvent>, Refusal> {
    let EnvOrder { name, value, destination } = order.body;
    if name.trim().is_empty() {
        return Err(Refusal::member("name", "the name of a property"));
    }
    let destination = destination.unwrap_or_default();
    let item = bus(&state)?.publish(BusOrder { destination, values: vec![(name.clone(), value)] }).await?;
    // The value may be a secret.
    sent(&state, item, "environment sent", &json!({"name": name}))
}

fn sent(
    state: &State,
    item: BusEvent,
    kind: &'static str,
    what: &serde_json::Value,
) -> Result<Done<SentEvent>, Refusal> {
    let (daemon, id) = (bus(state)?.daemon(), item.id.clone());
    let to = item.destination.clone();
    let text = format!("{kind} to {}, {} expected", to.as_deref().unwrap_or("everyone"), item.expected);
    let after = json!({"id": id, "destination": to, "type": item.r#type, "content": what});
    Ok(Done::new(SentEvent { item }, kind, daemon, id).text(text).change(json!(null), after))
}

async fn resend(state: State, order: Order<Nothing>) -> Result<Done<ResentEvents>, Refusal> {
    let id = order.named("id");
    let bus = bus(&state)?;
    let items = bus.resend(id.clone()).await?;
    let to: Vec<&String> = items.iter().map(|one| &one.to).collect();
    let (text, after) = (format!("sent again to {}", to.len()), json!({"to": to}));
    let daemon = bus.daemon();
    Ok(Done::new(ResentEvents { items }, "event sent again", daemon, id)
        .text(text)
        .change(json!(null), after))
}
