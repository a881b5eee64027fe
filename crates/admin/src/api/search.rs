//! `/search`: services, instances, routes, configuration keys and events of all daemons by a part of their name.

use std::collections::HashSet;

use axum::Json;
use axum::extract;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::State;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::config::Wanted;
use crate::events;
use crate::routes::GatewayRoute;
use crate::schema::view;

/// Of each kind, from each daemon.
const MOST: usize = 10;
/// Applications whose configuration is looked into.
const APPLICATIONS: usize = 50;
/// The order of an answer.
const KINDS: [&str; 5] = ["service", "instance", "route", "key", "event"];
/// What `encodeURIComponent` leaves alone.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

view! {
    /// What was found.
    pub(super) struct Hits {
        /// Services, instances, routes, keys, then events.
        items: Vec<Hit>,
    }
}

view! {
    /// One thing with this text in its name.
    pub(super) struct Hit {
        /// service, instance, route, key or event.
        kind: String,
        /// What it is called.
        name: String,
        /// More about it.
        text: String,
        /// The console's page.
        url: String,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let search = at("/search", "Services, instances, routes, keys and events by a part of their name");
    let search = search.scope(Scope::Listed).query(&[("q", "string", "the part, in any case")]);
    routes.get::<Hits, _, _>(search, find);
}

async fn find(
    extract::State(state): extract::State<State>,
    actor: Actor,
    query: Query,
) -> Result<Json<Hits>, Refusal> {
    let wanted = paging::text(&query, "q").unwrap_or_default().to_lowercase();
    if wanted.is_empty() {
        return Err(Refusal::parameter("q", "a part of a name"));
    }
    let mut items = registered(&state, &actor, &wanted);
    items.extend(routed(&state, &wanted));
    items.extend(configured(&state, &actor, &wanted).await);
    items.extend(happened(&state, &actor, &wanted));
    items.extend(elsewhere(&state, &actor, &wanted).await);
    // What several daemons know is said once, by the one that was asked.
    let mut said = HashSet::new();
    items.retain(|hit| said.insert((hit.kind.clone(), hit.url.clone())));
    items.sort_by_key(|hit| KINDS.iter().position(|kind| *kind == hit.kind));
    Ok(Json(Hits { items }))
}

/// `wanted` is in lower case.
fn has(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

fn registered(state: &State, actor: &Actor, wanted: &str) -> Vec<Hit> {
    let services = state.admin.services().into_iter().filter(|service| actor.reaches(&service.name));
    let (mut found, mut instances) = (Vec::new(), Vec::new());
    for service in services {
        let of = encoded(&service.name);
        for one in &service.instances {
            let fits = [&one.id, &one.host, &one.ip].into_iter().any(|name| has(name, wanted));
            if fits && instances.len() < MOST {
                let text = format!("{} · {} · {}:{}", service.name, one.status, one.host, one.port);
                let url = format!("/#/services/{of}/{}", encoded(&one.id));
                instances.push(hit("instance", &one.id, text, url));
            }
        }
        if has(&service.name, wanted) && found.len() < MOST {
            let text = format!("{} of {} up", service.up, service.total);
            found.push(hit("service", &service.name, text, format!("/#/services/{of}")));
        }
    }
    found.extend(instances);
    found
}

fn routed(state: &State, wanted: &str) -> Vec<Hit> {
    let table = state.admin.gateway().map(|gateway| gateway.routes()).unwrap_or_default();
    let fits = |route: &GatewayRoute| {
        has(&route.id, wanted)
            || has(&route.uri, wanted)
            || route.predicates.iter().any(|condition| has(condition, wanted))
    };
    let fitting = table.items.into_iter().filter(fits).take(MOST);
    let shown = fitting.map(|route| {
        let text = format!("{} · {}", route.predicates.join(" · "), route.uri);
        hit("route", &route.id, text, format!("/#/routes/{}", encoded(&route.id)))
    });
    shown.collect()
}

/// Keys of the applications that are registered, as each gets them with the profile `default`.
async fn configured(state: &State, actor: &Actor, wanted: &str) -> Vec<Hit> {
    let Some(server) = state.admin.config() else { return Vec::new() };
    let mut found = Vec::new();
    let services = state.admin.services().into_iter().filter(|service| actor.reaches(&service.name));
    for service in services.take(APPLICATIONS) {
        let application = service.name.to_lowercase();
        let asked = Wanted { application: application.clone(), ..Wanted::default() };
        // An application without configuration is not what was searched for.
        let Ok(effective) = server.effective(asked).await else { continue };
        for one in effective.items.into_iter().filter(|one| has(&one.key, wanted)) {
            let text = format!("{application} · {} {}", one.source, one.origin.unwrap_or_default());
            let url = format!("/#/config?application={}&key={}", encoded(&application), encoded(&one.key));
            found.push(hit("key", &one.key, text.trim_end().to_owned(), url));
            if found.len() == MOST {
                return found;
            }
        }
    }
    found
}

fn happened(state: &State, actor: &Actor, wanted: &str) -> Vec<Hit> {
    let (text, reach) = (Some(wanted.to_owned()), Some(actor.clone()));
    let (events, _) = state.admin.log().page(&events::Query { text, reach, ..Default::default() }, MOST);
    let shown = events.iter().map(|event| {
        hit("event", &event.subject, event.text.clone(), format!("/#/timeline?event={}", event.id))
    });
    shown.collect()
}

/// What the other daemons find; one that does not answer has found nothing.
async fn elsewhere(state: &State, actor: &Actor, wanted: &str) -> Vec<Hit> {
    if actor.forwarded {
        return Vec::new();
    }
    let federation = state.admin.federation();
    let path = format!("/api/v1/search?q={}", encoded(wanted));
    let others = federation.others(&state.admin).await.there;
    let found = federation.ask_all::<Hits>(&state.admin, &others, actor, &path).await;
    // Events are numbered by each daemon: the link of another's would lead to one of ours.
    found.into_iter().flat_map(|(_, hits)| hits.items).filter(|hit| hit.kind != "event").collect()
}

fn hit(kind: &str, name: &str, text: String, url: String) -> Hit {
    Hit { kind: kind.to_owned(), name: name.to_owned(), text, url }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}
