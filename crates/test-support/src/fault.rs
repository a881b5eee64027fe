//! A TCP proxy that breaks connections on order: delay, silence, resets, refusals, bodies cut short.
//!
//! In-process stand-in for a bad network: needs no root, and each test owns its own. A change of fault also hits the
//! connections that are open. Faults of the wire below TCP (loss, reordering) are out of its reach.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// What the proxy does to traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    None,
    /// Holds each piece back, in both directions.
    Delay(Duration),
    /// Accepts and passes nothing on: a partition that drops packets.
    BlackHole,
    /// Ends connections with RST.
    Reset,
    /// Does not listen: connections are refused.
    Refuse,
    /// Passes this many bytes of each answer, then ends the connection with RST.
    CutAfter(usize),
    /// Passes this many bytes of each connection's answers, then nothing, and keeps the connection.
    StallAfter(usize),
}

/// Listens on a port of its own in front of one upstream.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    ready: watch::Receiver<Fault>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// # Panics
    /// When there is no free port.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::start_at([127, 0, 0, 1].into(), upstream)
    }

    /// As [`FaultProxy::start`], on another address of this machine.
    ///
    /// # Panics
    /// When there is no free port.
    pub fn start_at(ip: std::net::IpAddr, upstream: SocketAddr) -> Self {
        // It lets the port go while it refuses: nobody else may come by it.
        let listener = listen(SocketAddr::new(ip, crate::port::free())).expect("a free port for the proxy");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (fault, watching) = watch::channel(Fault::None);
        let (done, ready) = watch::channel(Fault::None);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime for the proxy")
                .block_on(run(address, listener, upstream, watching, done));
        });
        Self { address, fault, ready, thread: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns when the fault holds (when the port refuses, or accepts again).
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
        crate::poll::until("the proxy takes the fault", Duration::from_secs(60), || {
            *self.ready.borrow() == fault
        });
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The thread ends when the sender is gone.
        self.fault = watch::channel(Fault::None).0;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// SO_REUSEADDR, so that the same port can be listened on again after a refusal.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

async fn run(
    address: SocketAddr,
    first: TcpListener,
    upstream: SocketAddr,
    mut fault: watch::Receiver<Fault>,
    ready: watch::Sender<Fault>,
) {
    let mut listener = tokio::net::TcpListener::from_std(first).ok();
    loop {
        let now = *fault.borrow_and_update();
        if now == Fault::Refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(address).ok().and_then(|socket| tokio::net::TcpListener::from_std(socket).ok());
            if listener.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        }
        ready.send_replace(now);
        let Some(open) = &listener else {
            if fault.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            changed = fault.changed() => if changed.is_err() { return },
            accepted = open.accept() => if let Ok((client, _)) = accepted {
                tokio::spawn(carry(client, upstream, fault.clone()));
            }
        }
    }
}

async fn carry(client: TcpStream, upstream: SocketAddr, fault: watch::Receiver<Fault>) {
    if matches!(*fault.borrow(), Fault::Reset) {
        reset(&client);
        return;
    }
    let Ok(server) = TcpStream::connect(upstream).await else {
        reset(&client);
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let broken = {
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let up = pump(from_client, to_server, fault.clone(), false);
        let down = pump(from_server, to_client, fault, true);
        tokio::pin!(up, down);
        // One direction may end in good order while the other goes on; a fault ends both.
        let (first, up_ended) =
            tokio::select! { end = &mut up => (end, true), end = &mut down => (end, false) };
        match first {
            End::Broken(half) => Some(half),
            End::Closed => match if up_ended { down.await } else { up.await } {
                End::Broken(half) => Some(half),
                End::Closed => None,
            },
        }
    };
    if let Some(half) = broken {
        reset(half.as_ref());
    }
}

enum End {
    Closed,
    Broken(OwnedWriteHalf),
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    answer: bool,
) -> End {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            changed = fault.changed() => match changed {
                Ok(()) if matches!(*fault.borrow(), Fault::Reset | Fault::Refuse) => return End::Broken(to),
                Ok(()) => continue,
                Err(_) => return End::Closed,
            },
        };
        let mut count = match read {
            Ok(0) => {
                to.shutdown().await.ok();
                return End::Closed;
            }
            Ok(count) => count,
            Err(_) => return End::Broken(to),
        };
        let now = *fault.borrow();
        match now {
            Fault::None | Fault::Refuse => {}
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Reset => return End::Broken(to),
            Fault::BlackHole => {
                // What was in flight is delivered when the hole closes, as TCP would by retransmission.
                if fault.wait_for(|fault| *fault != Fault::BlackHole).await.is_err() {
                    return End::Closed;
                }
            }
            Fault::StallAfter(limit) if answer && passed + count > limit => {
                let allowed = limit.saturating_sub(passed);
                if to.write_all(buffer.get(..allowed).unwrap_or_default()).await.is_err() {
                    return End::Closed;
                }
                if fault.wait_for(|fault| *fault != now).await.is_err() {
                    return End::Closed;
                }
                buffer.copy_within(allowed..count, 0);
                passed += allowed;
                count -= allowed;
            }
            Fault::CutAfter(limit) if answer => count = count.min(limit.saturating_sub(passed)),
            Fault::CutAfter(_) | Fault::StallAfter(_) => {}
        }
        if to.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
            return End::Closed;
        }
        passed += count;
        if answer && matches!(now, Fault::CutAfter(limit) if passed >= limit) {
            // Lets what was passed arrive before the reset overtakes it.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return End::Broken(to);
        }
    }
}

/// Closing with a linger time of zero sends RST instead of FIN.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Echo, http1};
    use tokio::time::Instant;

    #[test]
    fn passes_on_delays_refuses_resets_and_recovers() {
        let echo = Echo::start();
        let proxy = FaultProxy::start(echo.address());
        let get = || http1::get(proxy.port(), "/x");
        assert_eq!(get().unwrap().status, 200);

        proxy.set(Fault::Delay(Duration::from_millis(60)));
        let started = Instant::now();
        assert_eq!(get().unwrap().status, 200);
        assert!(started.elapsed() >= Duration::from_millis(120), "held back in both directions");

        proxy.set(Fault::Refuse);
        assert_eq!(get().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        proxy.set(Fault::Reset);
        assert_eq!(get().unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        proxy.set(Fault::None);
        assert_eq!(get().unwrap().status, 200);
    }

    #[test]
    fn cuts_a_body_short() {
        let echo = Echo::start();
        let proxy = FaultProxy::start(echo.address());
        proxy.set(Fault::CutAfter(400));
        assert!(http1::get(proxy.port(), "/bytes/100000").is_err());
    }

    #[test]
    fn a_body_stops_and_goes_on() {
        let echo = Echo::start();
        let proxy = FaultProxy::start(echo.address());
        proxy.set(Fault::StallAfter(400));
        let port = proxy.port();
        let waiting = std::thread::spawn(move || http1::get(port, "/bytes/100000").map(|r| r.body.len()));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished());
        proxy.set(Fault::None);
        assert_eq!(waiting.join().unwrap().unwrap(), 100_000);
    }

    #[test]
    fn a_black_hole_is_silent_until_it_closes() {
        let echo = Echo::start();
        let proxy = FaultProxy::start(echo.address());
        proxy.set(Fault::BlackHole);
        let port = proxy.port();
        let waiting = std::thread::spawn(move || http1::get(port, "/x").map(|reply| reply.status));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiting.is_finished() && echo.requests().is_empty());
        proxy.set(Fault::None);
        assert_eq!(waiting.join().unwrap().unwrap(), 200);
    }
}
