//! The gateway over real sockets: one test binary, one room per subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod balancing;
mod beyond_routing;
mod caching;
mod composing;
mod connections;
mod credentials;
mod grpc;
mod issuer;
mod jwt;
mod known_holes;
mod lab;
mod login;
mod operating;
mod reload;
mod shared;
mod smuggling;
mod spans;
mod strategies;
mod support;
mod upstream_tls;
mod watching;
mod websocket;
