//! Those who read from a transport. The first gets the delivery with its answer, the others a copy.

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Delivery, Incoming, Settle};

/// Deliveries that may wait for a slow subscriber before the transport waits as well.
const QUEUE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Subscribers(Mutex<Vec<mpsc::Sender<Delivery>>>);

impl Subscribers {
    pub(super) fn add(&self) -> mpsc::Receiver<Delivery> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        self.0.lock().push(sender);
        receiver
    }

    /// Hands a delivery to all; waits for those whose queue is full.
    pub(super) async fn deliver(&self, delivery: Delivery) {
        let senders = {
            let mut senders = self.0.lock();
            senders.retain(|sender| !sender.is_closed());
            senders.clone()
        };
        let Some((first, others)) = senders.split_first() else { return };
        for sender in others {
            let copy = match &delivery {
                Delivery::Gap => Delivery::Gap,
                Delivery::Message(message) => Delivery::Message(Incoming {
                    body: message.body.clone(),
                    content_type: message.content_type.clone(),
                    source: message.source.clone(),
                    settle: Settle::default(),
                }),
            };
            // A subscriber that has gone in the meantime needs nothing.
            drop(sender.send(copy).await);
        }
        drop(first.send(delivery).await);
    }
}
