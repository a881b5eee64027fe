//! EnvironmentChange: properties are set above all others, until the process ends.

use std::fmt;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;
use tracing::info;
use wellspring_wire::bus::{Event, Payload};

use super::Listener;
use crate::Failure;

type Set = dyn Fn(IndexMap<String, String>) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync;

/// Hands the values to a closure.
pub struct Environment {
    set: Box<Set>,
}

impl Environment {
    /// Calls `set` with the values of every environment change.
    pub fn new<F>(set: F) -> Self
    where
        F: Fn(IndexMap<String, String>) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static,
    {
        Self { set: Box::new(set) }
    }
}

impl Listener for Environment {
    fn on<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let Payload::EnvironmentChange(values) = &event.payload else { return Ok(()) };
            (self.set)(values.clone()).await?;
            // Keys only: a value may be a secret.
            let keys: Vec<_> = values.keys().collect();
            info!(event = %event.id, origin = event.origin, ?keys, "environment changed by the bus");
            Ok(())
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
