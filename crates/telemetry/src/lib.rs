//! Logs, metrics and traces with the names that Spring Boot's tools expect.
//!
//! Nothing here is global but the `tracing` subscriber (`logs::install`), which tolerates several applications in
//! one process: what belongs to one of them (its name, the current trace) travels with its tasks, see [`scope`].

pub mod json;
pub mod levels;
pub mod logs;
pub mod meters;
pub mod names;
pub mod prometheus;
pub mod scope;
pub mod traces;

pub use meters::{Counter, Gauge, Kind, Meters, Reading, Timer};
pub use names::Name;
