//! The one accept loop: HTTP/1.1, h2c and TLS on one port, limits, graceful drain.
//!
//! A connection that has not said what it wants within the header time-out is closed. Draining closes idle connections
//! at once and busy ones after their answer.

mod connection;
mod framing;
mod listen;
mod settings;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

pub(crate) use listen::bind;
pub(crate) use settings::{Server, Shutdown};
pub(crate) use tls::Tls;

use crate::front::Front;
use crate::observe::Observed;
use crate::service::{Peer, Request};
use connection::Protocol;

/// A listener that serves until it is drained.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) local_addr: SocketAddr,
    draining: CancellationToken,
    connections: TaskTracker,
    secure: bool,
}

impl Serving {
    /// Begins to accept.
    pub(crate) fn start(
        (listener, local_addr): (TcpListener, SocketAddr),
        front: Arc<Front>,
        settings: &Server,
        tls: Option<Arc<Tls>>,
    ) -> Self {
        let draining = CancellationToken::new();
        let connections = TaskTracker::new();
        let protocol = Arc::new(Protocol::new(settings, tls));
        let secure = protocol.is_secure();
        let acceptor = Acceptor {
            listener,
            local_addr,
            front,
            protocol,
            free: Arc::new(Semaphore::new(settings.tomcat.max_connections)),
            draining: draining.clone(),
            connections: connections.clone(),
        };
        connections.spawn(acceptor.run());
        Self { local_addr, draining, connections, secure }
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Stops accepting and waits for the requests in flight; the number of connections left when `grace` is over.
    pub(crate) async fn drain(&self, grace: Duration) -> usize {
        self.draining.cancel();
        self.connections.close();
        match tokio::time::timeout(grace, self.connections.wait()).await {
            Ok(()) => 0,
            Err(_) => self.connections.len(),
        }
    }
}

struct Acceptor {
    listener: TcpListener,
    local_addr: SocketAddr,
    front: Arc<Front>,
    protocol: Arc<Protocol>,
    free: Arc<Semaphore>,
    draining: CancellationToken,
    connections: TaskTracker,
}

impl Acceptor {
    async fn run(self) {
        let draining = self.draining.clone();
        draining.run_until_cancelled(self.accept()).await;
    }

    async fn accept(self) {
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
            let peer = Peer { remote, local: self.local_addr, secure: self.protocol.is_secure() };
            let (front, protocol) = (Arc::clone(&self.front), Arc::clone(&self.protocol));
            let draining = self.draining.clone();
            self.connections.spawn(async move {
                let served = protocol.serve(stream, peer, front, draining).await;
                if let Err(error) = served {
                    debug!(%remote, %error, "connection ended");
                }
                drop(permit);
            });
        }
    }
}

/// One connection's side of the service: adds the peer to every request.
#[derive(Clone)]
struct Handler {
    front: Arc<Front>,
    peer: Peer,
}

impl hyper::service::Service<Request> for Handler {
    type Response = http::Response<Observed>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, mut request: Request) -> Self::Future {
        let front = Arc::clone(&self.front);
        request.extensions_mut().insert(self.peer);
        Box::pin(async move { Ok(front.handle(request).await) })
    }
}
