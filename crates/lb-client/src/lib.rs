//! What a Rust service embeds: discovery, load-balanced calls, configuration with refresh.

#![warn(missing_docs)]

mod balancer;
mod client;
pub mod codes;
pub mod config;
pub mod discovery;
pub mod eureka;
mod guard;
pub mod http;
mod instance;
pub mod known;
mod load;
mod metrics;
pub mod pick;
pub mod settings;
pub mod sse;
pub mod supplier;
mod sync;
mod task;

pub use balancer::Balancer;
pub use client::Client;
pub use eureka::{Own, Status};
pub use guard::Guard;
pub use instance::{Instance, Metadata};
pub use load::{Ended, InFlight, Load, nanos};
pub use wellspring_lb_client_macros::client;

/// The user's page; its examples are compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/client.md")]
struct Guide;
