//! A Spring Boot application in small: arguments, boot, serve, actuator, graceful stop.
//!
//! Our daemons and users' services stand on it alike: [`App`] says what the application is, [`Context`] is all it
//! gets, [`Running`] is what a process (or a test) holds. Nothing is global, so several live in one process.

pub mod actuator;
pub mod app;
mod args;
pub mod body;
mod boot;
pub mod buffers;
pub mod codes;
mod context;
pub mod error_page;
mod front;
pub mod hashing;
pub mod header_names;
pub mod health;
mod incoming;
mod indicators;
mod instruments;
mod join;
pub mod known;
mod logging;
mod management;
mod observe;
mod operator;
mod patterns;
mod probe;
mod process;
mod run;
mod scope;
mod security;
pub mod serve;
mod service;
mod settings;
mod shutdown;
mod tasks;
mod tracing_settings;
pub mod worker;

pub use actuator::Actuator;
pub use app::{App, Options, StartError};
pub use context::Context;
pub use health::Health;
pub use observe::Thrown;
pub use patterns::Patterns;
pub use run::Running;
pub use service::{Caller, ClientCertificate, Incoming, Peer, Request, Response, Service, Template};
pub use settings::check;
pub use shutdown::requested as stop_requested;
pub use tasks::Tasks;
pub use wellspring_admin as admin;

/// What a daemon's `build` returns: any error ends the start and is shown to the user.
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;
