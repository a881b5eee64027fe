//! What belongs to the application and the request a task works for: the name in the log, the current trace.
//!
//! It travels with the task, not with the thread: `within(scope, future)`. A spawned task starts without one unless it is
//! given the scope of its parent.

use std::sync::Arc;

use crate::traces::{Trace, Tracer};

tokio::task_local! {
    static CURRENT: Scope;
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scope {
    pub app: Arc<str>,
    /// For calls that belong to no request.
    pub tracer: Option<Tracer>,
    pub trace: Option<Trace>,
}

/// Runs a future in a scope.
pub fn within<F: Future>(scope: Scope, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(scope, future)
}

/// A future for a task of its own that keeps the application of the running task, but not its trace: for background work.
pub fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let scope = current().map(|scope| Scope { trace: None, ..scope });
    async move {
        match scope {
            Some(scope) => within(scope, future).await,
            None => future.await,
        }
    }
}

/// The scope of the running task.
pub fn current() -> Option<Scope> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Looks at the scope without cloning it.
pub fn with<R>(look: impl Fn(Option<&Scope>) -> R) -> R {
    CURRENT.try_with(|scope| look(Some(scope))).unwrap_or_else(|_| look(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn background_work_keeps_the_application() {
        let scope = Scope { app: "orders".into(), tracer: None, trace: None };
        let name = || current().map(|scope| scope.app.to_string());
        let (bare, carried) = within(scope, async {
            (tokio::spawn(async move { name() }), tokio::spawn(carried(async move { name() })))
        })
        .await;
        assert_eq!(bare.await.unwrap(), None);
        assert_eq!(carried.await.unwrap().as_deref(), Some("orders"));
    }
}
