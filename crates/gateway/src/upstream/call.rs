//! One call: a connection, the request on it, the head of the answer; the connection goes back when the body has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use wellspring_lb_client::{Balancer, Ended, InFlight, Instance};

use super::Upstreams;
use super::body::Outgoing;
use super::connect::Opened;
use super::pool::{Connection, Origin};
use crate::error::Error;
use crate::headers::hop_by_hop;

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// Until the head of the answer.
    pub response: Option<Duration>,
}

impl Upstreams {
    /// Sends a request and waits for the head of the answer.
    pub async fn call(
        &self,
        origin: &Arc<Origin>,
        request: Request<Outgoing>,
        sent: Option<Arc<AtomicBool>>,
        timeouts: Timeouts,
    ) -> Result<Response<Answer>, Error> {
        let Some(limit) = timeouts.response else {
            return self.exchange(origin, request, sent, timeouts.connect).await;
        };
        match tokio::time::timeout(limit, self.exchange(origin, request, sent, timeouts.connect)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(Error::ResponseTimeout { upstream: origin.shown.to_string(), millis: limit.as_millis() })
            }
        }
    }

    async fn exchange(
        &self,
        origin: &Arc<Origin>,
        mut request: Request<Outgoing>,
        sent: Option<Arc<AtomicBool>>,
        connect: Duration,
    ) -> Result<Response<Answer>, Error> {
        let grpc = hop_by_hop::is_grpc(request.headers());
        if (grpc || self.config.http2)
            && let Some(sender) = self.shared(origin)
        {
            return over_http2(origin, sender, request).await;
        }
        // Connections left idle may be dead without our knowing: one that turns out so costs another try, not an error.
        while let Some(mut connection) = self.reuse(origin, grpc).await {
            let again = repeatable(&request);
            match connection.sender.try_send_request(request).await {
                Ok(response) => return Ok(answer(origin, connection, response, sent)),
                Err(mut failure) => match failure.take_message() {
                    Some(unsent) => request = unsent,
                    None => match again {
                        Some(copy) if connection_died(failure.error()) => request = copy,
                        _ => return Err(broken(origin, failure.error(), false)),
                    },
                },
            }
        }
        match self.open(origin, grpc, connect).await? {
            (Opened::Http1(sender), permit) => {
                let mut connection = Connection::new(sender, permit);
                match connection.sender.try_send_request(request).await {
                    Ok(response) => Ok(answer(origin, connection, response, sent)),
                    Err(mut failure) => {
                        let unsent = failure.take_message().is_some();
                        Err(broken(origin, failure.error(), unsent))
                    }
                }
            }
            (Opened::Http2(sender), _) => {
                *origin.shared.lock() = Some(sender.clone());
                over_http2(origin, sender, request).await
            }
        }
    }

    fn shared(&self, origin: &Origin) -> Option<hyper::client::conn::http2::SendRequest<Outgoing>> {
        let mut shared = origin.shared.lock();
        match shared.as_ref() {
            Some(sender) if !sender.is_closed() => Some(sender.clone()),
            _ => {
                *shared = None;
                None
            }
        }
    }

    async fn reuse(&self, origin: &Origin, grpc: bool) -> Option<Connection> {
        if grpc || !self.config.pooled {
            return None;
        }
        loop {
            let mut connection = origin.take(&self.config)?;
            if connection.sender.is_ready() || connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    async fn open(
        &self,
        origin: &Arc<Origin>,
        grpc: bool,
        connect: Duration,
    ) -> Result<(Opened, Option<tokio::sync::OwnedSemaphorePermit>), Error> {
        let permit = match &origin.permits {
            None => None,
            Some(permits) => {
                let limit = self.config.acquire_timeout;
                match tokio::time::timeout(limit, Arc::clone(permits).acquire_owned()).await {
                    Ok(permit) => permit.ok(),
                    Err(_) => {
                        let upstream = origin.shown.to_string();
                        return Err(Error::PoolExhausted { upstream, millis: limit.as_millis() });
                    }
                }
            }
        };
        let upstream = || origin.shown.to_string();
        match tokio::time::timeout(connect, self.connector.open(origin, grpc)).await {
            Ok(Ok(opened)) => Ok((opened, permit)),
            Ok(Err(error)) => Err(Error::Connect { upstream: upstream(), reason: error.to_string() }),
            Err(_) => Err(Error::ConnectTimeout { upstream: upstream(), millis: connect.as_millis() }),
        }
    }
}

async fn over_http2(
    origin: &Arc<Origin>,
    mut sender: hyper::client::conn::http2::SendRequest<Outgoing>,
    mut request: Request<Outgoing>,
) -> Result<Response<Answer>, Error> {
    let uri = http::Uri::builder()
        .scheme(if origin.tls { "https" } else { "http" })
        .authority(request.headers().get(http::header::HOST).unwrap_or(&origin.host_header).as_bytes())
        .path_and_query(request.uri().path_and_query().map_or("/", |path| path.as_str()))
        .build()
        .map_err(|error| Error::Unroutable(error.to_string()))?;
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    request.headers_mut().remove(http::header::HOST);
    sender.ready().await.map_err(|error| broken(origin, &error, true))?;
    let response = sender.send_request(request).await.map_err(|error| broken(origin, &error, false))?;
    Ok(response.map(|body| Answer { body, back: None, call: None }))
}

/// A copy to send again when the connection turns out dead: only of what may be sent twice.
fn repeatable(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    let body = match request.body() {
        Outgoing::Empty => Outgoing::Empty,
        Outgoing::Full(bytes) => Outgoing::Full(bytes.clone()),
        Outgoing::Stream { .. } => return None,
    };
    if !is_idempotent(request.method()) {
        return None;
    }
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = HeaderMap::clone(request.headers());
    Some(copy)
}

fn is_idempotent(method: &Method) -> bool {
    method.is_idempotent()
}

/// No byte of an answer had come.
fn connection_died(error: &hyper::Error) -> bool {
    error.is_incomplete_message() || error.is_canceled() || error.is_closed() || is_io(error)
}

fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

fn broken(origin: &Origin, error: &hyper::Error, safe: bool) -> Error {
    // The client's body ended early or was malformed: nobody upstream is to blame.
    if error.is_user() {
        return Error::RequestBody(error.to_string());
    }
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Error::Broken { upstream: origin.shown.to_string(), reason, safe: safe || error.is_canceled() }
}

fn answer(
    origin: &Arc<Origin>,
    connection: Connection,
    response: Response<Incoming>,
    sent: Option<Arc<AtomicBool>>,
) -> Response<Answer> {
    response.map(|body| {
        let back = Back { origin: Arc::clone(origin), connection, sent };
        if body.is_end_stream() {
            back.give();
            return Answer { body, back: None, call: None };
        }
        Answer { body, back: Some(back), call: None }
    })
}

/// A connection that is to go back to its pool.
#[derive(Debug)]
struct Back {
    origin: Arc<Origin>,
    connection: Connection,
    /// Set when the body of the request was sent to its end.
    sent: Option<Arc<AtomicBool>>,
}

impl Back {
    fn give(self) {
        // An answer that came before the request was sent whole leaves a connection nobody else can use.
        if self.sent.is_none_or(|sent| sent.load(Ordering::Acquire)) {
            self.origin.give_back(self.connection);
        }
    }
}

/// A call to an instance that a balancer chose, which hears how it ended.
#[derive(Debug)]
pub struct Counted {
    call: InFlight,
    balancer: Arc<Balancer>,
    instance: Instance,
}

impl Counted {
    #[must_use]
    pub fn begin(balancer: Arc<Balancer>, instance: Instance) -> Self {
        Self { call: instance.load().begin(), balancer, instance }
    }

    /// `refused`: not even a connection came about.
    pub fn end(self, ended: Ended, refused: bool) {
        self.balancer.ended(self.call, &self.instance, ended, refused);
    }
}

/// The body of an answer. At its end the connection goes back, and the balancer hears of it.
#[derive(Debug)]
pub struct Answer {
    body: Incoming,
    back: Option<Back>,
    call: Option<(Counted, Ended)>,
}

impl Answer {
    /// Tells the instance's load figures when the body has ended.
    pub fn count(&mut self, call: Counted, ended: Ended) {
        if self.body.is_end_stream() {
            call.end(ended, false);
        } else {
            self.call = Some((call, ended));
        }
    }

    fn finished(&mut self) {
        if let Some(back) = self.back.take() {
            back.give();
        }
        if let Some((call, ended)) = self.call.take() {
            call.end(ended, false);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(None) => self.finished(),
            Poll::Ready(Some(Ok(_))) if self.body.is_end_stream() => self.finished(),
            Poll::Ready(Some(Err(_))) => {
                self.back = None;
                if let Some((call, _)) = self.call.take() {
                    call.end(Ended::Failed, false);
                }
            }
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
