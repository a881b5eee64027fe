//! What goes over the wire, byte for byte: Eureka, config server and bus messages.
//!
//! Data only: no I/O, no rules of a daemon. Each message has its types and its codecs in one room.

pub mod bus;
pub mod config;
pub mod eureka;
pub mod millis;

pub use millis::Millis;
