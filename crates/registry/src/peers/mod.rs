//! The registry among its peers: what it is told by them, what it tells them, how it starts.

pub mod address;
pub mod batch;
pub mod client;
pub mod digest;
pub mod join;
pub mod nodes;
mod receive;
pub mod region;
pub mod sync;

pub use nodes::Peers;
