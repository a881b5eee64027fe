//! What operators already have sees all of the platform: Spring Boot Admin, Prometheus, Zipkin, a collector that takes OTLP.
//!
//! Each is the real program, or left out with a word when it is not there. Nothing is told to them but the registry's address.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod admin_server;
mod logs;
mod platform;
mod prometheus;
mod sink;
mod traces;

use std::time::Duration;

const SOON: Duration = Duration::from_secs(120);
