//! A Eureka registry.
