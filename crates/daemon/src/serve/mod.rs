//! The one accept loop: HTTP/1.1, h2c and TLS on one port, limits, graceful drain.
//!
//! A connection that has not said what it wants within the header time-out is closed. Draining closes idle connections
//! at once and busy ones after their answer.

mod connection;
mod draining;
mod framing;
pub(crate) mod http1;
mod listen;
mod proxy_protocol;
mod settings;
mod tls;
mod workers;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::HeaderValue;
use http::header::CONNECTION;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};
use wellspring_properties::Problem;
use wellspring_telemetry::{Counter, Meters, names};

pub(crate) use listen::bind;
pub(crate) use proxy_protocol::Trusted;
pub(crate) use settings::{Server, Shutdown};
pub(crate) use tls::Tls;

use crate::codes;
use crate::front::Front;
use crate::incoming::Incoming;
use crate::observe::Observed;
use crate::service::{Caller, Peer, Request};
use connection::Protocol;
use draining::Draining;
use workers::{Accepted, Workers};

/// How connections come in.
#[derive(Default)]
pub(crate) struct Entrance {
    pub(crate) tls: Option<Arc<Tls>>,
    /// So many threads of their own serve the connections; none: they are served where the listener runs.
    pub(crate) workers: Option<usize>,
    /// Whose word counts on where a connection comes from.
    pub(crate) proxies: Trusted,
    /// Counts connections that end before their first request.
    pub(crate) refused: Counter,
}

/// A listener that serves until it is drained.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) local_addr: SocketAddr,
    draining: Draining,
    /// Ends the workers, after the drain.
    ended: CancellationToken,
    connections: TaskTracker,
    secure: bool,
}

impl Serving {
    /// Begins to accept.
    pub(crate) fn start(
        (listener, local_addr): (TcpListener, SocketAddr),
        front: Arc<Front>,
        settings: &Server,
        entrance: Entrance,
    ) -> io::Result<Self> {
        let Entrance { tls, workers, proxies, refused } = entrance;
        let (draining, ended) = (Draining::default(), CancellationToken::new());
        let connections = TaskTracker::new();
        let protocol = Protocol::new(settings, tls, proxies, workers.is_some()).counting(refused);
        let secure = protocol.is_secure();
        let served = Arc::new(Served {
            front,
            protocol,
            draining: draining.clone(),
            connections: connections.clone(),
        });
        let workers = match workers {
            Some(count) => Some(Workers::start(count, &served, &ended)?),
            None => None,
        };
        let free = Arc::new(Semaphore::new(settings.tomcat.max_connections));
        connections.spawn(Acceptor { listener, local_addr, served, workers, free }.run());
        Ok(Self { local_addr, draining, ended, connections, secure })
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Shows how many connections are open.
    pub(crate) fn measure(&self, meters: &Meters) {
        let connections = self.connections.clone();
        // One of the tasks accepts.
        let open =
            move || u32::try_from(connections.len().saturating_sub(1)).map_or(f64::INFINITY, f64::from);
        meters.gauge_fn(names::SERVER_CONNECTIONS, &[], open);
    }

    /// Stops accepting and waits for the requests in flight; the number of connections left when `grace` is over.
    pub(crate) async fn drain(&self, grace: Duration) -> usize {
        self.draining.begin();
        self.connections.close();
        let left = match tokio::time::timeout(grace, self.connections.wait()).await {
            Ok(()) => 0,
            Err(_) => self.connections.len(),
        };
        self.ended.cancel();
        left
    }
}

/// A start that failed, as the user is told.
pub(crate) fn started(serving: io::Result<Serving>) -> Result<Serving, Problem> {
    serving.map_err(|error| {
        Problem::new(codes::LISTEN, format!("worker threads cannot be started: {error}"))
            .hint("check wellspring.threads and the limits of the process")
    })
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// How the connections of a listener are served: shared by all of them.
struct Served {
    front: Arc<Front>,
    protocol: Protocol,
    draining: Draining,
    connections: TaskTracker,
}

impl Served {
    /// Serves a connection in a task of the running worker; `held` is dropped with its end.
    fn spawn(self: &Arc<Self>, accepted: Accepted, held: impl Send + 'static) {
        let Accepted { stream, peer, permit } = accepted;
        let served = Arc::clone(self);
        self.connections.spawn(async move {
            let front = Arc::clone(&served.front);
            if let Err(error) = served.protocol.serve(stream, peer, front, &served.draining).await {
                debug!(remote = %peer.remote, %error, "connection ended");
            }
            drop((permit, held));
        });
    }
}

struct Acceptor {
    listener: TcpListener,
    local_addr: SocketAddr,
    served: Arc<Served>,
    workers: Option<Workers>,
    free: Arc<Semaphore>,
}

impl Acceptor {
    async fn run(self) {
        let draining = self.served.draining.clone();
        draining.token().run_until_cancelled(self.accept()).await;
    }

    async fn accept(self) {
        let secure = self.served.protocol.is_secure();
        // The permit is taken before accepting: beyond the limit connections wait in the kernel's queue.
        while let Ok(permit) = Arc::clone(&self.free).acquire_owned().await {
            let (stream, remote) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    warn!(%error, "connection was not accepted");
                    // Out of file descriptors: trying again at once would only burn the processor.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let peer = Peer { remote, local: self.local_addr, secure };
            let accepted = Accepted { stream, peer, permit };
            match &self.workers {
                Some(workers) => workers.give(accepted),
                None => self.served.spawn(accepted, ()),
            }
        }
    }
}

/// One connection's side of the service: adds the caller to every request.
struct Handler {
    front: Arc<Front>,
    caller: Caller,
    /// How many requests the connection may still bring.
    left: Option<AtomicU32>,
}

impl Handler {
    /// The answer to a request over HTTP/1.1.
    async fn answer(&self, request: Request) -> http::Response<Observed> {
        let last = self.is_last();
        let mut response = self.front.handle(request, self.caller.clone()).await;
        if last {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn is_last(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.fetch_sub(1, Relaxed) <= 1)
    }
}

impl hyper::service::Service<http::Request<hyper::body::Incoming>> for Handler {
    type Response = http::Response<Observed>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: http::Request<hyper::body::Incoming>) -> Self::Future {
        let front = Arc::clone(&self.front);
        let caller = self.caller.clone();
        let closes = self.is_last() && request.version() < http::Version::HTTP_2;
        Box::pin(async move {
            let mut response = front.handle(request.map(Incoming::Hyper), caller).await;
            if closes {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}
