//! What is noted about every request: its time by route template, its span, how many are in flight.
//!
//! The clock stops when the answer's body has been handed over whole, so streams count in full.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::extract::MatchedPath;
use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::warn;
use wellspring_telemetry::traces::Span;
use wellspring_telemetry::{Gauge, Meters, Timer, names};

use crate::hashing::Short;

/// The timers of `http.server.requests`, found by template, method and status without a lock.
#[derive(Debug)]
pub(crate) struct Requests {
    meters: Meters,
    active: Gauge,
    by_uri: ArcSwap<Timers>,
    binding: Mutex<()>,
    /// `management.metrics.web.server.max-uri-tags`.
    most_uris: usize,
    full: AtomicBool,
}

/// By template.
type Timers = HashMap<Arc<str>, Vec<Bound>, Short>;

#[derive(Clone, Debug)]
struct Bound {
    method: &'static str,
    status: StatusCode,
    exception: Option<Arc<str>>,
    timer: Timer,
}

impl Bound {
    fn is(&self, method: &str, status: StatusCode, exception: Option<&str>) -> bool {
        self.status == status && self.method == method && self.exception.as_deref() == exception
    }
}

impl Requests {
    pub(crate) fn new(meters: &Meters, most_uris: usize) -> Self {
        Self {
            meters: meters.clone(),
            active: meters.gauge(names::HTTP_SERVER_REQUESTS_ACTIVE, &[]),
            by_uri: ArcSwap::default(),
            binding: Mutex::new(()),
            most_uris,
            full: AtomicBool::new(false),
        }
    }

    /// Templates beyond the limit are left out.
    fn record(
        &self,
        uri: &str,
        method: &'static str,
        status: StatusCode,
        exception: Option<&str>,
        took: Duration,
    ) {
        let same = |bound: &&Bound| bound.is(method, status, exception);
        if let Some(bound) = self.by_uri.load().get(uri).and_then(|all| all.iter().find(same)) {
            bound.timer.record(took);
        } else if let Some(timer) = self.bind(uri, method, status, exception) {
            timer.record(took);
        }
    }

    fn bind(
        &self,
        uri: &str,
        method: &'static str,
        status: StatusCode,
        exception: Option<&str>,
    ) -> Option<Timer> {
        let _binding = self.binding.lock();
        let known = self.by_uri.load_full();
        let same = |bound: &&Bound| bound.is(method, status, exception);
        if let Some(bound) = known.get(uri).and_then(|all| all.iter().find(same)) {
            return Some(bound.timer.clone());
        }
        if known.len() >= self.most_uris && !known.contains_key(uri) {
            if !self.full.swap(true, Relaxed) {
                warn!(
                    most = self.most_uris,
                    "too many uri tags for http.server.requests; further ones are not measured"
                );
            }
            return None;
        }
        let code = status.as_str();
        let thrown = exception.unwrap_or("none");
        let tags = [
            ("error", thrown),
            ("exception", thrown),
            ("method", method),
            ("outcome", outcome(status)),
            ("status", code),
            ("uri", uri),
        ];
        let timer = self.meters.timer(names::HTTP_SERVER_REQUESTS, &tags);
        let mut more = Timers::clone(&known);
        let exception = exception.map(Arc::from);
        more.entry(uri.into()).or_default().push(Bound { method, status, exception, timer: timer.clone() });
        self.by_uri.store(Arc::new(more));
        Some(timer)
    }
}

pub(crate) fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "INFORMATIONAL",
        200..300 => "SUCCESS",
        300..400 => "REDIRECTION",
        400..500 => "CLIENT_ERROR",
        500..600 => "SERVER_ERROR",
        _ => "UNKNOWN",
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        _ => "UNKNOWN",
    }
}

/// A request that is being answered. Dropping it ends it: a caller that went away is counted, too.
#[derive(Debug)]
pub(crate) struct Observation {
    requests: Arc<Requests>,
    begun: Instant,
    method: &'static str,
    /// With the path for its tags when it is reported.
    span: Option<(Span, Option<String>)>,
    answer: Option<Answer>,
}

/// The template a request was answered by, as it is at hand.
#[derive(Debug)]
pub(crate) enum Route {
    Fixed(&'static str),
    Shared(Arc<str>),
    Matched(MatchedPath),
}

impl Route {
    fn as_str(&self) -> &str {
        match self {
            Self::Fixed(text) => text,
            Self::Shared(text) => text,
            Self::Matched(path) => path.as_str(),
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    uri: Route,
    thrown: Option<Thrown>,
}

/// What an application's failure is called and what it says, for metrics and spans: a response extension. The answer stays
/// as it is.
#[derive(Clone, Debug)]
pub struct Thrown {
    /// The simple name that the original's exception has.
    pub exception: String,
    pub message: String,
}

impl Observation {
    pub(crate) fn begin(requests: &Arc<Requests>, wanted: &Method, path: &str, span: Span) -> Self {
        requests.active.add(1.0);
        let path = span.is_recorded().then(|| path.to_owned());
        Self {
            requests: Arc::clone(requests),
            begun: span.begun(),
            method: method(wanted),
            span: Some((span, path)),
            answer: None,
        }
    }

    /// The head of the answer is known; the body follows.
    pub(crate) fn answered(&mut self, status: StatusCode, uri: Route, thrown: Option<Thrown>) {
        self.answer = Some(Answer { status, uri, thrown });
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.requests.active.add(-1.0);
        let Some(Answer { status, uri, thrown }) = self.answer.take() else { return };
        let exception = thrown.as_ref().map(|thrown| thrown.exception.as_str());
        self.requests.record(uri.as_str(), self.method, status, exception, self.begun.elapsed());
        let Some((span, path)) = self.span.take() else { return };
        let method = self.method;
        span.end(move || {
            let (exception, message) = match thrown {
                None => ("none".to_owned(), None),
                Some(Thrown { exception, message }) => (exception, Some(message)),
            };
            let uri = uri.as_str();
            let mut tags = vec![
                ("exception", exception),
                ("http.url", path.unwrap_or_default()),
                ("method", method.to_owned()),
                ("outcome", outcome(status).to_owned()),
                ("status", status.as_str().to_owned()),
                ("uri", uri.to_owned()),
            ];
            tags.extend(message.filter(|message| !message.is_empty()).map(|message| ("error", message)));
            let mut name = format!("http {}", method.to_lowercase());
            // What has no template has no part in the name either.
            if uri != "UNKNOWN" {
                name = format!("{name} {uri}");
            }
            (name.into(), tags)
        });
    }
}

/// An answer's body that ends the observation with itself.
#[derive(Debug)]
pub(crate) struct Observed {
    inner: Body,
    observation: Option<Observation>,
}

impl Observed {
    pub(crate) fn new(inner: Body, observation: Option<Observation>) -> Self {
        Self { inner, observation }
    }
}

impl http_body::Body for Observed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.observation = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
