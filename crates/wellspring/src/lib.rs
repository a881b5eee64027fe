//! The platform in one process (`up`), and the operator's command line.

pub mod cli;
mod codes;
mod commands;
mod links;
mod sample;
mod server;
mod settings;
pub mod up;
