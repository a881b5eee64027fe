//! Whether the application drains: connections wait for it, and ask for it with every request.
//!
//! The token keeps those who wait behind a lock that all connections share; the question alone is a look at a flag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio_util::sync::CancellationToken;

/// Cloning shares it.
#[derive(Clone, Debug, Default)]
pub(super) struct Draining {
    begun: Arc<AtomicBool>,
    token: CancellationToken,
}

impl Draining {
    pub(super) fn begin(&self) {
        // First the flag: whoever is woken looks at it.
        self.begun.store(true, Relaxed);
        self.token.cancel();
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
