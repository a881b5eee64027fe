//! A flag that says "look closer": raised after something was marked, taken down by whoever looks and finds no mark.

use crate::sync::atomic::{AtomicBool, Ordering};

/// While it is down nobody looks; a mark is never overlooked.
#[derive(Debug)]
pub(crate) struct Alarm(AtomicBool);

impl Alarm {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// After the mark was made.
    pub(crate) fn raise(&self) {
        self.0.swap(true, Ordering::AcqRel);
    }

    /// Takes it down unless `marked` finds a mark. Looked for afterwards: one that was made meanwhile has either raised
    /// the alarm again or is seen.
    pub(crate) fn lower_unless(&self, marked: impl FnOnce() -> bool) {
        self.0.swap(false, Ordering::AcqRel);
        if marked() {
            self.raise();
        }
    }
}
