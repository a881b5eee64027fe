//! The built-in transport between processes: a bus daemon's `/bus/events`, server-sent events one way, POST the other.
//!
//! One long request brings the messages; dropped, it resumes after the last one seen (`Last-Event-ID`), and the daemon says
//! when something is missing. Messages go out one by one, in order, again and again until the daemon has them or their time
//! is over; receivers know an event that comes twice by its id.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use wellspring_lb_client::Client;

use super::outbox::Outbox;
use super::pause::Pause;
use super::subscribers::Subscribers;
use super::{Delivery, Incoming, Outgoing, Receipt, Settle, State, Transport};
use crate::PublishError;

/// Where a bus daemon exchanges messages.
pub const PATH: &str = "/bus/events";
/// The daemon sends at least a sign of life within this time.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
const SILENCE: Duration = Duration::from_secs(40);
const CLOSING: Duration = Duration::from_secs(2);
/// A line or event beyond this is no message of a bus daemon.
const LIMIT: usize = 16 << 20;

/// A connection to a bus daemon.
#[derive(Debug)]
pub struct Sse {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    url: String,
    /// Whether acks of others are wanted as well.
    acks: bool,
    outbox: Outbox,
    subscribers: Subscribers,
    state: watch::Sender<State>,
    shutdown: CancellationToken,
}

impl Sse {
    /// Connects to the daemon at `url` (`http://host:8889`, `lb://wellspring-bus`), now and whenever it is back. With `acks`,
    /// everyone's acks are delivered, else none.
    pub fn connect(client: Client, url: &str, acks: bool) -> Self {
        let state = watch::Sender::new(State::Down("not connected yet".to_owned()));
        let shared = Arc::new(Shared {
            client,
            url: format!("{}{PATH}", url.trim_end_matches('/')),
            acks,
            outbox: Outbox::new("sse", state.subscribe()),
            subscribers: Subscribers::default(),
            state,
            shutdown: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        for task in [
            Box::pin(Arc::clone(&shared).receive()) as BoxFuture<'static, ()>,
            Box::pin(Arc::clone(&shared).send()),
        ] {
            let shutdown = shared.shutdown.clone();
            tasks.spawn(async move { shutdown.run_until_cancelled(task).await });
        }
        Self { shared, tasks }
    }
}

impl Transport for Sse {
    fn name(&self) -> &'static str {
        "sse"
    }

    fn publish(&self, message: Outgoing) -> Receipt {
        self.shared.outbox.push(message)
    }

    fn subscribe(&self) -> mpsc::Receiver<Delivery> {
        self.shared.subscribers.add()
    }

    fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    fn waiting(&self) -> usize {
        self.shared.outbox.len()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.shared.outbox.close(CLOSING).await;
            self.shared.shutdown.cancel();
            self.tasks.close();
            self.tasks.wait().await;
        })
    }
}

// === impl Shared ===

impl Shared {
    async fn receive(self: Arc<Self>) {
        let mut last = None;
        let mut pause = Pause::default();
        loop {
            let reason = self.follow(&mut last, &mut pause).await;
            if self.state.send_replace(State::Down(reason.clone())) == State::Up || pause.is_first() {
                warn!(url = self.url, reason, "bus daemon away");
            }
            pause.wait().await;
        }
    }

    /// Reads events until the connection ends; why it did.
    async fn follow(&self, last: &mut Option<String>, pause: &mut Pause) -> String {
        let mut request = self.client.get(format!("{}?acks={}", self.url, self.acks));
        request = request.header("accept", "text/event-stream");
        if let Some(last) = last.as_deref() {
            request = request.header("last-event-id", last);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return error.to_string(),
        };
        if response.status() != StatusCode::OK {
            return format!("{} answered {}", self.url, response.status());
        }
        info!(url = self.url, "joined the bus daemon");
        self.state.send_replace(State::Up);
        pause.reset();
        let mut chunks = response.bytes_stream();
        let mut lines = Lines::default();
        loop {
            let chunk = match tokio::time::timeout(SILENCE, chunks.next()).await {
                Err(_) => return format!("no sign of life for {SILENCE:?}"),
                Ok(None) => return "the daemon ended the stream".to_owned(),
                Ok(Some(Err(error))) => return error.without_url().to_string(),
                Ok(Some(Ok(chunk))) => chunk,
            };
            let Some(events) = lines.feed(&chunk) else { return "an event is too long".to_owned() };
            for event in events {
                if event.id.is_some() {
                    *last = event.id;
                }
                let delivery = match event.name.as_str() {
                    "gap" => Delivery::Gap,
                    "" | "message" if !event.data.is_empty() => Delivery::Message(Incoming {
                        body: event.data.into(),
                        content_type: None,
                        source: None,
                        settle: Settle::default(),
                    }),
                    _ => continue,
                };
                self.subscribers.deliver(delivery).await;
            }
        }
    }

