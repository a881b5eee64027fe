//! `/events`, `/events/{id}`: what happened.

use axum::Json;
use axum::extract::{self, Path};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use wellspring_wire::Millis;

use super::State;
use super::gathered;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Parameter, Routes, Scope, at};
use crate::access::Actor;
use crate::events::{self, Event, Topic};
use crate::federation::Others;
use crate::schema::view;

view! {
    /// A page of events, newest first.
    pub(super) struct EventPage {
        /// The events.
        items: Vec<Event>,
        /// The `cursor` of the next, older page, if there is one.
        next: Option<String>,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let list = at("/events", "What happened, newest first").scope(Scope::Listed).query(QUERY);
    routes.get::<EventPage, _, _>(list, listed);
    routes.get::<Event, _, _>(at("/events/{id}", "One event").scope(Scope::Listed), one);
}

const QUERY: &[Parameter] = &[
    ("topics", "string", "comma-separated: registry, config, routes, bus, breakers, health, daemon, admin"),
    ("q", "string", "part of a subject, a text, a kind, a daemon or an actor"),
    ("actor", "string", "who did it"),
    ("application", "string", "what it is about"),
    ("from", "integer", "not before: milliseconds since 1970"),
    ("to", "integer", "not after: milliseconds since 1970"),
    ("format", "string", "ndjson: one event per line, for keeping; limit 1 to 1000 as well"),
    ("cursor", "string", "from the page before"),
    ("limit", "integer", "1 to 1000, 100 without"),
];

/// The topics of `?topics=a,b`; empty means all.
pub(super) fn topics(query: &Query) -> Result<Vec<Topic>, Refusal> {
    let names = paging::text(query, "topics").unwrap_or_default();
    let parse = |name: &str| {
        Topic::parse(name.trim()).ok_or_else(|| {
            Refusal::parameter("topics", &format!("some of {}", Topic::ALL.map(Topic::as_str).join(",")))
        })
    };
    names.split(',').filter(|name| !name.is_empty()).map(parse).collect()
}

async fn listed(
    extract::State(state): extract::State<State>,
    actor: Actor,
    query: Query,
) -> Result<Response, Refusal> {
    let wanted = wanted(&query, &actor)?;
    let (limit, cursor) = (paging::limit(&query)?, gathered::parse(paging::text(&query, "cursor"))?);
    let others =
        if actor.forwarded { Others::default() } else { state.admin.federation().others(&state.admin).await };
    let page = gathered::page(&state, &actor, &wanted, &query.0, &cursor, limit, &others.there).await;
    match paging::text(&query, "format") {
        None | Some("json") => Ok(Json(page).into_response()),
        Some("ndjson") => Ok(lines(&page)),
        Some(_) => Err(Refusal::parameter("format", "json or ndjson")),
    }
}

fn wanted(query: &Query, actor: &Actor) -> Result<events::Query, Refusal> {
    let text = |name| paging::text(query, name).map(str::to_owned);
    let millis = |name: &'static str| {
        let given = paging::text(query, name).map(|text| text.parse().map(Millis)).transpose();
        given.map_err(|_| Refusal::parameter(name, "milliseconds since 1970"))
    };
    Ok(events::Query {
        before: None,
        topics: topics(query)?,
        text: text("q"),
        subject: None,
        actor: text("actor"),
        application: text("application"),
        from: millis("from")?,
        to: millis("to")?,
        reach: Some(actor.clone()),
    })
}

/// One event per line; where the rest begins is said in a header.
fn lines(page: &EventPage) -> Response {
    let mut text = String::new();
    for event in &page.items {
        text.push_str(&serde_json::to_string(event).unwrap_or_default());
        text.push('\n');
    }
    let mut response = ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response();
    if let Some(next) = page.next.as_ref().and_then(|next| HeaderValue::try_from(next).ok()) {
        response.headers_mut().insert("x-next-cursor", next);
    }
    response
}

async fn one(
    extract::State(state): extract::State<State>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<Event>, Refusal> {
    let found = id.parse().ok().and_then(|id| state.admin.log().find(id));
    let found = found.filter(|event| event.application.as_deref().is_none_or(|name| actor.reaches(name)));
    found.map(|event| Json(Event::clone(&event))).ok_or_else(|| Refusal::unknown("event", &id))
}
