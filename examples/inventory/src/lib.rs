//! An example service: configured by the config server.
