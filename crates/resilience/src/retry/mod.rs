//! Retry: makes a call again that failed, or whose result is not wanted, after a wait.

mod config;
mod layer;
mod state;

pub use config::RetryConfig;
pub use layer::{RetryLayer, RetryService};
pub use state::{Attempts, Event, Metrics, Next, Retry};
