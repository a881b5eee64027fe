//! What the transports to a broker share: a queue before it, listeners behind it, and the two tasks between.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::outbox::Outbox;
use super::subscribers::Subscribers;
use super::{Delivery, Outgoing, Receipt, State, Transport};

/// How long a connected transport sends what is queued when it is closed.
const CLOSING: Duration = Duration::from_secs(5);

/// A broker at the other end. Made by `amqp::from_env` and `kafka::from_env`.
#[derive(Debug)]
pub struct Remote {
    name: &'static str,
    pub(super) outbox: Outbox,
    pub(super) subscribers: Arc<Subscribers>,
    state: watch::Receiver<State>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl Remote {
    pub(super) fn new(name: &'static str, state: watch::Receiver<State>) -> Self {
        Self {
            name,
            outbox: Outbox::new(name, state.clone()),
            subscribers: Arc::default(),
            state,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Runs a connection until the transport is closed.
    pub(super) fn spawn<F>(&self, run: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(run(self.shutdown.clone()));
    }
}

impl Transport for Remote {
    fn name(&self) -> &'static str {
        self.name
    }

    fn publish(&self, message: Outgoing) -> Receipt {
        self.outbox.push(message)
    }

    fn subscribe(&self) -> mpsc::Receiver<Delivery> {
        self.subscribers.add()
    }

    fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    fn waiting(&self) -> usize {
        self.outbox.len()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let up = *self.state.borrow() == State::Up;
            self.outbox.close(if up { CLOSING } else { Duration::ZERO }).await;
            self.shutdown.cancel();
            self.tasks.close();
            self.tasks.wait().await;
        })
    }
}
