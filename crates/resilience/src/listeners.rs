//! Who is told of a pattern's events. That nobody is costs one load, so a pattern asks before it makes an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

/// Listeners of one kind, such as `dyn Fn(&Event) + Send + Sync`.
pub(crate) struct Listeners<L: ?Sized> {
    any: AtomicBool,
    list: RwLock<Vec<Arc<L>>>,
}

impl<L: ?Sized> Listeners<L> {
    pub(crate) const fn new() -> Self {
        Self { any: AtomicBool::new(false), list: RwLock::new(Vec::new()) }
    }

    pub(crate) fn add(&self, listener: Arc<L>) {
        self.list.write().push(listener);
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Hands every listener to `tell`.
    pub(crate) fn each(&self, tell: impl FnMut(&Arc<L>)) {
        if !self.is_empty() {
            self.list.read().iter().for_each(tell);
        }
    }
}
