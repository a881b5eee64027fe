//! Calls that no gateway sees: of configuration clients and bus members, as the server and the bus know them, and between
//! services, as their own metrics tell. Instances are asked for these only when somebody wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;
use wellspring_wire::Millis;

use super::State;
use super::actuator;
use super::config::Drift;
use crate::access::Actor;
use crate::bus::BusState;
use crate::config::ConfigClient;
use crate::domain::Domain;
use crate::federation::{Other, Others};
use crate::schema::view;
use crate::services::{Instance, Service};

/// Instances that are asked at the same time.
const AT_ONCE: usize = 8;
/// Instances of a service that are asked; more do not tell more.
const OF_A_SERVICE: usize = 5;
/// Services that one instance may be asked about.
const TARGETS: usize = 30;

view! {
    /// Instances that were asked for their metrics.
    pub(super) struct Asked {
        /// How many.
        instances: usize,
        /// Those that told of calls.
        answered: usize,
    }
}

/// Calls from one to another.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) requests: u64,
    pub(super) failed: u64,
    /// What says so.
    pub(super) source: &'static str,
    /// The last one, or when it was said.
    pub(super) at: Option<Millis>,
}

/// Clients of the config server, and members of the bus.
pub(super) async fn noted(state: &State, actor: &Actor, services: &[Service], there: &Others) -> Vec<Call> {
    let names: BTreeSet<String> = services.iter().map(|service| service.name.to_lowercase()).collect();
    let mut calls = BTreeMap::new();
    if let Some((daemon, clients)) = clients(state, actor, services, there).await {
        for client in clients.into_iter().filter(|client| client.fetched_at.is_some()) {
            for name in client.application.split(',').map(|name| name.trim().to_lowercase()) {
                let call = (name, daemon.as_str(), client.fetches, client.fetched_at);
                add(&mut calls, &names, call, "config server");
            }
        }
    }
    if let Some(bus) = bus(state, actor, there).await {
        for member in bus.members {
            let name = member.id.split(':').next().unwrap_or_default().to_lowercase();
            add(&mut calls, &names, (name, bus.daemon.as_str(), 0, Some(member.last_ack)), "bus");
        }
    }
    calls.into_values().collect()
}

fn add(
    calls: &mut BTreeMap<(String, String), Call>,
    services: &BTreeSet<String>,
    (from, daemon, requests, at): (String, &str, u64, Option<Millis>),
    source: &'static str,
) {
    let to = daemon.to_lowercase();
    if from == to || !services.contains(&from) {
        return;
    }
    let call = calls.entry((from.clone(), to.clone())).or_default();
    *call = Call { from, to, requests: call.requests + requests, failed: 0, source, at: call.at.max(at) };
}

async fn clients(
    state: &State,
    actor: &Actor,
    services: &[Service],
    there: &Others,
) -> Option<(String, Vec<ConfigClient>)> {
    if let Some(config) = state.admin.config() {
        return Some((config.daemon(), config.drift(services.to_vec()).await.ok()?));
    }
    let other = having(there, Domain::Config)?;
    let federation = state.admin.federation();
    let drift = federation.ask::<Drift>(&state.admin, &other.url, actor, "/api/v1/config/drift").await;
    Some((other.name().to_owned(), drift.ok()?.items))
}

async fn bus(state: &State, actor: &Actor, there: &Others) -> Option<BusState> {
    if let Some(bus) = state.admin.bus() {
        return Some(bus.board(1));
    }
    let other = having(there, Domain::Bus)?;
    state.admin.federation().ask(&state.admin, &other.url, actor, "/api/v1/bus?limit=1").await.ok()
}

fn having(there: &Others, domain: Domain) -> Option<&Other> {
    there.there.iter().find(|other| other.has(domain))
}

/// What instances say of their own calls to services that are registered. What is called by another name is left out.
pub(super) async fn told(state: &State, services: &[Service]) -> (Vec<Call>, Asked) {
    let names: BTreeSet<String> = services.iter().map(|service| service.name.to_lowercase()).collect();
    let names = Arc::new(names);
    let up = services.iter().flat_map(|service| {
        let up = service.instances.iter().filter(|one| one.status == "UP").take(OF_A_SERVICE);
        up.map(|one| (service.name.to_lowercase(), one.clone()))
    });
    let up: Vec<_> = up.collect();
    let mut asked = Asked { instances: up.len(), answered: 0 };
    let all: Vec<Option<Vec<Call>>> = stream::iter(up)
        .map(|(from, instance)| {
            let (state, names) = (state.clone(), Arc::clone(&names));
            async move { of_one(&state, &from, &instance, &names).await }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut calls: BTreeMap<(String, String), Call> = BTreeMap::new();
    for call in all.into_iter().flatten().inspect(|_| asked.answered += 1).flatten() {
        let sum = calls.entry((call.from.clone(), call.to.clone())).or_default();
        let (requests, failed) = (sum.requests + call.requests, sum.failed + call.failed);
        *sum = Call { requests, failed, ..call };
    }
    (calls.into_values().collect(), asked)
}

/// `None`: it has no such metric, or does not show it.
async fn of_one(
    state: &State,
    from: &str,
    instance: &Instance,
    names: &BTreeSet<String>,
) -> Option<Vec<Call>> {
    let metric = actuator::client_requests(state, instance, &[]).await?;
    let tags = metric.get("availableTags")?.as_array()?;
    let of = |tag: &&Value| tag.get("tag").and_then(Value::as_str) == Some("client.name");
    let values = tags.iter().find(of)?.get("values")?.as_array()?;
    let called = values.iter().filter_map(Value::as_str);
    let called = called.filter(|name| names.contains(&name.to_lowercase())).take(TARGETS);
    let mut calls = Vec::new();
    for name in called {
        let tag = ("client.name", name);
        let requests = count(actuator::client_requests(state, instance, &[tag]).await.as_ref());
        let failed = [tag, ("outcome", "SERVER_ERROR")];
        let failed = count(actuator::client_requests(state, instance, &failed).await.as_ref());
        let (from, to, at) = (from.to_owned(), name.to_lowercase(), Some(Millis::now()));
        calls.push(Call { from, to, requests, failed, source: "own metrics", at });
    }
    Some(calls)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, which has no fraction")]
fn count(metric: Option<&Value>) -> u64 {
    let all = metric.and_then(|metric| metric.get("measurements")).and_then(Value::as_array);
    let is = |one: &&Value| one.get("statistic").and_then(Value::as_str) == Some("COUNT");
    let value = all.into_iter().flatten().find(is).and_then(|one| one.get("value"));
    value.and_then(Value::as_f64).map_or(0, |count| count.max(0.0) as u64)
}
