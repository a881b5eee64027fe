//! The platform in one process (`up`), and the operator's command line.

pub mod cli;
mod codes;
mod commands;
mod links;
mod sample;
#[allow(dead_code, reason = "verbs of three rooms come to it one by one")]
mod server;
pub mod up;
