//! Messages within one process, and the daemon's memory of recent ones, from which dropped connections resume.
//!
//! One ring for all readers: a reader is a cursor, so a slow one costs nothing and blocks no one. What it missed when it
//! comes too late is a gap, not an error.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use super::{Delivery, Incoming, Outgoing, Receipt, Settle, State, Transport};

/// Messages kept for readers that come back.
const MESSAGES: usize = 4096;
/// Bytes kept for readers that come back.
const BYTES: usize = 16 << 20;
const SUBSCRIBER_QUEUE: usize = 64;

/// A place where messages are exchanged. Clones are the same place.
#[derive(Debug, Clone)]
pub struct Exchange {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Tells this exchange from an earlier one with the same numbers.
    epoch: String,
    ring: Mutex<Ring>,
    /// Number of the next message; readers wait on it.
    next: watch::Sender<u64>,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<Bytes>,
    /// Number of the first message kept.
    first: u64,
    bytes: usize,
}

/// A reader's place in the exchange.
#[derive(Debug)]
pub struct Cursor {
    exchange: Exchange,
    next: u64,
    changed: watch::Receiver<u64>,
}

/// What a reader finds next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A message, and where to resume after it.
    Message(Bytes, Position),
    /// Messages were dropped before they could be read.
    Gap,
    /// The exchange was closed.
    Closed,
}

/// A place in an exchange, as text `epoch-number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position(String);

// === impl Exchange ===

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

impl Exchange {
    /// An empty exchange.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                epoch: format!("{:08x}", fastrand::u32(..)),
                ring: Mutex::default(),
                next: watch::Sender::new(0),
                state: watch::Sender::new(State::Up),
            }),
        }
    }

    /// Hands the message to every reader.
    pub fn send(&self, body: Bytes) {
        let mut ring = self.inner.ring.lock();
        ring.bytes += body.len();
        ring.messages.push_back(body);
        while ring.messages.len() > MESSAGES || (ring.bytes > BYTES && ring.messages.len() > 1) {
            let Some(oldest) = ring.messages.pop_front() else { break };
            ring.bytes -= oldest.len();
            ring.first += 1;
        }
        let next = ring.end();
        // Under the lock, so that the number never goes backwards.
        self.inner.next.send_replace(next);
    }

    /// A reader of what comes from now on.
    pub fn read(&self) -> Cursor {
        let next = self.inner.ring.lock().end();
        self.cursor(next)
    }

    /// A reader that goes on after `last`, and whether messages are missing in between.
    pub fn resume(&self, last: &str) -> (Cursor, bool) {
        let ring = self.inner.ring.lock();
        let number = last
            .rsplit_once('-')
            .filter(|(epoch, _)| *epoch == self.inner.epoch)
            .and_then(|(_, number)| number.parse::<u64>().ok())
            .filter(|&number| number <= ring.end());
        match number {
            Some(number) if number >= ring.first => (self.cursor(number), false),
            Some(_) | None => (self.cursor(ring.end()), true),
        }
    }

    fn cursor(&self, next: u64) -> Cursor {
        Cursor { exchange: self.clone(), next, changed: self.inner.next.subscribe() }
    }

    /// Tells every reader that messages are missing here.
    pub fn gap(&self) {
        let mut ring = self.inner.ring.lock();
        // A number that no message has: all readers stand before it.
        ring.first = ring.end() + 1;
        ring.messages.clear();
        ring.bytes = 0;
        let next = ring.end();
        self.inner.next.send_replace(next);
    }

    /// Ends every reader, after it has read what is there.
    pub fn end(&self) {
        self.inner.state.send_replace(State::Down("closed".to_owned()));
        self.inner.next.send_modify(|_| ());
    }
}

