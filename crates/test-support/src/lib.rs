//! What tests start and speak to: daemons as processes, echo upstreams, a proxy that injects faults, Git repositories,
//! brokers, and the replay of recorded conversations.
//!
//! Everything takes free ports and directories of its own and goes away when dropped, so tests run side by side. Nothing
//! here needs the test's own runtime: servers have threads of their own, and `start` calls block until the thing answers.
//! Only ever a dev-dependency.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "test code: a broken assumption must end the test with a message"
)]

pub mod binaries;
pub mod broker;
pub mod browser;
pub mod conformance;
pub mod daemon;
pub mod database;
pub mod directory;
pub mod dns;
pub mod echo;
pub mod eureka;
pub mod fault;
pub mod fuzz;
pub mod git;
pub mod http1;
pub mod kafka;
pub mod keep_alive;
pub mod long;
pub mod packages;
pub mod poll;
pub mod port;
pub mod process;
pub mod remote;
pub mod spring;
pub mod subversion;
pub mod tools;

pub use daemon::{Daemon, Launch};
pub use echo::Echo;
pub use fault::{Fault, FaultProxy};
pub use git::Repository;
pub use remote::HttpRemote;
