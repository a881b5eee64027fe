//! Values with units: durations and data sizes as Spring writes them.

mod duration;
mod size;

pub use duration::{Duration, Unit, duration_millis, duration_seconds, parse_duration};
pub use size::{DataSize, data_size};
