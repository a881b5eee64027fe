//! The gateway as a program under load: routes swapped, instances that come, go and die, upstreams and clients that misbehave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod caller;
mod edges;
mod grpc;
mod instances;
mod operator;
mod protocols;
mod shares;
mod swaps;
mod upstream;
