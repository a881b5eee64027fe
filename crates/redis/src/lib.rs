//! Redis as Spring's settings describe it: one connection that everybody shares, questions with a time limit.
//!
//! Nothing is connected before the first question. A Redis that is away is asked again after a second; questions until then
//! fail at once, so that nobody waits for it in line.

mod address;
pub mod codes;
mod connection;

pub use address::Address;
pub use connection::{Failure, Redis};
pub use redis::{FromRedisValue, Value};
