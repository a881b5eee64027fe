//! `/services`, `/services/{name}`, `/services/{name}/instances/{id}`.

use axum::Json;
use axum::extract::{self, Path};

use super::State;
use super::instances::subject;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::domain::Domain;
use crate::events::{self, Event};
use crate::schema::view;
use crate::services::{Instance, Service};

view! {
    /// A page of services, by name.
    pub(super) struct ServicePage {
        /// The services.
        items: Vec<Service>,
        /// The `cursor` of the next page, if there is one.
        next: Option<String>,
    }
}

/// Shown with an instance.
const EVENTS: usize = 20;

pub(super) fn mount(routes: &mut Routes) {
    let list = at("/services", "Registered services with their instances")
        .scope(Scope::Listed)
        .prefers(Domain::Registry)
        .query(&[
            ("q", "string", "part of a name, an instance id, a host or a status"),
            ("status", "string", "services with an instance that has it, or one of several with commas"),
            ("instances", "boolean", "false: without the instances"),
            ("cursor", "string", "from the page before"),
            ("limit", "integer", "1 to 1000, 100 without"),
        ]);
    routes.get::<ServicePage, _, _>(list, listed);
    let one_service =
        at("/services/{name}", "One service").scope(Scope::Path("name")).prefers(Domain::Registry);
    routes.get::<Service, _, _>(one_service, one);
    let one_instance = at("/services/{name}/instances/{id}", "One instance")
        .scope(Scope::Path("name"))
        .prefers(Domain::Registry);
    routes.get::<Instance, _, _>(one_instance, instance);
}

async fn listed(
    extract::State(state): extract::State<State>,
    actor: Actor,
    query: Query,
) -> Result<Json<ServicePage>, Refusal> {
    let limit = paging::limit(&query)?;
    let wanted = paging::text(&query, "q").map(str::to_lowercase);
    let after = paging::text(&query, "cursor").unwrap_or_default();
    let status = paging::text(&query, "status");
    let mut fitting = state
        .admin
        .services()
        .into_iter()
        .filter(|service| after.is_empty() || service.name.as_str() > after)
        .filter(|service| actor.reaches(&service.name))
        .filter(|service| {
            status.is_none_or(|status| {
                service
                    .instances
                    .iter()
                    .any(|one| status.split(',').any(|it| one.status.eq_ignore_ascii_case(it)))
            })
        })
        .filter(|service| wanted.as_deref().is_none_or(|wanted| fits(service, wanted)));
    let mut items: Vec<_> = fitting.by_ref().take(limit).collect();
    let next = items.last().map(|service| service.name.clone()).filter(|_| fitting.next().is_some());
    if paging::text(&query, "instances") == Some("false") {
        items.iter_mut().for_each(|service| service.instances.clear());
    }
    Ok(Json(ServicePage { items, next }))
}

fn fits(service: &Service, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    has(&service.name)
        || service
            .instances
            .iter()
            .any(|one| has(&one.id) || has(&one.host) || one.status.to_lowercase() == wanted)
}

fn named(state: &State, name: &str) -> Result<Service, Refusal> {
    let found = state.admin.services().into_iter().find(|service| service.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| Refusal::unknown("service", name))
}

async fn one(
    extract::State(state): extract::State<State>,
    Path(name): Path<String>,
) -> Result<Json<Service>, Refusal> {
    named(&state, &name).map(Json)
}

async fn instance(
    extract::State(state): extract::State<State>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Json<Instance>, Refusal> {
    let mut found = known(&state, &name, &id)?;
    let wanted = events::Query { subject: Some(subject(&name, &id)), ..events::Query::default() };
    let (events, _) = state.admin.log().page(&wanted, EVENTS);
    found.events = events.iter().map(|event| Event::clone(event)).collect();
    if let Some(config) = state.admin.config() {
        let service = Service::new(name, vec![found.clone()]);
        let clients = config.drift(vec![service]).await.unwrap_or_default();
        if let Some(client) = clients.into_iter().find(|client| client.instance.as_deref() == Some(&*id)) {
            (found.config_commit, found.config_state) = (client.version, Some(client.state));
        }
    }
    Ok(Json(found))
}

/// One instance, from the registry where it is here.
pub(super) fn known(state: &State, name: &str, id: &str) -> Result<Instance, Refusal> {
    let found = match state.admin.registry() {
        Some(registry) => registry.instance(name, id),
        None => named(state, name)?.instances.into_iter().find(|instance| instance.id == id),
    };
    found.ok_or_else(|| Refusal::unknown("instance", id))
}
