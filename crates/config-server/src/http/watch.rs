//! An environment path with `Accept: text/event-stream`: the version now, and each time it changes.
//!
//! A push for clients without a message bus. The event says only that something is new; the client asks for it as ever.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use wellspring_daemon::Response;

use super::reply::{self, Failure};
use crate::repository::{Found, Query};
use crate::server::Server;

pub(super) const KIND: &str = "text/event-stream";
/// Between two looks at what nobody announces: work trees, directories, remotes without a webhook.
const TICK: Duration = Duration::from_secs(5);
/// Looks without news until a comment keeps the connection alive.
const QUIET: u32 = 3;

pub(super) async fn answer(server: &Arc<Server>, query: Query) -> Result<Response, Failure> {
    // What cannot be served is an error at once, not an open stream.
    let found = server.find(&query).await?;
    let watch = Watch { server: Arc::clone(server), query, last: fingerprint(&found), quiet: 0 };
    let first = futures_util::stream::iter([Ok::<_, Infallible>(event(&found))]);
    let later = futures_util::stream::unfold(watch, |mut watch| async move {
        let bytes = watch.next().await?;
        Some((Ok(bytes), watch))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(first, later));
    let mut response = reply::with_type(KIND, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Watch {
    server: Arc<Server>,
    query: Query,
    last: u64,
    quiet: u32,
}

impl Watch {
    /// `None`: the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        let mut bell = self.server.bell.subscribe();
        loop {
            tokio::select! {
                () = self.server.draining.cancelled() => return None,
                // The bell lives as long as the server; when it does not ring the tick comes.
                _ = bell.changed() => {}
                () = tokio::time::sleep(TICK) => self.quiet += 1,
            }
            // A repository that cannot answer now has no news.
            if let Ok(found) = self.server.find(&self.query).await {
                let now = fingerprint(&found);
                if now != self.last {
                    self.last = now;
                    self.quiet = 0;
                    return Some(event(&found));
                }
            }
            if self.quiet >= QUIET {
                self.quiet = 0;
                return Some(Bytes::from_static(b":\n\n"));
            }
        }
    }
}

fn event(found: &Found) -> Bytes {
    Bytes::from(format!("event: version\ndata: {}\n\n", found.version.as_deref().unwrap_or_default()))
}

fn fingerprint(found: &Found) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in &found.sources {
        source.name.hash(&mut hasher);
        source.document.json().hash(&mut hasher);
    }
    hasher.finish()
}
