//! The bell of a registry of ours: `GET watch`, server-sent events. Stock servers answer 404 and are polled.
//!
//! `snapshot` carries everything, as `apps` would, `delta` what changed since the event before; any other event means
//! "ask now". A server that is rung by many clients is asked by none of them.

use std::time::Duration;

use bytes::BytesMut;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use tracing::debug;
use wellspring_wire::eureka::{Applications, json};

use super::servers::Server;

/// Longest wait for the head of the answer; the events come when they come.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// A line longer than this is no registry's.
const LONGEST_EVENT: usize = 64 << 20;

/// What the registry says by itself.
#[derive(Debug)]
pub(crate) enum Ring {
    /// Everything.
    Snapshot(Applications),
    /// What changed since the event before.
    Delta(Applications),
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
                return Some(match (&*event.name, json::read_applications(event.data.as_bytes())) {
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

/// Server-sent events out of bytes.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    event: Event,
    told: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
}

impl Lines {
    /// False: too much without an end.
    fn feed(&mut self, chunk: &[u8]) -> bool {
        self.buffer.extend_from_slice(chunk);
        self.buffer.len() <= LONGEST_EVENT && self.event.data.len() <= LONGEST_EVENT
    }

    fn next_event(&mut self) -> Option<Event> {
        loop {
            let end = self.buffer.iter().position(|byte| *byte == b'\n')?;
            let line = self.buffer.split_to(end + 1);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                // A block of comments alone is no event.
                if std::mem::take(&mut self.told) {
                    return Some(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.event.name),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                _ => continue,
            }
            self.told = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_of_any_split_and_comments_do_not() {
        let text = ": hello\n\nevent: delta\r\ndata: {\"a\":1}\r\n\r\n:\n\ndata: x\ndata: y\n\n";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut events = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                assert!(lines.feed(chunk));
                events.extend(std::iter::from_fn(|| lines.next_event()));
            }
            assert_eq!(events.len(), 2, "{size}");
            assert_eq!(events[0], Event { name: "delta".to_owned(), data: "{\"a\":1}".to_owned() });
            assert_eq!(events[1].data, "x\ny");
        }
    }
}
