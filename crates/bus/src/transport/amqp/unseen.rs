//! Messages that the broker has confirmed and that our own consumer has not seen yet.
//!
//! Queues of a bus end with their consumer's connection, and what they hold ends with them: a message confirmed in the last
//! moment before the broker went down may have reached no one. Those that did not come back to us go out again; receivers
//! know an event that comes twice by its id.

use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexMap;
use lapin::BasicProperties;
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

const MESSAGES: usize = 1024;
/// An echo that takes longer than this never comes: there is no consumer.
const ECHO: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Unseen {
    /// Whether everything comes back to us.
    follows: bool,
    messages: Mutex<IndexMap<Uuid, (Bytes, Instant)>>,
}

impl Unseen {
    pub(super) fn new(follows: bool) -> Self {
        Self { follows, messages: Mutex::default() }
    }

    /// The message is about to be published.
    pub(super) fn sent(&self, properties: &BasicProperties, body: &Bytes) {
        let Some(id) = id(properties).filter(|_| self.follows) else { return };
        let mut unseen = self.messages.lock();
        unseen.insert(id, (body.clone(), Instant::now()));
        if unseen.len() > MESSAGES {
            unseen.shift_remove_index(0);
        }
    }

    /// The message came back.
    pub(super) fn seen(&self, properties: &BasicProperties) {
        let mut unseen = self.messages.lock();
        if !unseen.is_empty()
            && let Some(id) = id(properties)
        {
            // Nearly always the first.
            unseen.shift_remove(&id);
        }
    }

    /// The messages that did not come back, in order; those in `pending` are taken care of already.
    pub(super) fn take<'a>(&self, pending: impl Iterator<Item = &'a Bytes>) -> Vec<Bytes> {
        let pending: Vec<_> = pending.collect();
        let unseen = std::mem::take(&mut *self.messages.lock());
        unseen
            .into_values()
            .filter(|(body, at)| at.elapsed() < ECHO && !pending.contains(&body))
            .map(|(body, _)| body)
            .collect()
    }
}

fn id(properties: &BasicProperties) -> Option<Uuid> {
    properties.message_id().as_ref()?.as_str().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_came_back_and_what_is_pending_does_not_go_out_again() {
        let unseen = Unseen::new(true);
        let bodies = ["1", "2", "3"].map(|text| Bytes::from_static(text.as_bytes()));
        let properties: Vec<_> = bodies.iter().map(|_| super::super::message::properties()).collect();
        for (properties, body) in properties.iter().zip(&bodies) {
            unseen.sent(properties, body);
        }
        unseen.seen(&properties[0]);
        assert_eq!(unseen.take(std::iter::once(&bodies[2])), ["2"]);
        assert!(unseen.take(std::iter::empty()).is_empty());
    }
}
