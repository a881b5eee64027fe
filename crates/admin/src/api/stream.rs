//! `/stream`: events of all daemons as they happen. `Last-Event-ID` resumes; `event: reset` says that something was missed for
//! good, and the reader loads its pages anew.
//!
//! An id says how far each daemon has been read, as a cursor of `/events` does. A frame without data only moves it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract;
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Duration, sleep};

use super::State;
use super::events::topics;
use super::gathered;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use super::streams::{Others, Said};
use crate::access::Actor;
use crate::events::{self, Event};

/// A comment this often tells both sides that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn mount(routes: &mut Routes) {
    let stream = at(
        "/stream",
        "Events of all daemons as they happen; Last-Event-ID resumes, an event named reset means: load anew",
    );
    let stream = stream.scope(Scope::Listed).query(&[
        ("topics", "string", "comma-separated, all without"),
        ("last", "string", "as Last-Event-ID, for clients that cannot send it"),
        ("daemon", "string", "only the process of this one"),
    ]);
    routes.stream::<Event, _, _>(stream, follow);
}

async fn follow(
    extract::State(state): extract::State<State>,
    actor: Actor,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    let topics = topics(&query)?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let last = header.or_else(|| paging::text(&query, "last")).filter(|last| !last.is_empty());
    let places = gathered::parse(last)
        .map_err(|_| Refusal::parameter("last", "the id of the last event seen"))?
        .map(|mut places| (places.remove(""), places));
    let (own, elsewhere) = match places {
        None => (None, None),
        Some((own, elsewhere)) => (own, Some(elsewhere)),
    };
    let resumed = state.admin.log().resume(own);
    let alone = actor.forwarded || paging::text(&query, "daemon").is_some();
    let others = (!alone).then(|| Others::new(&state, &actor, &topics, elsewhere));
    let mut merged = Merged {
        events: resumed.live,
        wanted: events::Query { topics, reach: Some(actor), ..events::Query::default() },
        own: resumed.last,
        others,
    };
    let mut first = vec![Bytes::from_static(b": open\n\n")];
    if resumed.gap {
        first.push(Bytes::from_static(RESET));
    }
    for event in resumed.missed {
        if merged.wanted.admits(&event) {
            merged.own = event.id;
            first.push(merged.own_frame(&event));
        }
    }
    merged.own = resumed.last;
    first.push(merged.place());
    let live = live(merged).take_until(state.stopping.cancelled_owned());
    let body = stream::iter(first).chain(live).map(Ok::<_, std::convert::Infallible>);
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

const RESET: &[u8] = b"event: reset\ndata: {}\n\n";

/// What one reader follows.
struct Merged {
    events: Receiver<Arc<Event>>,
    wanted: events::Query,
    /// How far this process has been read.
    own: u64,
    /// `None`: nobody else is asked.
    others: Option<Others>,
}

fn live(merged: Merged) -> impl Stream<Item = Bytes> {
    stream::unfold(merged, |mut merged| async move {
        loop {
            let bytes = tokio::select! {
                event = merged.events.recv() => match event {
                    Ok(event) => {
                        merged.own = event.id;
                        if !merged.wanted.admits(&event) {
                            continue;
                        }
                        merged.own_frame(&event)
                    }
                    // The reader was too slow: what it missed is in the log.
                    Err(RecvError::Lagged(_)) => Bytes::from_static(RESET),
                    Err(RecvError::Closed) => return None,
                },
                said = said(&mut merged.others) => match said {
                    Said::Event { name, data } => merged.frame(&name, &data),
                    Said::Place => merged.place(),
                    Said::Reset => Bytes::from_static(RESET),
                },
                () = sleep(ALIVE) => Bytes::from_static(b": alive\n\n"),
            };
            return Some((bytes, merged));
        }
    })
}

async fn said(others: &mut Option<Others>) -> Said {
    match others {
        Some(others) => others.next().await,
        None => std::future::pending().await,
    }
}

impl Merged {
    fn id(&self) -> String {
        let none = BTreeMap::new();
        let elsewhere = self.others.as_ref().map_or(&none, Others::places);
        if elsewhere.is_empty() {
            return self.own.to_string();
        }
        let mut id = format!(":{}", self.own);
        for (process, place) in elsewhere {
            id.push_str(&format!("~{process}:{place}"));
        }
        id
    }

    fn place(&self) -> Bytes {
        format!("id: {}\n\n", self.id()).into()
    }

    fn own_frame(&self, event: &Event) -> Bytes {
        self.frame(event.topic.as_str(), &serde_json::to_string(event).unwrap_or_default())
    }

    fn frame(&self, name: &str, data: &str) -> Bytes {
        format!("id: {}\nevent: {name}\ndata: {data}\n\n", self.id()).into()
    }
}
