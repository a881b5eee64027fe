//! `/search`: services, instances and events by a part of their name.

use axum::Json;
use axum::extract;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::State;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::domain::Domain;
use crate::events;
use crate::schema::view;

/// Of each kind.
const MOST: usize = 10;
/// What `encodeURIComponent` leaves alone.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

view! {
    /// What was found.
    pub(super) struct Hits {
        /// Best first: services, instances, then events.
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
    let search = at("/search", "Services, instances and events by a part of their name").scope(Scope::Listed);
    let search = search.query(&[("q", "string", "the part, in any case")]).prefers(Domain::Registry);
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
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let services = state.admin.services().into_iter().filter(|service| actor.reaches(&service.name));
    let (mut found, mut instances) = (Vec::new(), Vec::new());
    for service in services {
        let of = encoded(&service.name);
        for one in &service.instances {
            let fits = has(&one.id) || has(&one.host) || has(&one.ip);
            if fits && instances.len() < MOST {
                let text = format!("{} · {} · {}:{}", service.name, one.status, one.host, one.port);
                instances.push(hit(
                    "instance",
                    &one.id,
                    text,
                    format!("/#/services/{of}/{}", encoded(&one.id)),
                ));
            }
        }
        if has(&service.name) && found.len() < MOST {
            let text = format!("{} of {} up", service.up, service.total);
            found.push(hit("service", &service.name, text, format!("/#/services/{of}")));
        }
    }
    found.extend(instances);
    let wanted = events::Query { text: Some(wanted), reach: Some(actor), ..events::Query::default() };
    let (events, _) = state.admin.log().page(&wanted, MOST);
    let events = events.iter().map(|event| {
        hit("event", &event.subject, event.text.clone(), format!("/#/timeline?event={}", event.id))
    });
    found.extend(events);
    Ok(Json(Hits { items: found }))
}

fn hit(kind: &str, name: &str, text: String, url: String) -> Hit {
    Hit { kind: kind.to_owned(), name: name.to_owned(), text, url }
}

fn encoded(name: &str) -> String {
    utf8_percent_encode(name, PLAIN).to_string()
}