    async fn send(self: Arc<Self>) {
        let mut pause = Pause::default();
        while let Some(letter) = self.outbox.take().await {
            match self.post(letter.body.clone()).await {
                Ok(()) => {
                    pause.reset();
                    self.outbox.answer(letter, Ok(()));
                }
                Err(Some(refused)) => self.outbox.answer(letter, Err(refused)),
                Err(None) => {
                    self.outbox.put_back(std::iter::once(letter));
                    pause.wait().await;
                }
            }
        }
    }

    /// Hands one message to the daemon; `Err(None)`: try again.
    async fn post(&self, body: Bytes) -> Result<(), Option<PublishError>> {
        let request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        let Ok(response) = request.send().await else { return Err(None) };
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        if status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT
        {
            return Err(None);
        }
        Err(Some(PublishError::Refused {
            transport: "sse",
            reason: format!("{} answered {status}", self.url),
        }))
    }
}

/// One event of the stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct SentEvent {
    id: Option<String>,
    name: String,
    data: Vec<u8>,
}

/// Puts events together from the bytes of the stream.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    event: SentEvent,
    /// Bytes of `buffer` that hold no line end.
    searched: usize,
}

impl Lines {
    /// The events that are complete now; `None` when one grows without bound.
    fn feed(&mut self, chunk: &[u8]) -> Option<Vec<SentEvent>> {
        self.buffer.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.buffer.iter().skip(self.searched).position(|&byte| byte == b'\n') {
            let line = self.buffer.split_to(self.searched + end + 1);
            self.searched = 0;
            let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(&line);
            if line.is_empty() {
                events.push(std::mem::take(&mut self.event));
            } else {
                self.event.field(line);
            }
        }
        self.searched = self.buffer.len();
        (self.searched + self.event.data.len() < LIMIT).then_some(events)
    }
}

impl SentEvent {
    fn field(&mut self, line: &[u8]) {
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                let value = value.strip_prefix(b":").unwrap_or(value);
                (name, value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match name {
            b"id" => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                if !self.data.is_empty() {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            // Comments, which keep the connection alive, and fields of later versions.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, name: &str, data: &str) -> SentEvent {
        SentEvent { id: Some(id.to_owned()), name: name.to_owned(), data: data.as_bytes().to_vec() }
    }

    #[test]
    fn events_are_put_together_however_the_bytes_come() {
        let stream =
            b": hello\nid: e-1\ndata: {\"a\":\ndata: 1}\n\nid:e-2\r\nevent: gap\r\n\r\nid: e-3\ndata: x\n\n";
        let expected = [event("e-1", "", "{\"a\":\n1}"), event("e-2", "gap", ""), event("e-3", "", "x")];
        for size in [1, 3, stream.len()] {
            let mut lines = Lines::default();
            let events: Vec<_> = stream.chunks(size).flat_map(|chunk| lines.feed(chunk).unwrap()).collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; LIMIT / 4];
        assert!((0..5).any(|_| lines.feed(&chunk).is_none()));
    }

    #[test]
    fn long_streams() {
        let example = ": hello\nid: e-1\ndata: {\"a\":\ndata: 1}\n\nid:e-2\r\nevent: gap\r\n\r\n";
        let words = ["\n", "\r\n", "\r", "\n\n", "data", "data:", "event: gap", ":", "id: 1", " ", "\u{0}"];
        wellspring_test_support::fuzz::run(
            "server-sent events (bus)",
            &[example.as_bytes()],
            &words,
            |bytes, rng| {
                let all = |size: usize| -> Vec<SentEvent> {
                    let mut lines = Lines::default();
                    bytes.chunks(size).flat_map(|chunk| lines.feed(chunk).unwrap()).collect()
                };
                assert_eq!(all(bytes.len().max(1)), all(rng.usize(1..20)), "however the bytes come");
            },
        );
    }
}
