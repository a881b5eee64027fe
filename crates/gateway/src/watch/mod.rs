//! Requests as others want to see them: the access log, whoever taps, who wants to replay them. Off, they cost a look at
//! three flags.

pub mod access_log;
pub mod entry;
pub mod recorder;
pub mod tap;

use std::sync::Arc;

use axum::body::Body;
use http::Response;
use tokio::time::Instant;
use wellspring_daemon::{Peer, Request};
use wellspring_properties::{Environment, Problem};
use wellspring_telemetry::Meters;

use crate::exchange::Exchange;
use access_log::AccessLog;
use entry::{Counted, Entry};
use recorder::Recorder;
use tap::Tap;

/// Sees every request when somebody wants to.
#[derive(Debug)]
pub struct Watch {
    log: Option<Arc<AccessLog>>,
    pub tap: Arc<Tap>,
    pub recorder: Arc<Recorder>,
}

/// What the proxy found out about a request: an extension of its answer.
#[derive(Debug, Clone)]
pub struct Told {
    pub route: Arc<str>,
    pub consumer: Option<Arc<str>>,
    /// The instance or address that was asked.
    pub upstream: Option<String>,
}

impl Told {
    #[must_use]
    pub fn of(exchange: &Exchange) -> Self {
        Self {
            route: Arc::clone(&exchange.route.id),
            consumer: exchange.principal.as_ref().map(|known| Arc::clone(&known.name)),
            upstream: exchange.upstream(),
        }
    }
}

/// A request that is being watched.
#[derive(Debug)]
pub struct Watched {
    entry: Entry,
    log: Option<Arc<AccessLog>>,
    tap: Option<Arc<Tap>>,
    recorder: Option<Arc<Recorder>>,
    started: Instant,
}

impl Watch {
    pub fn read(env: &Environment, meters: &Meters) -> Result<Self, Problem> {
        Ok(Self {
            log: AccessLog::read(env, meters)?.map(Arc::new),
            tap: Arc::default(),
            recorder: Arc::new(Recorder::read(env)?),
        })
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        self.log.is_some() || self.tap.is_on() || self.recorder.is_on()
    }

    /// Notes a request as it came. `None` when nobody watches.
    #[must_use]
    pub fn begin(&self, request: &Request, peer: Peer) -> Option<Watched> {
        if !self.is_on() {
            return None;
        }
        let tap = self.tap.is_on().then(|| Arc::clone(&self.tap));
        let recorder = self.recorder.is_on().then(|| Arc::clone(&self.recorder));
        let entry = Entry::new(request, Some(peer.remote), tap.is_some() || recorder.is_some());
        Some(Watched { entry, log: self.log.clone(), tap, recorder, started: Instant::now() })
    }
}

impl Watched {
    /// Follows the answer to its end.
    #[must_use]
    pub fn end(mut self, response: Response<Body>) -> Response<Body> {
        let (mut head, body) = response.into_parts();
        let told = head.extensions.remove::<Told>();
        self.entry.answered(head.status, &head.headers, told, self.started.elapsed());
        let Self { entry, log, tap, recorder, started } = self;
        let counted = Counted::new(body, started, entry, move |entry| {
            if let Some(tap) = &tap {
                tap.show(&entry);
            }
            if let Some(recorder) = &recorder {
                recorder.note(&entry);
            }
            if let Some(log) = &log {
                log.write(&entry);
            }
        });
        Response::from_parts(head, Body::new(counted))
    }
}
