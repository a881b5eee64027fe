//! Tests across daemons.
