//! What a Rust service embeds: discovery, load-balanced calls, configuration with refresh.
