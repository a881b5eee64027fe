//! The PROXY protocol, versions 1 and 2: a load balancer in front says whose connection it passes on.
//!
//! Only from peers named in `wellspring.proxy-protocol.trusted`, and from them always: a receiver that guesses whether the
//! header is there believes whoever writes one.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};
use wellspring_properties::{Environment, Problem};

use crate::codes;
use crate::service::Peer;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// A line of version 1 with its end.
const LONGEST_LINE: usize = 107;
/// Addresses and extensions of version 2.
const LONGEST_BLOCK: usize = 4096;

/// Whose headers are believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trusted(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: IpAddr,
    bits: u32,
}

impl Trusted {
    /// `wellspring.proxy-protocol.trusted`: addresses and networks; absent: nobody.
    pub(crate) fn from_env(env: &Environment) -> Result<Self, Problem> {
        let key = "wellspring.proxy-protocol.trusted";
        let texts: Vec<String> = env.get_as(key)?.unwrap_or_default();
        let networks = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(|text| {
            network(text).ok_or_else(|| {
                Problem::new(codes::PROXY_PROTOCOL, "not an address or network".to_owned())
                    .found(text)
                    .at(env.origin(key))
                    .hint("addresses like 10.0.0.7 or networks like 10.0.0.0/8, separated by commas")
            })
        });
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }

    pub(super) fn covers(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.covers(peer))
    }
}

impl Network {
    fn covers(self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                let shift = 32 - self.bits.min(32);
                u32::from(base).checked_shr(shift) == u32::from(ip).checked_shr(shift)
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                let shift = 128 - self.bits.min(128);
                u128::from(base).checked_shr(shift) == u128::from(ip).checked_shr(shift)
            }
            _ => false,
        }
    }
}

fn network(text: &str) -> Option<Network> {
    let (base, bits) = match text.split_once('/') {
        Some((base, bits)) => (base, Some(bits.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let base: IpAddr = base.parse().ok()?;
    let most = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Network { base, bits })
}

/// Reads the header that must come first, and puts its addresses in the place of the connection's own.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S, peer: Peer) -> io::Result<Peer> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    let addresses =
        if start == *SIGNATURE { version2(stream).await? } else { version1(stream, &start).await? };
    Ok(addresses.map_or(peer, |(remote, local)| Peer { remote, local, ..peer }))
}

/// Source and destination; `None` when the sender speaks for itself (health checks) or about no TCP connection.
type Addresses = Option<(SocketAddr, SocketAddr)>;

async fn version1<S: AsyncRead + Unpin>(stream: &mut S, start: &[u8]) -> io::Result<Addresses> {
    let mut line = start.to_vec();
    // Byte by byte: what follows belongs to somebody else.
    while !line.ends_with(b"\r\n") {
        if !line.starts_with(b"PROXY ") || line.len() >= LONGEST_LINE {
            return Err(malformed());
        }
        line.push(stream.read_u8().await?);
    }
    let text = std::str::from_utf8(&line).map_err(|_| malformed())?;
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => Ok(None),
        ["PROXY", family @ ("TCP4" | "TCP6"), source, target, from, to] => {
            let address = |ip: &str, port: &str| -> Option<SocketAddr> {
                let ip: IpAddr = ip.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == (*family == "TCP4"))?;
                Some(SocketAddr::new(ip, port.parse().ok()?))
            };
            let both = address(source, from).zip(address(target, to));
            both.map(Some).ok_or_else(malformed)
        }
        _ => Err(malformed()),
    }
}

