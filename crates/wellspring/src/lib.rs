//! The platform in one process (`up`), and the operator's command line.

pub mod cli;
mod codes;
mod commands;
mod links;
#[cfg(test)]
mod reference;
mod sample;
mod server;
mod settings;
pub mod up;
