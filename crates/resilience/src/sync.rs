//! What is shared between threads comes from here, so that `tests/interleavings` can put a checker's in its place.

pub(crate) use std::sync::atomic;

pub(crate) use parking_lot::Mutex;
