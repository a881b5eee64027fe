//! `/routes/*`: the gateway's routes, what would become of requests, and changes while it runs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{self, Path};
use serde_json::json;

use super::State;
use super::refusal::Refusal;
use super::routes::{At, Routes, at};
use super::write::{Done, Order};
use crate::access::Role;
use crate::denied::Denied;
use crate::domain::Domain;
use crate::routes::{
    AppliedRoutes, ApplyOrder, Gateway, GatewayRoute, ProposedRoutes, Replay, ReplayOrder, RouteDiff,
    RouteSwitch, RouteTable, RouteTrace, SwitchedRoute, TraceOrder,
};

pub(super) fn mount(routes: &mut Routes) {
    let of = |path, summary| -> At { at(path, summary).domain(Domain::Gateway) };
    routes.get::<RouteTable, _, _>(of("/routes", "The gateway's routes with their figures"), table);
    routes.get::<GatewayRoute, _, _>(of("/routes/{id}", "One route"), one);
    routes.ask::<TraceOrder, RouteTrace, _, _>(
        of("/routes/trace", "What would become of a request: nothing is sent"),
        trace,
    );
    routes.ask::<ReplayOrder, Replay, _, _>(
        of("/routes/replay", "Recorded requests on other routes: which would go elsewhere"),
        replay,
    );
    routes.ask::<ProposedRoutes, RouteDiff, _, _>(
        of("/routes/diff", "Other routes compared with those in force"),
        diff,
    );
    routes.post::<RouteSwitch, SwitchedRoute, _, _>(
        of("/routes/{id}/enabled", "Switch a route on or off")
            .role(Role::Operator)
            .done_by("routes", "routes enable"),
        enable,
    );
    routes.post::<ApplyOrder, AppliedRoutes, _, _>(
        of("/routes/apply", "Put other routes in force: all, or none when one is bad")
            .role(Role::Operator)
            .done_by("lab", "routes apply"),
        apply,
    );
}

fn gateway(state: &State) -> Result<Arc<dyn Gateway>, Refusal> {
    state.admin.gateway().ok_or_else(|| Refusal::unknown("daemon", Domain::Gateway.as_str()))
}

/// On a thread that may take its time: compiling and tracing are work.
async fn aside<T: Send + 'static>(
    state: &State,
    ask: impl FnOnce(&dyn Gateway) -> Result<T, Denied> + Send + 'static,
) -> Result<T, Refusal> {
    let gateway = gateway(state)?;
    let asked = tokio::task::spawn_blocking(move || ask(&*gateway)).await;
    Ok(asked.map_err(|error| Refusal::failed(&error.to_string()))??)
}

async fn table(extract::State(state): extract::State<State>) -> Result<Json<RouteTable>, Refusal> {
    Ok(Json(gateway(&state)?.routes()))
}

async fn one(
    extract::State(state): extract::State<State>,
    Path(id): Path<String>,
) -> Result<Json<GatewayRoute>, Refusal> {
    let found = gateway(&state)?.routes().items.into_iter().find(|route| route.id == id);
    found.map(Json).ok_or_else(|| Refusal::unknown("route", &id))
}

async fn trace(
    extract::State(state): extract::State<State>,
    Json(order): Json<TraceOrder>,
) -> Result<Json<RouteTrace>, Refusal> {
    Ok(Json(aside(&state, |gateway| gateway.trace(order)).await?))
}

async fn replay(
    extract::State(state): extract::State<State>,
    Json(order): Json<ReplayOrder>,
) -> Result<Json<Replay>, Refusal> {
    Ok(Json(aside(&state, |gateway| gateway.replay(order)).await?))
}

async fn diff(
    extract::State(state): extract::State<State>,
    Json(order): Json<ProposedRoutes>,
) -> Result<Json<RouteDiff>, Refusal> {
    Ok(Json(aside(&state, move |gateway| gateway.diff(&order.routes)).await?))
}

async fn enable(state: State, order: Order<RouteSwitch>) -> Result<Done<SwitchedRoute>, Refusal> {
    let id = order.named("id");
    let Some(enabled) = order.body.enabled else { return Err(Refusal::member("enabled", "true or false")) };
    let wanted = id.clone();
    let actor = order.actor.name;
    let (before, route) = aside(&state, move |gateway| gateway.enable(&wanted, enabled, &actor)).await?;
    let kind = if enabled { "route enabled" } else { "route disabled" };
    let (then, now) = (json!({"enabled": before.enabled}), json!({"enabled": route.enabled}));
    let gateway = gateway(&state)?;
    let (daemon, kept) = (gateway.daemon(), gateway.routes().kept);
    Ok(Done::new(SwitchedRoute { route, kept }, kind, daemon, &*id)
        .text(format!("{kind}: {id}"))
        .change(then, now))
}

async fn apply(state: State, order: Order<ApplyOrder>) -> Result<Done<AppliedRoutes>, Refusal> {
    let (actor, text) = (order.actor.name, order.body.routes);
    let back = text.trim().is_empty();
    let applied = aside(&state, move |gateway| gateway.apply(&text, &actor)).await?;
    let gateway = gateway(&state)?;
    let kind = if back { "routes taken back" } else { "routes applied" };
    let RouteDiff { added, removed, changed, .. } = &applied.diff;
    let changed: Vec<&String> = changed.iter().map(|one| &one.route).collect();
    let text = format!(
        "revision {}: {} added, {} removed, {} changed",
        applied.revision,
        added.len(),
        removed.len(),
        changed.len()
    );
    let before = json!({"revision": applied.before, "removed": removed, "changed": changed});
    let after = json!({"revision": applied.revision, "added": added, "changed": changed});
    let daemon = gateway.daemon();
    Ok(Done::new(applied, kind, &*daemon, &*daemon).text(text).change(before, after))
}
