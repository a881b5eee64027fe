//! Outbound HTTP: the one place that makes clients, and calls by service name.

mod attempt;
pub(crate) mod balance;
mod budget;
mod channel;
mod client;
mod error;
mod guarded;
pub mod retry;
mod uri;

pub use balance::{RequestBuilder, Response};
pub use budget::{Budget, BudgetSettings};
pub use channel::{Balance, BalanceLayer, ChannelError};
pub use client::{Options, client};
pub use error::CallError;
pub use uri::{AddressError, push_segment, real_address};

/// What calls end with.
pub type Result<T, E = CallError> = std::result::Result<T, E>;
