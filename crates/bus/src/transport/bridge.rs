//! One bus from two: what a broker delivers goes to the subscribers of the daemon as well, what they send goes to the broker.
//!
//! Every message travels through the broker, also from one of our own subscribers to another, so that all see the same order
//! and none sees anything twice.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use wellspring_wire::bus::{self, Event};

use super::memory::Exchange;
use super::subscribers::Subscribers;
use super::{Delivery, Outgoing, Receipt, State, Transport};

/// A broker with an exchange behind it.
#[derive(Debug)]
pub struct Bridge {
    broker: Arc<dyn Transport>,
    subscribers: Arc<Subscribers>,
}

impl Bridge {
    /// From now on `exchange` has everything that `broker` delivers, as far as it is readable.
    pub fn start(broker: Arc<dyn Transport>, exchange: Exchange) -> Self {
        let subscribers = Arc::new(Subscribers::default());
        let (mut deliveries, outlets) = (broker.subscribe(), Arc::clone(&subscribers));
        tokio::spawn(async move {
            while let Some(delivery) = deliveries.recv().await {
                match &delivery {
                    Delivery::Gap => exchange.gap(),
                    // Acks are the mass, and are read by few: they are not looked into here.
                    Delivery::Message(message)
                        if bus::is_ack(&message.body) || Event::read(&message.body).is_ok() =>
                    {
                        exchange.send(message.body.clone());
                    }
                    Delivery::Message(_) => {}
                }
                outlets.deliver(delivery).await;
            }
            exchange.end();
        });
        Self { broker, subscribers }
    }
}

impl Transport for Bridge {
    fn name(&self) -> &'static str {
        self.broker.name()
    }

    fn publish(&self, message: Outgoing) -> Receipt {
        self.broker.publish(message)
    }

    fn subscribe(&self) -> mpsc::Receiver<Delivery> {
        self.subscribers.add()
    }

    fn state(&self) -> watch::Receiver<State> {
        self.broker.state()
    }

    fn waiting(&self) -> usize {
        self.broker.waiting()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.broker.close()
    }
}
