//! Resilience4j's patterns for Rust: circuit breaker, retry, rate limiter, bulkhead, time limiter, cache;
//! and what they lack: fallback by kind of error, hedging, adaptive limits, outlier detection, budgets.
//!
//! Every pattern is a *state* that does no I/O and takes the time as an argument – so its behaviour is pinned by recorded
//! answers of Resilience4j 2.4.0 – and two thin shells around it: an async `call` and a [`tower::Layer`]. What a pattern
//! refuses is a [`Rejection`]; stacks share one error type, which only has to be `From<Rejection>`.
#![warn(missing_docs)]

pub mod adaptive;
mod around;
mod budget;
pub mod bulkhead;
pub mod cache;
pub mod circuit_breaker;
mod clock;
mod duration;
pub mod fallback;
pub mod hedge;
mod instances;
mod interval;
mod listeners;
pub mod outlier;
mod places;
pub mod rate_limiter;
mod rejection;
pub mod retry;
mod sync;
pub mod time_limiter;
mod verdict;

pub use adaptive::AdaptiveLimit;
pub use around::{Guarded, Policy, PolicyLayer};
pub use budget::Budget;
pub use bulkhead::Bulkhead;
pub use circuit_breaker::CircuitBreaker;
pub use clock::{Clock, Nanos};
pub use fallback::Fallback;
pub use hedge::Hedge;
pub use instances::{Instances, Named, Settings};
pub use interval::{Interval, IntervalError};
pub use outlier::Outliers;
pub use rate_limiter::RateLimiter;
pub use rejection::{Invalid, Rejection};
pub use retry::Retry;
pub use time_limiter::TimeLimiter;
pub use verdict::{ErrorLists, Verdict};
