//! What happened: one sequence for all topics, bounded, resumable, kept in a file when one is named.

mod event;
mod log;

pub use event::{Event, New, Topic};
pub use log::{Limits, Log, Query, Resumed};
