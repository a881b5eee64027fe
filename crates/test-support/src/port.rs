//! Free ports on 127.0.0.1.
//!
//! A port is free when asked and may be taken a moment later; where a server can be told port 0, prefer that.

use std::net::TcpListener;

/// A port nobody listens on now.
///
/// # Panics
/// When the machine has no port left.
pub fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}
