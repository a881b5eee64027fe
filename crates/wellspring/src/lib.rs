//! The platform in one process (`up`), and the operator's command line.

pub mod cli;
mod commands;
mod links;
mod sample;
pub mod up;
