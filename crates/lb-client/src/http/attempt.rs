//! One request to one address: trace headers out, time and outcome noted.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::time::Instant;
use wellspring_telemetry::traces;

use super::{CallError, Response};
use crate::Client;
use crate::metrics::outcome;

/// What is sent; an attempt at another instance sends it again.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    pub(super) timeout: Option<Duration>,
}

impl Outgoing {
    /// Sends to `address`; `name` is the service, or the host of an address that is not balanced.
    pub(super) async fn send(
        &self,
        client: &Client,
        name: &str,
        address: &str,
        more: &[(http::HeaderName, http::HeaderValue)],
    ) -> Result<Response, CallError> {
        let mut headers = self.headers.clone();
        for (name, value) in more {
            headers.insert(name, value.clone());
        }
        let span = traces::client();
        if let Some(span) = &span {
            span.inject(&mut headers);
        }
        let mut request = client.http().request(self.method.clone(), address).headers(headers);
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        let started = Instant::now();
        let outcome = request.send().await.map_err(|error| CallError::of_transport(address, error));
        let ended = outcome.as_ref().map(|response| response.status().as_u16()).map_err(CallError::kind);
        client.instruments().called(name, &self.method, ended, started.elapsed());
        if let Some(span) = span {
            span.end(|| described(&self.method, name, address, ended));
        }
        outcome
    }
}

/// Name and tags of the span of a call.
pub(super) fn described(
    method: &Method,
    name: &str,
    address: &str,
    ended: Result<u16, &'static str>,
) -> (std::borrow::Cow<'static, str>, traces::Tags) {
    let status = ended.map_or_else(|_| "CLIENT_ERROR".to_owned(), |status| status.to_string());
    let tags = vec![
        ("client.name", name.to_owned()),
        ("exception", ended.err().unwrap_or("none").to_owned()),
        ("http.url", crate::eureka::without_credentials(address)),
        ("method", method.as_str().to_owned()),
        ("outcome", outcome(ended.ok()).to_owned()),
        ("status", status),
        ("uri", "none".to_owned()),
    ];
    (format!("http {}", method.as_str().to_lowercase()).into(), tags)
}
