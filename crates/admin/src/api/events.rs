//! `/events`, `/events/{id}`: what happened.

use axum::Json;
use axum::extract::{self, Path};

use super::State;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::Routes;
use crate::events::{self, Event, Topic};
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
    routes.get::<EventPage, _, _>(
        "/events",
        "What happened, newest first",
        &[
            (
                "topics",
                "string",
                "comma-separated: registry, config, routes, bus, breakers, health, daemon, admin",
            ),
            ("q", "string", "part of a subject, a text, a kind, a daemon or an actor"),
            ("cursor", "string", "from the page before"),
            ("limit", "integer", "1 to 1000, 100 without"),
        ],
        list,
    );
    routes.get::<Event, _, _>("/events/{id}", "One event", &[], one);
}

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

async fn list(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<EventPage>, Refusal> {
    let before = paging::text(&query, "cursor").map(str::parse).transpose();
    let wanted = events::Query {
        before: before.map_err(|_| Refusal::parameter("cursor", "the `next` of the page before"))?,
        topics: topics(&query)?,
        text: paging::text(&query, "q").map(str::to_owned),
    };
    let (page, next) = state.admin.log().page(&wanted, paging::limit(&query)?);
    Ok(Json(EventPage {
        items: page.iter().map(|event| Event::clone(event)).collect(),
        next: next.map(|id| id.to_string()),
    }))
}

async fn one(
    extract::State(state): extract::State<State>,
    Path(id): Path<String>,
) -> Result<Json<Event>, Refusal> {
    let found = id.parse().ok().and_then(|id| state.admin.log().find(id));
    found.map(|event| Json(Event::clone(&event))).ok_or_else(|| Refusal::unknown("event", &id))
}
