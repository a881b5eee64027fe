//! One upstream address and its idle connections. The connection used last is used next, so that surplus ones age out.

use std::sync::Arc;

use http::HeaderValue;
use hyper::client::conn::{http1, http2};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::body::Outgoing;
use super::host_header;
use crate::config::HttpClient;

/// Scheme, host and port of an upstream.
#[derive(Debug)]
pub struct Origin {
    pub tls: bool,
    /// As the URI has it: an IPv6 address is in brackets.
    pub host: Box<str>,
    pub port: u16,
    /// `host:port`, for logs.
    pub shown: Box<str>,
    pub(crate) host_header: HeaderValue,
    idle: Mutex<Vec<Idle>>,
    /// HTTP/2 needs one connection only.
    pub(super) shared: Mutex<Option<http2::SendRequest<Outgoing>>>,
    /// `pool.type: fixed`: how many may be open.
    pub(super) permits: Option<Arc<Semaphore>>,
}

/// An HTTP/1.1 connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) sender: http1::SendRequest<Outgoing>,
    born: Instant,
    /// Held while the connection is open.
    _permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Connection {
    pub(super) fn new(
        sender: http1::SendRequest<Outgoing>,
        permit: Option<tokio::sync::OwnedSemaphorePermit>,
    ) -> Self {
        Self { sender, born: Instant::now(), _permit: permit }
    }

    fn is_usable(&self, config: &HttpClient, now: Instant) -> bool {
        !self.sender.is_closed()
            && config.max_life_time.is_none_or(|most| now.duration_since(self.born) < most)
    }
}

impl Origin {
    pub(super) fn new(tls: bool, host: &str, port: u16, config: &HttpClient) -> Self {
        Self {
            tls,
            host: host.into(),
            port,
            shown: format!("{host}:{port}").into(),
            host_header: host_header(tls, host, port),
            idle: Mutex::default(),
            shared: Mutex::default(),
            permits: config.max_connections.map(|most| Arc::new(Semaphore::new(most.max(1)))),
        }
    }

    /// An idle connection that looks alive.
    pub(super) fn take(&self, config: &HttpClient) -> Option<Connection> {
        let mut idle = self.idle.lock();
        if idle.is_empty() {
            return None;
        }
        let now = Instant::now();
        while let Some(Idle { connection, since }) = idle.pop() {
            let rested = config.max_idle_time.is_none_or(|most| now.duration_since(since) < most);
            if rested && connection.is_usable(config, now) {
                return Some(connection);
            }
        }
        None
    }

    /// Gives a connection back after a complete exchange.
    pub(super) fn give_back(&self, connection: Connection) {
        if !connection.sender.is_closed() {
            self.idle.lock().push(Idle { connection, since: Instant::now() });
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.idle.lock().is_empty() && self.shared.lock().is_none()
    }

    pub(super) fn sweep(&self, config: &HttpClient) {
        let now = Instant::now();
        self.idle.lock().retain(|Idle { connection, since }| {
            config.max_idle_time.is_none_or(|most| now.duration_since(*since) < most)
                && connection.is_usable(config, now)
        });
        let mut shared = self.shared.lock();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
    }
}
