//! The steps that every chain has, each with the place that the original gives it.
//!
//! forward_path 0 · route filters 1.. · route_url 10000 · load_balance 10150 · then `Proxy::send`: forward, WebSocket, HTTP.

pub mod forward_path;
pub mod load_balance;
pub mod route_url;
