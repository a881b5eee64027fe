//! Messages that the broker has confirmed lately, and whether our own consumer has seen them.
//!
//! Queues of a bus end with their consumer's connection, and what they hold ends with them: a message confirmed in the last
//! moment before the broker went down may have reached no one, or not everyone. Those that did not come back to us go out
//! again, and after an outage of the broker also those that came back just before; receivers know an event that comes twice by
//! its id.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

const MESSAGES: usize = 1024;
const BYTES: usize = 16 << 20;
/// An echo that takes longer than this never comes: there is no consumer.
const ECHO: Duration = Duration::from_secs(60);
/// We have it; others may be this much slower.
const SLOWER: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Unseen {
    /// Whether everything comes back to us.
    follows: bool,
    messages: Mutex<Messages>,
}

/// In the order of sending.
#[derive(Debug, Default)]
struct Messages {
    list: VecDeque<Sent>,
    bytes: usize,
    /// How many of them have not come back.
    unseen: usize,
}

#[derive(Debug)]
struct Sent {
    id: Uuid,
    body: Bytes,
    at: Instant,
    seen: Option<Instant>,
}

/// What was under way when a connection broke.
#[derive(Debug, Default)]
pub(super) struct Doubtful {
    /// Did not come back to us.
    pub(super) lost: Vec<Bytes>,
    /// Came back to us, perhaps not to all others.
    pub(super) recent: Vec<Bytes>,
}

impl Unseen {
    pub(super) fn new(follows: bool) -> Self {
        Self { follows, messages: Mutex::default() }
    }

    /// The message is about to be published.
    pub(super) fn sent(&self, properties: &BasicProperties, body: &Bytes) {
        let Some(id) = id(properties).filter(|_| self.follows) else { return };
        let now = Instant::now();
        let mut messages = self.messages.lock();
        messages.bytes += body.len();
        messages.unseen += 1;
        messages.list.push_back(Sent { id, body: body.clone(), at: now, seen: None });
        while messages.list.len() > MESSAGES
            || messages.bytes > BYTES
            || messages.list.front().is_some_and(|sent| sent.is_settled(now))
        {
            let Some(oldest) = messages.list.pop_front() else { return };
            messages.bytes -= oldest.body.len();
            messages.unseen -= usize::from(oldest.seen.is_none());
        }
    }

    /// The message came back.
    pub(super) fn seen(&self, properties: &BasicProperties) {
        let mut messages = self.messages.lock();
        if messages.unseen == 0 {
            return;
        }
        let Some(id) = id(properties) else { return };
        // Nearly always the first that is not seen.
        if let Some(sent) = messages.list.iter_mut().find(|sent| sent.seen.is_none() && sent.id == id) {
            sent.seen = Some(Instant::now());
            messages.unseen -= 1;
        }
    }

    /// The messages in doubt, in order; those in `pending` are taken care of already.
    pub(super) fn take<'a>(&self, pending: impl Iterator<Item = &'a Bytes>) -> Doubtful {
        let pending: Vec<_> = pending.collect();
        let messages = std::mem::take(&mut *self.messages.lock());
        let now = Instant::now();
        let mut doubtful = Doubtful::default();
        for sent in messages.list {
            if pending.contains(&&sent.body) || now.duration_since(sent.at) > ECHO || sent.is_settled(now) {
                continue;
            }
            match sent.seen {
                None => doubtful.lost.push(sent.body),
                Some(_) => doubtful.recent.push(sent.body),
            }
        }
        doubtful
    }
}

impl Sent {
    fn is_settled(&self, now: Instant) -> bool {
        self.seen.is_some_and(|seen| now.duration_since(seen) > SLOWER)
    }
}

fn id(properties: &BasicProperties) -> Option<Uuid> {
    properties.message_id().as_ref()?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(count: usize) -> Vec<BasicProperties> {
        (0..count).map(|_| super::super::message::properties()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_back_and_what_is_pending_is_not_lost() {
        let unseen = Unseen::new(true);
        let bodies = ["1", "2", "3"].map(|text| Bytes::from_static(text.as_bytes()));
        let properties = properties(3);
        for (properties, body) in properties.iter().zip(&bodies) {
            unseen.sent(properties, body);
        }
        unseen.seen(&properties[0]);
        let doubtful = unseen.take(std::iter::once(&bodies[2]));
        assert_eq!((doubtful.lost, doubtful.recent), (vec![bodies[1].clone()], vec![bodies[0].clone()]));
        assert!(unseen.take(std::iter::empty()).lost.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_back_a_while_ago_is_in_no_doubt() {
        let unseen = Unseen::new(true);
        let properties = properties(1);
        unseen.sent(&properties[0], &Bytes::from_static(b"1"));
        unseen.seen(&properties[0]);
        tokio::time::advance(SLOWER * 2).await;
        let doubtful = unseen.take(std::iter::empty());
        assert!(doubtful.lost.is_empty() && doubtful.recent.is_empty(), "{doubtful:?}");
    }

    #[tokio::test]
    async fn large_messages_are_not_kept_without_bound() {
        let unseen = Unseen::new(true);
        let body = Bytes::from(vec![b'x'; 1 << 20]);
        for properties in properties(100) {
            unseen.sent(&properties, &body);
        }
        assert_eq!(unseen.take(std::iter::empty()).lost.len(), BYTES >> 20);
    }
}
