//! What a daemon may know besides its own health, and who in this process knows it.

use std::sync::Arc;

use parking_lot::RwLock;

/// A field of knowledge. A request about one that nobody here has is passed on to a daemon that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// The registry itself, not a client's view of it.
    Registry,
    Config,
    Gateway,
    Bus,
}

impl Domain {
    pub const ALL: [Self; 4] = [Self::Registry, Self::Config, Self::Gateway, Self::Bus];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Config => "config server",
            Self::Gateway => "gateway",
            Self::Bus => "bus",
        }
    }
}

/// Where a daemon puts what it knows; the later one counts.
#[derive(Debug)]
pub(crate) struct Slot<T: ?Sized>(RwLock<Option<Arc<T>>>);

impl<T: ?Sized> Default for Slot<T> {
    fn default() -> Self {
        Self(RwLock::new(None))
    }
}

impl<T: ?Sized> Slot<T> {
    pub(crate) fn set(&self, known: Arc<T>) {
        *self.0.write() = Some(known);
    }

    pub(crate) fn set_if_empty(&self, known: Arc<T>) {
        self.0.write().get_or_insert(known);
    }

    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.0.read().clone()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.read().is_some()
    }
}
