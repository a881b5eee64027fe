//! Outlier detection: hosts that fail, or fail more than the others, are left out for a while – Envoy's rules.
//!
//! Failures in a row eject at once; shares of failures are judged once per interval. Never more hosts than a given share
//! are out at a time, and each further ejection lasts longer.

mod config;
mod judge;
mod state;

pub use config::OutlierConfig;
pub use state::{Ejection, Outcome, Outliers, Reason};
