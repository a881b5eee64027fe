//! Binding a port, and saying who has it when it is taken.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use wellspring_properties::Problem;

use crate::codes;

/// A listening socket. `wants` is the application's name and `key` the property that chose the port.
pub(crate) fn bind(
    address: Option<IpAddr>,
    port: u16,
    backlog: i32,
    wants: &str,
    key: &str,
) -> Result<(TcpListener, SocketAddr), Problem> {
    let bound = match address {
        Some(ip) => open(SocketAddr::new(ip, port), backlog),
        // Both families on one socket, as Java does; machines without IPv6 get IPv4 alone.
        None => open(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port), backlog).or_else(|error| {
            if error.kind() == io::ErrorKind::AddrInUse {
                return Err(error);
            }
            open(SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), port), backlog)
        }),
    };
    bound.map_err(|error| refused(&error, address, port, wants, key))
}

fn open(address: SocketAddr, backlog: i32) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the kernel to forget the connections of the last run.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

fn refused(error: &io::Error, address: Option<IpAddr>, port: u16, wants: &str, key: &str) -> Problem {
    let place = address.map_or_else(String::new, |ip| format!(" on {ip}"));
    if error.kind() == io::ErrorKind::AddrInUse {
        let holder = holder(port).map_or_else(String::new, |who| format!(", held by {who}"));
        let message = format!("port {port}{place} is taken{holder}; {wants} wants to listen there");
        let variable = key.replace(['.', '-'], "_").to_uppercase();
        let hint = format!("stop the other process, or choose a port: --{key}=PORT or {variable}=PORT");
        return Problem::new(codes::PORT_TAKEN, message).hint(hint);
    }
    let message = format!("{wants} cannot listen on port {port}{place}: {error}");
    Problem::new(codes::LISTEN, message).hint(format!("check {key} and server.address"))
}

/// `name (pid 4711)` of the process that listens on `port`, as far as `/proc` shows it to us.
fn holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = std::fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
            // 0A is the state LISTEN.
            let listens = *fields.get(3)? == "0A" && u16::from_str_radix(local_port, 16) == Ok(port);
            listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
    })?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files.flatten().any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
        });
        if holds {
            return Some(format!("{} (pid {pid})", program(&process.path())));
        }
    }
    None
}

/// The program's name: of its command line, because the kernel's own record of it ends after 15 letters.
fn program(process: &Path) -> String {
    let words = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let first = words.split(|byte| *byte == 0).next().unwrap_or_default();
    let path = String::from_utf8_lossy(first);
    match Path::new(&*path).file_name().filter(|name| !name.is_empty()) {
        Some(name) => name.to_string_lossy().into_owned(),
        None => std::fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn a_taken_port_names_the_port_the_wanter_the_holder_and_the_way_out() {
        let loopback = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (_first, address) = bind(loopback, 0, 16, "first", "server.port").unwrap();
        let problem = bind(loopback, address.port(), 16, "orders", "server.port").unwrap_err();
        let text = problem.to_string();
        let pid = std::process::id().to_string();
        for part in [&address.port().to_string(), "orders", "SERVER_PORT=", &pid] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
