//! A Eureka registry.

pub mod state;
