//! Tracked background tasks: they end when the application stops, and the stop waits for them.

use std::fmt;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wellspring_telemetry::scope;

/// An application's background work, whose log lines carry its name. Cloning shares it.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stopped: CancellationToken,
    draining: CancellationToken,
    asked: CancellationToken,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("running", &self.tracker.len()).finish_non_exhaustive()
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            tracker: TaskTracker::new(),
            stopped: CancellationToken::new(),
            draining: CancellationToken::new(),
            asked: CancellationToken::new(),
        }
    }
}

impl Tasks {
    /// Runs until it ends by itself or the application has drained its requests, then it is dropped at its next `await`.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future + Send + 'static,
    {
        let stopped = self.stopped.clone();
        self.tracker.spawn(scope::carried(async move {
            stopped.run_until_cancelled(task).await;
        }))
    }

    /// Runs to its own end: for loops that watch [`Tasks::token`] themselves and have something to finish.
    pub fn spawn_to_end<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn(scope::carried(task))
    }

    /// Cancelled when the last request is answered and background work should end.
    pub fn token(&self) -> CancellationToken {
        self.stopped.clone()
    }

    /// Cancelled when the stop begins. Endless answers (event streams) end on it, or the drain would wait for them.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// To be cancelled by whoever wants the application to stop in good order; a process then ends.
    pub fn stop_request(&self) -> CancellationToken {
        self.asked.clone()
    }

    /// Ends all tasks and waits for them, but not longer than `grace`; `false` when some are still running.
    pub(crate) async fn end(&self, grace: Duration) -> bool {
        self.draining.cancel();
        self.stopped.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_ends_with_the_application() {
        let tasks = Tasks::default();
        tasks.spawn(std::future::pending::<()>());
        assert!(tasks.end(Duration::from_secs(5)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_reported_after_the_grace_time() {
        let tasks = Tasks::default();
        tasks.spawn_to_end(std::future::pending::<()>());
        assert!(!tasks.end(Duration::from_secs(1)).await);
    }
}
