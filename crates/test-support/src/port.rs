//! Ports on 127.0.0.1 for servers that cannot be told port 0.
//!
//! A port that the system gives away may be given away again before the server listens on it: to another listener, or to an
//! outgoing connection. These lie below the system's range, and one file counts them for all test programs of the machine.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::{TcpListener, UdpSocket};
use std::ops::Range;

/// Above what programs are set to by default, below what the system gives away, and beside the recorded suites' fixed ports.
const PORTS: Range<u16> = 25_700..32_000;

/// A port nobody listens on, and that nobody else is told for a long time.
///
/// # Panics
/// When the machine has no port left.
pub fn free() -> u16 {
    // Where the file cannot be written, a port of the system is nearly as good.
    turns().ok().flatten().unwrap_or_else(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("a bound listener has an address").port()
    })
}

/// Takes turns: the next one that is free, of all that the machine's tests were told before.
fn turns() -> io::Result<Option<u16>> {
    let path = std::env::temp_dir().join("wellspring-test-ports");
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    // Unlocked when it is closed.
    file.lock()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let last = text.trim().parse().ok().filter(|last| PORTS.contains(last)).unwrap_or(PORTS.end - 1);
    let port = (last + 1..PORTS.end).chain(PORTS.start..=last).find(|port| is_free(*port));
    if let Some(port) = port {
        file.rewind()?;
        file.set_len(0)?;
        file.write_all(port.to_string().as_bytes())?;
    }
    Ok(port)
}

fn is_free(port: u16) -> bool {
    // Also on every address, as a daemon listens by default; name servers want both kinds.
    TcpListener::bind(("0.0.0.0", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn nobody_is_told_what_somebody_was_told_and_has_not_taken_yet() {
        let threads: Vec<_> =
            (0..8).map(|_| std::thread::spawn(|| (0..20).map(|_| free()).collect::<Vec<_>>())).collect();
        let all: Vec<u16> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let different: BTreeSet<u16> = all.iter().copied().collect();
        assert_eq!((all.len(), different.len()), (160, 160));
    }

    #[test]
    fn what_is_taken_is_passed_over() {
        let taken = TcpListener::bind(("127.0.0.1", free())).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(taken);
        assert!(is_free(port));
    }
}
