//! Headers that a proxy must drop, rewrite or add between its two sides.

pub mod believed;
pub mod forwarded;
pub mod hop_by_hop;
pub mod trusted;
pub mod x_forwarded;
