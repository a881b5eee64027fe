//! Tests across daemons: see the test targets beside this directory.
//!
//! `conformance.rs` replays what the original servers answered, `bad_input.rs` sends what no server should have to take,
//! `startup.rs` reports start times and memory, `interop/` lets real clients of the originals use the platform.
