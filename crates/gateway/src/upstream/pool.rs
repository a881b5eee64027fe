//! One upstream address and its idle connections. The connection used last is used next, so that surplus ones age out.
//!
//! Each worker thread has connections of its own: they wake nobody else, and their lock is never contended. With a limit
//! (`pool.type: fixed`) all share one place, so that the limit is exact.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper::client::conn::http2;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use wellspring_daemon::worker;

use super::body::Outgoing;
use super::host_header;
use super::wire::Wire;
use crate::config::HttpClient;

/// An upstream that announces how long it keeps idle connections gets no request in the last moments of that time.
const MARGIN: Duration = Duration::from_secs(1);

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
    /// There is a limit to how long connections rest.
    timed: bool,
    /// By worker.
    places: Box<[Place]>,
    /// `pool.type: fixed`: how many may be in use.
    pub(super) permits: Option<Arc<Semaphore>>,
}

#[derive(Debug, Default)]
struct Place {
    idle: Mutex<Vec<Idle>>,
    /// HTTP/2 needs one connection only.
    shared: Mutex<Option<http2::SendRequest<Outgoing>>>,
}

/// An HTTP/1.1 connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) wire: Wire,
    born: Instant,
    /// Held while the connection is in use.
    permit: Option<OwnedSemaphorePermit>,
    /// How long the upstream said it keeps the connection.
    pub(super) patience: Option<Duration>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    /// Since when it rests, where that matters.
    since: Instant,
}

impl Connection {
    pub(super) fn new(wire: Wire, permit: Option<OwnedSemaphorePermit>) -> Self {
        Self { wire, born: Instant::now(), permit, patience: None }
    }

    /// Closes it and lets another take its place.
    pub(super) fn into_permit(self) -> Option<OwnedSemaphorePermit> {
        self.permit
    }
}

impl Idle {
    fn is_usable(&mut self, config: &HttpClient, sure: bool) -> bool {
        let (since, Connection { wire, born, patience, .. }) = (self.since, &mut self.connection);
        let patience = patience.map(|most| most.saturating_sub(MARGIN));
        // Most have no limit, and need no clock.
        [(config.max_idle_time, since), (patience, since), (config.max_life_time, *born)]
            .into_iter()
            .all(|(most, since)| most.is_none_or(|most| since.elapsed() < most))
            && wire.is_quiet(sure)
    }
}

impl Origin {
    pub(super) fn new(tls: bool, host: &str, port: u16, config: &HttpClient) -> Self {
        let places = if config.max_connections.is_some() { 1 } else { worker::count() };
        Self {
            tls,
            host: host.into(),
            port,
            shown: format!("{host}:{port}").into(),
            host_header: host_header(tls, host, port),
            timed: config.max_idle_time.is_some(),
            places: std::iter::repeat_with(Place::default).take(places.max(1)).collect(),
            permits: config.max_connections.map(|most| Arc::new(Semaphore::new(most.max(1)))),
        }
    }

    fn place(&self) -> Option<&Place> {
        self.places.get(worker::current() % self.places.len().max(1))
    }

    /// An idle connection that looks alive; who cannot send twice wants to be `sure` that nobody has hung up by now. A permit
    /// goes with it only if it is returned.
    pub(super) fn take(
        &self,
        config: &HttpClient,
        sure: bool,
        permit: &mut Option<OwnedSemaphorePermit>,
    ) -> Option<Connection> {
        let mut idle = self.place()?.idle.lock();
        while let Some(mut rested) = idle.pop() {
            if rested.is_usable(config, sure) {
                let mut connection = rested.connection;
                connection.permit = permit.take();
                return Some(connection);
            }
        }
        None
    }

    /// Gives a connection back after a complete exchange.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if !connection.wire.rest() {
            return;
        }
        let permit = connection.permit.take();
        if let Some(place) = self.place() {
            // The clock is read only for those who will ask.
            let timed = self.timed || connection.patience.is_some();
            let since = if timed { Instant::now() } else { connection.born };
            place.idle.lock().push(Idle { connection, since });
        }
        // Whoever waits for it finds the connection.
        drop(permit);
    }

    /// The HTTP/2 connection, if there is a living one.
    pub(super) fn shared(&self) -> Option<http2::SendRequest<Outgoing>> {
        let mut shared = self.place()?.shared.lock();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone()
    }

    pub(super) fn share(&self, sender: http2::SendRequest<Outgoing>) {
        if let Some(place) = self.place() {
            *place.shared.lock() = Some(sender);
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.places.iter().all(|place| place.idle.lock().is_empty() && place.shared.lock().is_none())
    }

    pub(super) fn sweep(&self, config: &HttpClient) {
        for place in &self.places {
            place.idle.lock().retain_mut(|idle| idle.is_usable(config, false));
            let mut shared = place.shared.lock();
            if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
                *shared = None;
            }
        }
    }
}
