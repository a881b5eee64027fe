//! A value that follows refreshes.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

/// Reads as cheaply as a pointer; always the value of the last refresh that could be bound.
pub struct Refreshed<T> {
    current: Arc<ArcSwap<T>>,
}

impl<T> Refreshed<T> {
    /// A value that nothing changes, for tests and for applications without a config server.
    pub fn fixed(value: T) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(value)) }
    }

    /// The value now. It stays as it is while you hold it.
    pub fn get(&self) -> Arc<T> {
        self.current.load_full()
    }

    pub(super) fn cell(&self) -> Arc<ArcSwap<T>> {
        Arc::clone(&self.current)
    }
}

impl<T> Clone for Refreshed<T> {
    fn clone(&self) -> Self {
        Self { current: Arc::clone(&self.current) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Refreshed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current.load().fmt(f)
    }
}
