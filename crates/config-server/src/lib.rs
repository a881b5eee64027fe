//! A Spring Cloud Config server.
