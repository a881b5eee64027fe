//! Messages that wait for the other side: in order, bounded, each with a deadline.
//!
//! A letter is taken, sent, and answered; when the connection breaks before the answer it is put back at its place, so a cut
//! loses nothing. Whoever waits for a receipt withdraws the letter by giving up, unless it is just on the wire.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::{Outgoing, Receipt, State};
use crate::PublishError;

/// Messages that may wait.
const MESSAGES: usize = 10_000;
/// Bytes that may wait.
const BYTES: usize = 16 << 20;

/// The queue. Clones are the same queue.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: &'static str,
    queue: Mutex<Queue>,
    changed: Notify,
    state: watch::Receiver<State>,
}

#[derive(Debug, Default)]
struct Queue {
    letters: VecDeque<Letter>,
    bytes: usize,
    /// Taken and not answered yet.
    on_the_way: usize,
    closed: bool,
}

/// A message on its way. Dropped without an answer, its sender is told that the bus is closed.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) body: Bytes,
    patience: Duration,
    deadline: Instant,
    withdrawn: Arc<AtomicBool>,
    answer: oneshot::Sender<Result<(), PublishError>>,
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn new(transport: &'static str, state: watch::Receiver<State>) -> Self {
        Self { inner: Arc::new(Inner { transport, queue: Mutex::default(), changed: Notify::new(), state }) }
    }

    /// Queues a message.
    pub(super) fn push(&self, message: Outgoing) -> Receipt {
        let (answer, answered) = oneshot::channel();
        let withdrawn = Arc::new(AtomicBool::new(false));
        let waited = message.patience;
        let deadline = Instant::now() + waited;
        let letter = Letter {
            body: message.body,
            patience: waited,
            deadline,
            withdrawn: Arc::clone(&withdrawn),
            answer,
        };
        if let Err(error) = self.enqueue(letter) {
            return Box::pin(std::future::ready(Err(error)));
        }
        let outbox = self.clone();
        Box::pin(async move {
            match tokio::time::timeout_at(deadline, answered).await {
                Ok(answer) => answer.unwrap_or(Err(PublishError::Closed)),
                Err(_) => {
                    withdrawn.store(true, Ordering::Relaxed);
                    Err(outbox.unconfirmed(waited))
                }
            }
        })
    }

    fn enqueue(&self, letter: Letter) -> Result<(), PublishError> {
        let mut queue = self.inner.queue.lock();
        if queue.closed {
            return Err(PublishError::Closed);
        }
        if queue.is_full(letter.body.len()) {
            queue.tidy();
        }
        if queue.is_full(letter.body.len()) {
            let waiting = queue.letters.len();
            return Err(PublishError::Full {
                transport: self.inner.transport,
                waiting,
                reason: self.reason(),
            });
        }
        queue.bytes += letter.body.len();
        queue.letters.push_back(letter);
        drop(queue);
        self.inner.changed.notify_waiters();
        Ok(())
    }

    /// The next message; `None` when closed and empty. The caller answers it or puts it back.
    pub(super) async fn take(&self) -> Option<Letter> {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            // Enabled before the look, or a message that comes in between would be missed.
            changed.as_mut().enable();
            {
                let mut queue = self.inner.queue.lock();
                while let Some(letter) = queue.letters.pop_front() {
                    queue.bytes -= letter.body.len();
                    if letter.is_wanted() {
                        queue.on_the_way += 1;
                        return Some(letter);
                    }
                    // Whoever still waits has reached the deadline in this moment.
                    let waited = letter.patience;
                    drop(letter.answer.send(Err(self.unconfirmed(waited))));
                }
                if queue.closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// The other side has taken the message, or refused it.
    pub(super) fn answer(&self, letter: Letter, answer: Result<(), PublishError>) {
        // Fails when nobody waits for the receipt.
        drop(letter.answer.send(answer));
        self.inner.queue.lock().on_the_way -= 1;
        self.inner.changed.notify_waiters();
    }

    /// The connection broke: these come first again, in this order.
    pub(super) fn put_back(&self, letters: impl DoubleEndedIterator<Item = Letter>) {
        let mut queue = self.inner.queue.lock();
        for letter in letters.rev() {
            queue.on_the_way -= 1;
            queue.bytes += letter.body.len();
            queue.letters.push_front(letter);
        }
        drop(queue);
        self.inner.changed.notify_waiters();
    }

    /// Takes no more messages, and waits at most `grace` for those that are there.
    pub(super) async fn close(&self, grace: Duration) {
        self.inner.queue.lock().closed = true;
        self.inner.changed.notify_waiters();
        let emptied = async {
            loop {
                let changed = self.inner.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                {
                    let queue = self.inner.queue.lock();
                    if queue.letters.is_empty() && queue.on_the_way == 0 {
                        return;
                    }
                }
                changed.await;
            }
        };
        if tokio::time::timeout(grace, emptied).await.is_err() {
            self.inner.queue.lock().letters.clear();
        }
    }

    /// How many messages wait or are on their way.
    pub(super) fn len(&self) -> usize {
        let queue = self.inner.queue.lock();
        queue.letters.len() + queue.on_the_way
    }

    fn unconfirmed(&self, waited: Duration) -> PublishError {
        PublishError::Unconfirmed { transport: self.inner.transport, waited, reason: self.reason() }
    }

    fn reason(&self) -> String {
        self.inner.state.borrow().reason().unwrap_or("no answer").to_owned()
    }
}

// === impl Queue ===

impl Queue {
    fn is_full(&self, more: usize) -> bool {
        self.letters.len() + self.on_the_way >= MESSAGES || self.bytes + more > BYTES
    }

    /// Drops what nobody waits for any more.
    fn tidy(&mut self) {
        self.letters.retain(Letter::is_wanted);
        self.bytes = self.letters.iter().map(|letter| letter.body.len()).sum();
    }
}

// === impl Letter ===

impl Letter {
    fn is_wanted(&self) -> bool {
        !self.withdrawn.load(Ordering::Relaxed) && self.deadline > Instant::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox() -> (Outbox, watch::Sender<State>) {
        let (sender, state) = watch::channel(State::Down("connection refused".to_owned()));
        (Outbox::new("amqp", state), sender)
    }

    fn message(text: &'static str) -> Outgoing {
        Outgoing { body: Bytes::from_static(text.as_bytes()), patience: Duration::from_secs(5) }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_on_the_way_comes_first_again() {
        let (outbox, _state) = outbox();
        let receipts = ["1", "2", "3"].map(|text| outbox.push(message(text)));
        let taken = [outbox.take().await.unwrap(), outbox.take().await.unwrap()];
        outbox.put_back(taken.into_iter());
        for (text, receipt) in ["1", "2", "3"].into_iter().zip(receipts) {
            let letter = outbox.take().await.unwrap();
            assert_eq!(letter.body, text);
            outbox.answer(letter, Ok(()));
            receipt.await.unwrap();
        }
        assert_eq!(outbox.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_withdraws_the_message() {
        let (outbox, _state) = outbox();
        let error = outbox.push(message("1")).await.unwrap_err();
        assert_eq!(error.to_string(), "not confirmed by amqp within 5s: connection refused");
        assert!(error.is_retryable());
        let receipt = outbox.push(message("2"));
        assert_eq!(outbox.take().await.unwrap().body, "2");
        drop(receipt);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_without_a_waiter_has_its_deadline_too() {
        let (outbox, _state) = outbox();
        drop(outbox.push(message("1")));
        tokio::time::advance(Duration::from_secs(6)).await;
        drop(outbox.push(message("2")));
        assert_eq!(outbox.take().await.unwrap().body, "2");
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded_and_forgets_the_expired_first() {
        let (outbox, _state) = outbox();
        for _ in 0..MESSAGES {
            drop(outbox.push(message("x")));
        }
        assert!(matches!(outbox.push(message("y")).await, Err(PublishError::Full { waiting: MESSAGES, .. })));
        tokio::time::advance(Duration::from_secs(6)).await;
        drop(outbox.push(message("z")));
        assert_eq!(outbox.take().await.unwrap().body, "z");
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_what_is_there_but_not_for_ever() {
        let (outbox, _state) = outbox();
        let receipt = outbox.push(message("1"));
        outbox.close(Duration::from_secs(1)).await;
        assert!(matches!(receipt.await, Err(PublishError::Closed)));
        assert!(matches!(outbox.push(message("2")).await, Err(PublishError::Closed)));
        assert!(outbox.take().await.is_none());
    }
}
