//! Shutdown: the process ends, in good order, after the event was acknowledged.

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use wellspring_wire::bus::{Event, Payload};

use super::Listener;
use crate::Failure;

/// Cancels a token.
#[derive(Debug)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// Cancels `token` at a shutdown event.
    pub fn new(token: CancellationToken) -> Self {
        Self { token }
    }
}

impl Listener for Shutdown {
    fn on<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if event.payload == Payload::Shutdown {
                warn!(event = %event.id, origin = event.origin, "shutdown requested by the bus");
                self.token.cancel();
            }
            Ok(())
        })
    }
}
