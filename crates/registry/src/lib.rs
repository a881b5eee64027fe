//! A Eureka registry.

pub mod access;
mod admin;
mod app;
pub mod cache;
mod clock;
pub mod config;
pub mod dashboard;
pub mod dns;
pub mod feed;
pub mod http;
pub mod invalid;
pub mod known;
mod metrics;
pub mod node;
pub mod payload;
pub mod peers;
pub mod rate_limit;
pub mod record;
pub mod response_cache;
pub mod state;
pub mod view;

pub use app::app;
pub use clock::Clock;
pub use config::Config;
pub use node::{Beat, Caller, Node};
