//! `/stream`: events as they happen. `Last-Event-ID` resumes; `event: reset` says that something was missed for good, and
//! the reader loads its pages anew.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract;
use axum::response::Response;
use futures_util::stream::{self, Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Duration, timeout};

use super::State;
use super::events::topics;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::events::{self, Event};

/// A comment this often tells both sides that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn mount(routes: &mut Routes) {
    let stream =
        at("/stream", "Events as they happen; Last-Event-ID resumes, an event named reset means: load anew");
    let stream = stream.scope(Scope::Listed).query(&[
        ("topics", "string", "comma-separated, all without"),
        ("last", "integer", "as Last-Event-ID, for clients that cannot send it"),
    ]);
    routes.stream::<Event, _, _>(stream, follow);
}

async fn follow(
    extract::State(state): extract::State<State>,
    actor: Actor,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    let wanted = events::Query { topics: topics(&query)?, reach: Some(actor), ..events::Query::default() };
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let last = header.or_else(|| paging::text(&query, "last")).map(str::parse::<u64>).transpose();
    let last = last.map_err(|_| Refusal::parameter("last", "the id of the last event seen"))?;
    let resumed = state.admin.log().resume(last);
    let mut first = vec![Bytes::from_static(b": open\n\n")];
    if resumed.gap {
        first.push(Bytes::from_static(RESET));
    }
    first.extend(resumed.missed.iter().filter(|event| wanted.admits(event)).map(|event| frame(event)));
    let live = live(resumed.live, wanted).take_until(state.stopping.cancelled_owned());
    let body = stream::iter(first).chain(live).map(Ok::<_, std::convert::Infallible>);
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

const RESET: &[u8] = b"event: reset\ndata: {}\n\n";

fn live(events: Receiver<Arc<Event>>, wanted: events::Query) -> impl Stream<Item = Bytes> {
    stream::unfold((events, wanted), |(mut events, wanted)| async move {
        loop {
            let bytes = match timeout(ALIVE, events.recv()).await {
                Err(_) => Bytes::from_static(b": alive\n\n"),
                Ok(Ok(event)) if wanted.admits(&event) => frame(&event),
                Ok(Ok(_)) => continue,
                // The reader was too slow: what it missed is in the log.
                Ok(Err(RecvError::Lagged(_))) => Bytes::from_static(RESET),
                Ok(Err(RecvError::Closed)) => return None,
            };
            return Some((bytes, (events, wanted)));
        }
    })
}

fn frame(event: &Event) -> Bytes {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.topic.as_str()).into()
}
