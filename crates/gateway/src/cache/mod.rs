//! The local response cache: whole answers in memory, by request, for a fixed time, within a fixed size.
//!
//! The core takes `now` as an argument; `filter::local_response_cache` decides what may be kept.

mod entries;
mod tee;

pub use entries::{Cache, Cached};
pub use tee::tee;
