//! A bulkhead that finds its size by itself, from how long calls take: Vegas, Gradient2 and AIMD.
//!
//! The algorithms are those of Netflix' concurrency-limits; they know nothing of time but the samples they are given.

mod aimd;
mod config;
mod gradient;
mod layer;
mod limiter;
mod vegas;

pub use aimd::Aimd;
pub use config::{AdaptiveConfig, Kind};
pub use gradient::Gradient;
pub use layer::AdaptiveLayer;
pub use limiter::{AdaptiveLimit, Ended, Pass};
pub use vegas::Vegas;

/// One call that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Calls under way when it began, itself included.
    pub in_flight: u32,
    /// It was refused by the other side, or ran out of time.
    pub dropped: bool,
}

/// Learns a limit from samples.
pub trait Algorithm: Send + std::fmt::Debug {
    /// Takes a sample in and gives the limit that holds from now on.
    fn update(&mut self, sample: Sample) -> f64;
}
