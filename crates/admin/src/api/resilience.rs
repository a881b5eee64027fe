//! `/resilience`, `/breakers/{name}/state`: the patterns of all applications of this process.

use std::sync::Arc;

use axum::Json;
use axum::extract;
use serde_json::json;

use super::State;
use super::refusal::Refusal;
use super::routes::{Routes, at};
use super::write::{Done, Order};
use crate::access::{Actor, Role};
use crate::federation::Others;
use crate::resilience::{BreakerChange, BreakerOrder, ChangedBreaker, Patterns, Resilience};

/// Longer than any shift: who wants more sets it without end.
const MOST_MINUTES: u64 = 7 * 24 * 60;

pub(super) fn mount(routes: &mut Routes) {
    routes.get::<Patterns, _, _>(
        at("/resilience", "Breakers, limiters, bulkheads, retries, and instances that are left out"),
        patterns,
    );
    routes.post::<BreakerOrder, ChangedBreaker, _, _>(
        at("/breakers/{name}/state", "Force a breaker open, close it, or switch it off")
            .query(&[("daemon", "string", "which, where several have a breaker of that name")])
            .role(Role::Operator)
            .done_by("resilience", "breaker open"),
        change,
    );
}

async fn patterns(extract::State(state): extract::State<State>, actor: Actor) -> Json<Patterns> {
    let mut all = own(&state);
    if !actor.forwarded {
        let federation = state.admin.federation();
        let Others { there, .. } = federation.others(&state.admin).await;
        let theirs = federation.ask_all::<Patterns>(&state.admin, &there, &actor, "/api/v1/resilience").await;
        theirs.into_iter().for_each(|(_, patterns)| all.add(patterns));
    }
    Json(all)
}

/// Of this process.
pub(super) fn own(state: &State) -> Patterns {
    let mut all = Patterns::default();
    for application in state.admin.resilience() {
        all.add(application.patterns());
    }
    if let Some(gateway) = state.admin.gateway() {
        all.request_limiters = gateway.limiters();
        let (daemon, routes) = (gateway.daemon(), gateway.routes().items);
        for breaker in all.breakers.iter_mut().filter(|breaker| breaker.daemon == daemon) {
            let guarded = routes.iter().filter(|route| route.breakers.contains(&breaker.name));
            breaker.routes = guarded.map(|route| route.id.clone()).collect();
        }
    }
    all
}

impl Patterns {
    fn add(&mut self, more: Self) {
        let Self { breakers, limiters, request_limiters, bulkheads, retries, ejected } = more;
        self.breakers.extend(breakers);
        self.limiters.extend(limiters);
        self.request_limiters.extend(request_limiters);
        self.bulkheads.extend(bulkheads);
        self.retries.extend(retries);
        self.ejected.extend(ejected);
    }
}

async fn change(state: State, order: Order<BreakerOrder>) -> Result<Done<ChangedBreaker>, Refusal> {
    let name = order.named("name");
    let having = having(&state, &name, order.query.get("daemon").map(String::as_str))?;
    let wanted = order.body.state.to_ascii_uppercase();
    if !["FORCED_OPEN", "CLOSED", "DISABLED"].contains(&wanted.as_str()) {
        return Err(Refusal::member("state", "FORCED_OPEN, CLOSED or DISABLED"));
    }
    let minutes = order.body.minutes.unwrap_or(0);
    if minutes > MOST_MINUTES {
        return Err(Refusal::member("minutes", "1 to 10080, or none"));
    }
    let actor = order.actor.name;
    let asked = BreakerChange { state: wanted, minutes, actor, reason: order.reason };
    let (before, breaker) = having.change(&name, &asked)?;
    let text = match breaker.until {
        Some(_) => format!("breaker {name} is {} for {minutes} minutes", breaker.state),
        None => format!("breaker {name} is {}", breaker.state),
    };
    let (then, now) =
        (json!({"state": before.state}), json!({"state": breaker.state, "until": breaker.until}));
    let daemon = having.daemon();
    Ok(Done::new(ChangedBreaker { breaker }, "breaker set", daemon, &*name).text(text).change(then, now))
}

/// The application that has the breaker.
fn having(state: &State, name: &str, daemon: Option<&str>) -> Result<Arc<dyn Resilience>, Refusal> {
    let all = state.admin.resilience();
    let mut having: Vec<_> = all.into_iter().filter(|one| one.has_breaker(name)).collect();
    if let Some(daemon) = daemon {
        having.retain(|one| one.daemon() == daemon);
    }
    if having.len() > 1 {
        let names: Vec<String> = having.iter().map(|one| one.daemon()).collect();
        let hint = format!("?daemon= one of {}", names.join(", "));
        return Err(Refusal::conflict(&format!("several daemons have a breaker {name}"), &hint));
    }
    having.pop().ok_or_else(|| Refusal::unknown("breaker", name))
}
