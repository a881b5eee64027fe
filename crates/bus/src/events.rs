//! `/bus/events` of the daemon: the other end of `transport::sse`.
//!
//! `GET` is the stream of messages, from now on or after `Last-Event-ID`; acks only with `?acks=true`. `POST` takes one
//! message and answers 204 when the transport behind has it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use wellspring_daemon::{body, error_page};
use wellspring_wire::bus::{self, Event};

use crate::PublishError;
use crate::transport::memory::{Cursor, Exchange, Next};
use crate::transport::sse::{KEEP_ALIVE, PATH};
use crate::transport::{Outgoing, Transport};

/// What the daemon gives its subscribers, and where it takes their messages.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    /// Read by subscribers.
    pub(crate) exchange: Exchange,
    /// Written by subscribers; everything that it delivers is in `exchange` as well.
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) confirm_timeout: Duration,
    pub(crate) max_message_size: usize,
    /// Ends the streams.
    pub(crate) draining: CancellationToken,
}

impl Hub {
    pub(crate) fn router(self) -> Router {
        Router::new().route(PATH, get(follow).post(publish)).with_state(self)
    }
}

#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    acks: bool,
}

async fn follow(State(hub): State<Hub>, Query(wanted): Query<Wanted>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    let (cursor, gap) = match last {
        Some(last) => hub.exchange.resume(last),
        None => (hub.exchange.read(), false),
    };
    // The first block tells the place, so that a connection that drops before any message resumes as well.
    let mut first = format!("retry: 1000\nid: {}\n", cursor.position().as_str());
    first.push_str(if gap { "event: gap\ndata:\n\n" } else { "event: open\ndata:\n\n" });
    let reader = Reader { cursor, acks: wanted.acks, draining: hub.draining, first: Some(first.into()) };
    let blocks = stream::unfold(reader, |mut reader| async {
        reader.next().await.map(|block| (Ok::<_, std::convert::Infallible>(block), reader))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(blocks)).into_response()
}

struct Reader {
    cursor: Cursor,
    acks: bool,
    draining: CancellationToken,
    first: Option<Bytes>,
}

impl Reader {
    /// The next block of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let keep_alive = tokio::time::sleep(KEEP_ALIVE);
        tokio::pin!(keep_alive);
        loop {
            let next = tokio::select! {
                next = self.cursor.next() => next,
                () = &mut keep_alive => {
                    // Moves the place on when nothing but acks has passed.
                    return Some(format!("id: {}\n\n", self.cursor.position().as_str()).into());
                }
                () = self.draining.cancelled() => return None,
            };
            match next {
                Next::Message(body, _) if !self.acks && bus::is_ack(&body) => {}
                Next::Message(body, position) => return Some(block(position.as_str(), &body)),
                Next::Gap => {
                    let position = self.cursor.position();
                    return Some(format!("id: {}\nevent: gap\ndata:\n\n", position.as_str()).into());
                }
                Next::Closed => return None,
            }
        }
    }
}

fn block(position: &str, body: &[u8]) -> Bytes {
    let mut block = Vec::with_capacity(body.len() + 64);
    block.extend_from_slice(b"id: ");
    block.extend_from_slice(position.as_bytes());
    block.extend_from_slice(b"\ndata: ");
    // Line ends in JSON are white space between tokens: a blank says the same, and events have one line.
    block.extend(body.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    block.extend_from_slice(b"\n\n");
    block.into()
}

async fn publish(State(hub): State<Hub>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let page = |status, message: String| {
        let detail = error_page::Detail { message: Some(message), ..error_page::Detail::default() };
        error_page::detailed(status, parts.uri.path(), &parts.headers, &detail)
    };
    let raw = match body::limited(body, hub.max_message_size).await {
        Ok(raw) => raw,
        Err(refused) => return page(refused.status(), refused.to_string()),
    };
    match Event::read(&raw) {
        Ok(event) if event.origin.is_some() => {
            debug!(event = %event.id, kind = event.type_name(), origin = event.origin, "bus message from a client");
        }
        Ok(_) => return page(StatusCode::BAD_REQUEST, "originService is missing".to_owned()),
        Err(error) => return page(StatusCode::BAD_REQUEST, error.to_string()),
    }
    match hub.transport.publish(Outgoing { body: raw, patience: hub.confirm_timeout }).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(
            error @ (PublishError::Unconfirmed { .. } | PublishError::Full { .. } | PublishError::Closed),
        ) => {
            warn!(%error, "bus message of a client not passed on");
            page(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        }
        Err(error) => page(StatusCode::BAD_REQUEST, error.to_string()),
    }
}
