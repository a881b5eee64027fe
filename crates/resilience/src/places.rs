//! Places for calls under a limit that changes: never more taken than the limit was, never one refused that was free.

use crate::sync::atomic::{AtomicU32, Ordering};

/// The count of calls under way, and how many there may be.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicU32,
    limit: AtomicU32,
}

impl Places {
    pub(crate) fn new(limit: u32) -> Self {
        Self { taken: AtomicU32::new(0), limit: AtomicU32::new(limit) }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes a place and gives the number now taken. Counting first and looking afterwards would be one instruction,
    /// but a refused call would for a moment hold the place of another.
    pub(crate) fn take(&self) -> Option<u32> {
        let limit = self.limit();
        let free = |taken: u32| (taken < limit).then(|| taken + 1);
        self.taken.fetch_update(Ordering::Acquire, Ordering::Relaxed, free).ok().map(|before| before + 1)
    }

    /// Gives one back.
    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Release);
    }
}