// === impl Ring ===

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    fn get(&self, number: u64) -> Option<&Bytes> {
        self.messages.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

// === impl Cursor ===

impl Cursor {
    /// Waits for the next message.
    pub async fn next(&mut self) -> Next {
        loop {
            self.changed.mark_unchanged();
            {
                let ring = self.exchange.inner.ring.lock();
                if self.next < ring.first {
                    self.next = ring.first;
                    return Next::Gap;
                }
                if let Some(body) = ring.get(self.next) {
                    self.next += 1;
                    return Next::Message(body.clone(), self.position());
                }
            }
            if *self.exchange.inner.state.borrow() != State::Up || self.changed.changed().await.is_err() {
                return Next::Closed;
            }
        }
    }

    /// Where this reader would resume.
    pub fn position(&self) -> Position {
        Position(format!("{}-{}", self.exchange.inner.epoch, self.next))
    }
}

impl Position {
    /// The text that `Exchange::resume` takes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Transport ===

impl Transport for Exchange {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn publish(&self, message: Outgoing) -> Receipt {
        self.send(message.body);
        Box::pin(std::future::ready(Ok(())))
    }

    fn subscribe(&self) -> mpsc::Receiver<Delivery> {
        let (sender, receiver) = mpsc::channel(SUBSCRIBER_QUEUE);
        let mut cursor = self.read();
        tokio::spawn(async move {
            loop {
                let delivery = tokio::select! {
                    next = cursor.next() => match next {
                        Next::Message(body, _) => {
                            Delivery::Message(Incoming { body, content_type: None, source: None, settle: Settle::default() })
                        }
                        Next::Gap => Delivery::Gap,
                        Next::Closed => return,
                    },
                    () = sender.closed() => return,
                };
                if sender.send(delivery).await.is_err() {
                    return;
                }
            }
        });
        receiver
    }

    fn state(&self) -> watch::Receiver<State> {
        self.inner.state.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.end();
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    async fn bodies(cursor: &mut Cursor, count: usize) -> Vec<Bytes> {
        let mut bodies = Vec::new();
        while bodies.len() < count {
            match cursor.next().await {
                Next::Message(body, _) => bodies.push(body),
                other @ (Next::Gap | Next::Closed) => panic!("{other:?} after {bodies:?}"),
            }
        }
        bodies
    }

    #[tokio::test]
    async fn every_reader_gets_every_message_in_order() {
        let exchange = Exchange::new();
        exchange.send(message(0));
        let (mut one, mut two) = (exchange.read(), exchange.read());
        let sender = exchange.clone();
        tokio::spawn(async move { (1..4).for_each(|number| sender.send(message(number))) });
        assert_eq!(bodies(&mut one, 3).await, ["1", "2", "3"]);
        assert_eq!(bodies(&mut two, 3).await, ["1", "2", "3"]);
    }

    #[tokio::test]
    async fn a_reader_resumes_where_it_was() {
        let exchange = Exchange::new();
        let mut cursor = exchange.read();
        (0..3).for_each(|number| exchange.send(message(number)));
        let Next::Message(_, position) = cursor.next().await else { panic!("no message") };
        let (mut again, gap) = exchange.resume(position.as_str());
        assert!(!gap);
        assert_eq!(bodies(&mut again, 2).await, ["1", "2"]);
    }

    #[tokio::test]
    async fn another_exchange_or_nonsense_is_a_gap() {
        let (old, new) = (Exchange::new(), Exchange::new());
        let elsewhere = old.read().position();
        for last in [elsewhere.as_str(), "", "x", "-1", &format!("{}-99", new.inner.epoch)] {
            assert!(new.resume(last).1, "{last}");
        }
    }

    #[tokio::test]
    async fn a_reader_that_comes_too_late_is_told_of_the_gap() {
        let exchange = Exchange::new();
        let mut cursor = exchange.read();
        (0..=MESSAGES).for_each(|number| exchange.send(message(number)));
        assert_eq!(cursor.next().await, Next::Gap);
        assert_eq!(bodies(&mut cursor, 1).await, ["1"]);
    }

    #[tokio::test]
    async fn a_gap_reaches_those_who_have_read_everything_too() {
        let exchange = Exchange::new();
        let mut cursor = exchange.read();
        let position = cursor.position();
        exchange.gap();
        exchange.send(message(1));
        assert_eq!(cursor.next().await, Next::Gap);
        assert_eq!(bodies(&mut cursor, 1).await, ["1"]);
        assert!(exchange.resume(position.as_str()).1);
    }

    #[tokio::test]
    async fn memory_is_bounded_by_bytes_too() {
        let exchange = Exchange::new();
        let large = Bytes::from(vec![b'x'; BYTES / 2]);
        (0..4).for_each(|_| exchange.send(large.clone()));
        assert_eq!(exchange.inner.ring.lock().messages.len(), 2);
    }

    #[tokio::test]
    async fn closing_ends_readers_after_the_last_message() {
        let exchange = Exchange::new();
        let mut cursor = exchange.read();
        exchange.send(message(7));
        exchange.end();
        assert_eq!(bodies(&mut cursor, 1).await, ["7"]);
        assert_eq!(cursor.next().await, Next::Closed);
    }
}
