//! Refresh: the configuration is loaded again.

use std::fmt;

use futures_util::future::BoxFuture;
use tracing::info;
use wellspring_wire::bus::{Event, Payload};

use super::Listener;
use crate::Failure;

type Reload = dyn Fn() -> BoxFuture<'static, Result<Vec<String>, Failure>> + Send + Sync;

/// Calls a closure that loads the configuration and tells the keys that changed.
pub struct Refresh {
    reload: Box<Reload>,
}

impl Refresh {
    /// Calls `reload` at every refresh event.
    pub fn new<F>(reload: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<Vec<String>, Failure>> + Send + Sync + 'static,
    {
        Self { reload: Box::new(reload) }
    }
}

impl Listener for Refresh {
    fn on<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            if event.payload != Payload::Refresh {
                return Ok(());
            }
            let changed = (self.reload)().await?;
            info!(event = %event.id, origin = event.origin, ?changed, "configuration refreshed by the bus");
            Ok(())
        })
    }
}

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refresh")
    }
}
