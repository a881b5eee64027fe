//! The registry among its peers.

mod receive;
