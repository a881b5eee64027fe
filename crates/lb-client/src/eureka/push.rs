//! The bell of a registry of ours: `GET watch`, server-sent events. Stock servers answer 404 and are polled.
//!
//! `snapshot` carries everything, as `apps` would, `delta` what changed since the event before; any other event means
//! "ask now". A server that is rung by many clients is asked by none of them.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use tracing::debug;
use wellspring_wire::eureka::{Listed, json};

use super::copy::Told;
use super::servers::Server;
use crate::sse::Lines;

/// Longest wait for the head of the answer; the events come when they come.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// What the registry says by itself.
#[derive(Debug)]
pub(crate) enum Ring {
    /// Everything.
    Snapshot(Listed<Told>),
    /// What changed since the event before.
    Delta(Listed<Told>),
    /// Something changed.
    Ask,
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Push {
    response: Response,
    lines: Lines,
}

impl Push {
    /// `Ok(None)`: this server has no bell.
    ///
    /// # Errors
    /// When it did not answer: it may have one.
    pub(crate) async fn open(http: &reqwest::Client, server: &Server) -> Result<Option<Self>, ()> {
        let url = server.base.join("watch").map_err(|_| ())?;
        let mut request = http.get(url).header(ACCEPT, "text/event-stream");
        if let Some(value) = &server.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let answer = tokio::time::timeout(OPEN_TIMEOUT, request.send()).await.map_err(|_| ())?;
        let response = answer.map_err(|_| ())?;
        let kind = response.headers().get(CONTENT_TYPE);
        let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if response.status().is_server_error() || response.status() == StatusCode::FORBIDDEN {
            return Err(());
        }
        if !response.status().is_success() || !is_stream {
            return Ok(None);
        }
        debug!(server = %server.base, "registry pushes changes");
        Ok(Some(Self { response, lines: Lines::default() }))
    }

    /// The next event of the stream; `None` when the stream ended. Without a stream it waits for ever.
    pub(crate) async fn next(stream: &mut Option<Self>) -> Option<Ring> {
        match stream {
            Some(push) => push.event().await,
            None => std::future::pending().await,
        }
    }

    async fn event(&mut self) -> Option<Ring> {
        loop {
            if let Some(event) = self.lines.next_event() {
                return Some(match (&*event.name, json::read_listed(event.data.as_bytes())) {
                    ("snapshot", Ok(all)) => Ring::Snapshot(all),
                    ("delta", Ok(delta)) => Ring::Delta(delta),
                    _ => Ring::Ask,
                });
            }
            let chunk = self.response.chunk().await.ok()??;
            if !self.lines.feed(&chunk) {
                return None;
            }
        }
    }
}
