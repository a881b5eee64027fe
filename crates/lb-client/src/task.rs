//! Background tasks, which write their log lines under the name of the application that started them.

use std::future::Future;

use tokio::task::JoinHandle;
use wellspring_telemetry::scope;

/// Spawns with the scope of the caller.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    match scope::current() {
        // What the task does later belongs to no request that happened to start it.
        Some(scope) => tokio::spawn(scope::within(scope::Scope { trace: None, ..scope }, future)),
        None => tokio::spawn(future),
    }
}
