//! `GET watch`: changes pushed as they happen, as server-sent events. Stock clients never ask for it.
//!
//! First everything (`snapshot`), or with `Last-Event-ID` what was missed; then `delta` after each change. Both carry the JSON of the
//! path of that kind. Changes that come close together share an event.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use wellspring_daemon::Response;
use wellspring_wire::eureka::Form;

use super::Api;
use crate::Node;
use crate::view::{Format, Whole};

/// A comment goes out when nothing else did for this long, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Least time between two events of a stream.
const GAP: Duration = Duration::from_millis(10);

struct Watcher {
    node: Arc<Node>,
    changes: watch::Receiver<u64>,
    draining: CancellationToken,
    /// The version that the watcher knows.
    known: Option<u64>,
    next: Instant,
}

impl Api {
    pub(super) fn watch(&self, parts: &Parts) -> Response {
        if !self.node.answers_lists() {
            return self.error(StatusCode::FORBIDDEN, parts);
        }
        let known = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let watcher = Watcher {
            node: Arc::clone(&self.node),
            changes: self.node.feed().subscribe(),
            draining: self.draining.clone(),
            known,
            next: Instant::now(),
        };
        let events = stream::unfold(watcher, |mut watcher| async move {
            let event = watcher.event().await?;
            Some((Ok::<_, Infallible>(event), watcher))
        });
        let mut response = Response::new(Body::from_stream(events));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

impl Watcher {
    /// The next event or comment; `None` when the server stops.
    async fn event(&mut self) -> Option<Bytes> {
        let draining = self.draining.clone();
        draining.run_until_cancelled(self.wait()).await?
    }

    async fn wait(&mut self) -> Option<Bytes> {
        loop {
            sleep_until(self.next).await;
            self.changes.mark_unchanged();
            if let Some(event) = self.due() {
                self.next = Instant::now() + GAP;
                return Some(event);
            }
            match timeout(KEEP_ALIVE, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }

    fn due(&mut self) -> Option<Bytes> {
        if let Some(known) = self.known
            && let Some((version, delta)) = self.node.changes_since(known)
        {
            if delta.is_empty() {
                // Even the first answer to one who missed nothing says so, or he could not tell it from silence.
                return None;
            }
            self.known = Some(version);
            return Some(event("delta", version, &delta));
        }
        let payload = self.node.whole(Whole::Apps, Format::Json, Form::Full);
        self.known = Some(payload.version());
        Some(event("snapshot", payload.version(), &payload.plain()))
    }
}

fn event(name: &str, id: u64, data: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(data.len() + 64);
    event.put_slice(format!("id: {id}\nevent: {name}\ndata: ").as_bytes());
    event.put_slice(data);
    event.put_slice(b"\n\n");
    event.freeze()
}
