//! A gateway that reads Spring Cloud Gateway's routes.
//!
//! A request walks `proxy` → `route::table` → `filter::chain` → `upstream`; a route set walks `route::source` →
//! `route::compile` → `route::refresh` into the proxy's snapshot.

mod actuator;
mod admission;
mod app;
pub mod cache;
mod check;
pub mod config;
pub mod cors;
pub mod error;
pub mod exchange;
pub mod expression;
pub mod figures;
pub mod filter;
pub mod global;
pub mod headers;
pub mod known;
pub mod metrics;
pub mod offline;
mod operator;
pub mod page;
pub mod platform;
pub mod predicate;
pub mod problem;
pub mod proxy;
pub mod query;
pub mod rate_limit;
pub mod replay;
pub mod reply;
pub mod resilience;
pub mod route;
pub mod security;
pub mod spans;
pub mod trace;
pub mod tree;
pub mod upstream;
pub mod watch;

pub use app::app;
pub use check::check;
pub use offline::Offline;
