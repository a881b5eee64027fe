//! Worker threads: each has a runtime of its own, and what it opens (connections to upstreams) need not be shared.

use std::cell::Cell;
use std::num::NonZero;

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// The number of the worker that runs this code, from 0; other threads count as the first.
pub fn current() -> usize {
    CURRENT.get()
}

/// How many workers there are without `wellspring.threads`: one per core.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// This thread is worker `number` from now on.
pub(crate) fn enter(number: usize) {
    CURRENT.set(number);
}
