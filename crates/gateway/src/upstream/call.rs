//! One call: a connection, the request on it, the head of the answer; the connection goes back when the body has ended.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Upstreams;
use super::answer::Answer;
use super::body::Outgoing;
use super::connect::Opened;
use super::pool::{Connection, Origin};
use super::wire::{Failure, Head, Upload};
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
    /// Sends a request and waits for the head of the answer. After an error the request is whole again, unless some of a
    /// streamed body has gone out ([`Outgoing::has_begun`]).
    pub async fn call(
        &self,
        origin: &Arc<Origin>,
        request: &mut Request<Outgoing>,
        timeouts: Timeouts,
    ) -> Result<Response<Answer>, Error> {
        let Some(limit) = timeouts.response else {
            return self.exchange(origin, request, timeouts.connect).await;
        };
        match tokio::time::timeout(limit, self.exchange(origin, request, timeouts.connect)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                Err(Error::ResponseTimeout { upstream: origin.shown.to_string(), millis: limit.as_millis() })
            }
        }
    }

    async fn exchange(
        &self,
        origin: &Arc<Origin>,
        request: &mut Request<Outgoing>,
        connect: Duration,
    ) -> Result<Response<Answer>, Error> {
        let grpc = hop_by_hop::is_grpc(request.headers());
        if (grpc || self.config.http2)
            && let Some(sender) = origin.shared()
        {
            return Box::pin(over_http2(origin, sender, request)).await;
        }
        // What is rare waits in a box of its own: a future is moved often, and as large as its largest part.
        let mut permit = match &origin.permits {
            None => None,
            Some(permits) => Box::pin(self.permit(origin, permits)).await?,
        };
        // Connections left idle may be dead without our knowing: one that turns out so costs another try, not an error.
        let once = !request.method().is_idempotent();
        while !grpc
            && self.config.pooled
            && let Some(mut connection) = origin.take(&self.config, once, &mut permit)
        {
            match connection.wire.exchange(request).await {
                Ok((head, upload)) => return answered(origin, connection, head, upload, request),
                Err(failure) if may_repeat(&failure, request) => permit = connection.into_permit(),
                Err(failure) => return Err(broken(origin, failure)),
            }
        }
        match Box::pin(self.open(origin, grpc, connect)).await? {
            Opened::Http1(wire) => {
                let mut connection = Connection::new(wire, permit);
                match connection.wire.exchange(request).await {
                    Ok((head, upload)) => answered(origin, connection, head, upload, request),
                    Err(failure) => Err(broken(origin, failure)),
                }
            }
            Opened::Http2(sender) => {
                origin.share(sender.clone());
                Box::pin(over_http2(origin, sender, request)).await
            }
        }
    }

    /// With `pool.type: fixed` a call waits until one of the connections may be used.
    async fn permit(
        &self,
        origin: &Origin,
        permits: &Arc<Semaphore>,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let limit = self.config.acquire_timeout;
        match tokio::time::timeout(limit, Arc::clone(permits).acquire_owned()).await {
            Ok(permit) => Ok(permit.ok()),
            Err(_) => {
                Err(Error::PoolExhausted { upstream: origin.shown.to_string(), millis: limit.as_millis() })
            }
        }
    }

    async fn open(&self, origin: &Arc<Origin>, grpc: bool, connect: Duration) -> Result<Opened, Error> {
        let upstream = || origin.shown.to_string();
        match tokio::time::timeout(connect, self.connector.open(origin, grpc)).await {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(error)) => Err(Error::Connect { upstream: upstream(), reason: error.to_string() }),
            Err(_) => Err(Error::ConnectTimeout { upstream: upstream(), millis: connect.as_millis() }),
        }
    }
}

async fn over_http2(
    origin: &Arc<Origin>,
    mut sender: hyper::client::conn::http2::SendRequest<Outgoing>,
    kept: &mut Request<Outgoing>,
) -> Result<Response<Answer>, Error> {
    sender.ready().await.map_err(|error| broken_http2(origin, &error, true))?;
    let mut request = take(kept);
    let uri = http::Uri::builder()
        .scheme(if origin.tls { "https" } else { "http" })
        .authority(request.headers().get(http::header::HOST).unwrap_or(&origin.host_header).as_bytes())
        .path_and_query(request.uri().path_and_query().map_or("/", |path| path.as_str()))
        .build()
        .map_err(|error| Error::Unroutable(error.to_string()))?;
    *request.uri_mut() = uri;
    *request.version_mut() = http::Version::HTTP_2;
    request.headers_mut().remove(http::header::HOST);
    let response = sender.send_request(request).await.map_err(|error| broken_http2(origin, &error, false))?;
    Ok(response.map(Answer::http2))
}

/// The request, for a connection that wants to own it; what can be sent again stays.
fn take(kept: &mut Request<Outgoing>) -> Request<Outgoing> {
    let body = kept.body_mut().hand_over();
    let mut request = Request::new(body);
    request.method_mut().clone_from(kept.method());
    request.uri_mut().clone_from(kept.uri());
    request.headers_mut().clone_from(kept.headers());
    request
}

/// Can the request go out once more on another connection? Only if the upstream cannot have begun with it, or may do it
/// twice; and only if its body is still here.
fn may_repeat(failure: &Failure, request: &Request<Outgoing>) -> bool {
    let Failure::Wire { unsent, silent, .. } = failure else { return false };
    !request.body().has_begun() && (*unsent || (*silent && request.method().is_idempotent()))
}

fn broken(origin: &Origin, failure: Failure) -> Error {
    match failure {
        // The client's body ended early or was malformed: nobody upstream is to blame.
        Failure::Body(reason) => Error::RequestBody(reason),
        Failure::Wire { reason, unsent, .. } => {
            Error::Broken { upstream: origin.shown.to_string(), reason, safe: unsent }
        }
    }
}

fn broken_http2(origin: &Origin, error: &hyper::Error, safe: bool) -> Error {
    if error.is_user() {
        return Error::RequestBody(error.to_string());
    }
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Error::Broken { upstream: origin.shown.to_string(), reason, safe: safe || error.is_canceled() }
}

fn answered(
    origin: &Arc<Origin>,
    mut connection: Connection,
    head: Head,
    upload: Upload,
    request: &mut Request<Outgoing>,
) -> Result<Response<Answer>, Error> {
    let Head { status, headers, body, keep, patience } = head;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let reason = "the upstream changes the protocol without being asked".to_owned();
        return Err(Error::Broken { upstream: origin.shown.to_string(), reason, safe: false });
    }
    connection.patience = patience.or(connection.patience);
    let upload =
        (!upload.is_done()).then(|| (upload, std::mem::replace(request.body_mut(), Outgoing::Spent)));
    let mut response = Response::new(Answer::new(origin, connection, body, upload, keep));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
