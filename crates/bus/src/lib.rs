//! Spring Cloud Bus: remote application events over a transport.
//!
//! A library first: an application joins with `Bus::start`, hears refreshes and its own events, publishes. With feature
//! `server` come the endpoints, the webhooks and the daemon `wellspring-bus`; feature `amqp` speaks to RabbitMQ.
//!
//! ```
//! use std::sync::Arc;
//! use wellspring_bus::{Bus, Options, Payload, transport::memory::Exchange};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let exchange = Exchange::new();
//! let orders = Bus::start(Options::new("orders:8081:a1"), Arc::new(exchange.clone()));
//! orders.on_refresh_call(|| Box::pin(async { Ok(vec!["greeting".to_owned()]) }));
//!
//! let sender = Bus::start(Options::new("config-server:8888:b2"), Arc::new(exchange));
//! let event = sender.publish("orders", Payload::Refresh).await.unwrap();
//! assert_eq!(event.destination.pattern(), Some("orders:**"));
//! # }
//! ```
#![warn(missing_docs)]

pub mod ack_log;
#[cfg(feature = "server")]
mod admin;
#[cfg(feature = "server")]
mod app;
#[cfg(feature = "server")]
mod attach;
mod bus;
mod complaints;
pub mod config;
pub mod destination;
mod error;
#[cfg(feature = "server")]
mod events;
#[cfg(feature = "server")]
pub mod http;
mod inbox;
mod join;
#[cfg(feature = "server")]
mod journal;
pub mod known;
pub mod listener;
pub mod members;
pub mod metrics;
mod operator;
pub mod transport;
#[cfg(feature = "server")]
pub mod webhook;

#[cfg(feature = "server")]
pub use app::app;
#[cfg(feature = "server")]
pub use attach::attach;
pub use bus::{Announcement, Bus, Options, Scope, Trace};
pub use config::check;
pub use error::{Failure, PublishError};
pub use wellspring_wire::bus::{Event, Payload, RemoteEvent};
