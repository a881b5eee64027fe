//! Atomics whose order of steps is checked come from here, so that `tests/interleavings` can put a checker's in their place.

pub(crate) use std::sync::atomic;
