//! Where definitions come from. One file per source; the refresh asks all of them and compiles the whole set.

pub mod discovery;
pub mod files;
pub mod memory;
pub mod properties;
pub mod redis;
