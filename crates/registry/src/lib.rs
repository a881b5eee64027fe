//! A Eureka registry.

mod cache;
// mod http;
mod invalid;
mod node;
mod peers;
pub mod state;
mod view;

pub use node::{Beat, Caller, Node};
