//! Outbound HTTP: the one place that makes clients, and calls by service name.

mod attempt;
pub(crate) mod balance;
mod client;
mod error;
pub mod retry;
mod uri;

pub use balance::{RequestBuilder, Response};
pub use client::{Options, client};
pub use error::CallError;
pub use uri::{AddressError, real_address};
