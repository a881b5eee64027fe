//! As the library has it.

pub(crate) use std::sync::atomic;

pub(crate) use parking_lot::Mutex;
