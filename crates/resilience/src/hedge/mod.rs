//! Hedging: when an answer takes longer than answers usually do, the same call is made once more and the first success wins.
//!
//! Only for calls that may be made twice. A budget keeps a slow callee from being asked twice by everyone.

mod config;
mod layer;
mod state;

pub use config::HedgeConfig;
pub use layer::HedgeLayer;
pub use state::{Event, Hedge};