async fn version2<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Addresses> {
    let (command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if command >> 4 != 2 || command & 0xF > 1 || length > LONGEST_BLOCK {
        return Err(malformed());
    }
    let mut block = vec![0; length];
    stream.read_exact(&mut block).await?;
    if command & 0xF == 0 {
        return Ok(None);
    }
    let mut rest = block.as_slice();
    match family {
        0x11 => {
            let (source, target) = (take::<4>(&mut rest)?, take::<4>(&mut rest)?);
            let (from, to) = (port(&mut rest)?, port(&mut rest)?);
            let address = |ip: [u8; 4], port| SocketAddr::new(Ipv4Addr::from(ip).into(), port);
            Ok(Some((address(source, from), address(target, to))))
        }
        0x21 => {
            let (source, target) = (take::<16>(&mut rest)?, take::<16>(&mut rest)?);
            let (from, to) = (port(&mut rest)?, port(&mut rest)?);
            let address = |ip: [u8; 16], port| SocketAddr::new(Ipv6Addr::from(ip).into(), port);
            Ok(Some((address(source, from), address(target, to))))
        }
        _ => Ok(None),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> io::Result<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or_else(malformed)?;
    *rest = after;
    Ok(*first)
}

fn port(rest: &mut &[u8]) -> io::Result<u16> {
    take::<2>(rest).map(u16::from_be_bytes)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a trusted peer sent no PROXY header, or a malformed one")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    async fn remote(bytes: &[u8]) -> io::Result<(String, usize)> {
        let own = SocketAddr::from(([10, 0, 0, 1], 1));
        let peer = Peer { remote: own, local: own, secure: false };
        let mut rest = bytes;
        let read = read(&mut rest, peer).await?;
        Ok((read.remote.to_string(), rest.len()))
    }

    #[tokio::test]
    async fn both_versions_say_who_is_there_and_leave_the_rest() {
        let mut v2 = SIGNATURE.to_vec();
        v2.extend([0x21, 0x11, 0, 15, 203, 0, 113, 7, 10, 0, 0, 1, 0x9C, 0x40, 0x01, 0xBB, 4, 0, 0]);
        let mut local = SIGNATURE.to_vec();
        local.extend([0x20, 0, 0, 0]);
        let mut v6 = SIGNATURE.to_vec();
        v6.extend([0x21, 0x21, 0, 36]);
        v6.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        v6.extend([0; 16]);
        v6.extend([0, 80, 0, 81]);
        for (header, wanted) in [
            (b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 443\r\n".to_vec(), "203.0.113.7:40000"),
            (b"PROXY TCP6 2001:db8::7 ::1 40000 443\r\n".to_vec(), "[2001:db8::7]:40000"),
            (b"PROXY UNKNOWN\r\n".to_vec(), "10.0.0.1:1"),
            (v2, "203.0.113.7:40000"),
            (local, "10.0.0.1:1"),
            (v6, "[2001:db8::7]:80"),
        ] {
            let mut bytes = header.clone();
            bytes.extend_from_slice(b"GET /");
            assert_eq!(remote(&bytes).await.unwrap(), (wanted.to_owned(), 5), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let mut short = SIGNATURE.to_vec();
        short.extend([0x21, 0x11, 0, 4, 1, 2, 3, 4]);
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n".to_vec(),
            b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 1\r\n".to_vec(),
            [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
            short,
        ] {
            assert!(remote(&bytes).await.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn networks_cover_their_addresses() {
        for (text, ip, wanted) in [
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::1", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
        ] {
            let trusted = Trusted(vec![network(text).unwrap()]);
            assert_eq!(trusted.covers(ip.parse().unwrap()), wanted, "{text} {ip}");
        }
        assert!(network("10.0.0.0/33").is_none() && network("h").is_none());
    }

    #[tokio::test]
    async fn long_spoiled_headers_are_refused_or_leave_what_follows() {
        let mut v2 = SIGNATURE.to_vec();
        v2.extend([0x21, 0x11, 0, 15, 203, 0, 113, 7, 10, 0, 0, 1, 0x9C, 0x40, 0x01, 0xBB, 4, 0, 0]);
        let headers = [b"PROXY TCP4 203.0.113.7 10.0.0.1 40000 443\r\n".to_vec(), v2];
        let mut random = fastrand::Rng::with_seed(wellspring_test_support::long::seed());
        let time = wellspring_test_support::long::time(Duration::from_millis(500), Duration::from_secs(600));
        let (end, mut cases) = (Instant::now() + time, 0_u64);
        while Instant::now() < end {
            cases += 1;
            let mut bytes = headers[random.usize(..2)].clone();
            bytes.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
            for _ in 0..random.usize(..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..3) {
                    0 => bytes[at] = random.u8(..),
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.u8(..)),
                }
            }
            bytes.truncate(random.usize(1..=bytes.len() * 2).min(bytes.len()));
            if let Ok((remote, rest)) = remote(&bytes).await {
                assert!(rest < bytes.len() && remote.parse::<SocketAddr>().is_ok(), "{bytes:?}");
            }
        }
        println!("{cases} headers");
    }
}
