//! Where a node's time comes from: the wall clock, or a simulation's.

use std::fmt;
use std::sync::Arc;

use wellspring_wire::Millis;

/// Cloning shares it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Millis + Send + Sync>);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl Default for Clock {
    /// The wall clock.
    fn default() -> Self {
        Self::new(Millis::now)
    }
}

impl Clock {
    pub fn new(now: impl Fn() -> Millis + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub fn now(&self) -> Millis {
        (self.0)()
    }
}
