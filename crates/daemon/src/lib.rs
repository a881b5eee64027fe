//! A daemon's frame: arguments, boot, serve, actuator, shutdown.
