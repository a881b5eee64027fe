//! Waiting for a state, with a deadline, instead of sleeping for luck.

use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_millis(25);

/// Blocks until `done` holds; false when `limit` passes first.
pub fn within(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Blocks until `done` holds.
///
/// # Panics
/// When `limit` passes first; the message names `what`.
#[track_caller]
pub fn until(what: &str, limit: Duration, done: impl FnMut() -> bool) {
    assert!(within(limit, done), "waited {limit:?} in vain: {what}");
}

/// Waits until `done` gives a value, without blocking the runtime.
///
/// # Panics
/// When `limit` passes first; the message names `what`.
pub async fn until_some<T>(what: &str, limit: Duration, mut done: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(limit, async {
        loop {
            if let Some(value) = done().await {
                return value;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited {limit:?} in vain: {what}"))
}
