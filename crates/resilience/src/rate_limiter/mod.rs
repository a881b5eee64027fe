//! The rate limiter: so many permissions a period, with waiting by booking ahead.

mod config;
mod layer;
mod limiter;
mod state;

pub use config::RateLimiterConfig;
pub use layer::RateLimiterLayer;
pub use limiter::{Event, RateLimiter};
