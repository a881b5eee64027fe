//! One request with its answer, as the access log and taps show it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{HOST, REFERER, USER_AGENT};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use wellspring_daemon::Request;
use wellspring_wire::Millis;

use super::Told;

/// Headers whose values are never shown.
const SECRET: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
];

/// Parameters of the query whose values are never shown.
pub(super) const SECRET_PARAMETERS: [&str; 8] =
    ["access_token", "id_token", "token", "code", "api_key", "apikey", "password", "secret"];

#[derive(Debug, Clone)]
pub struct Entry {
    pub at: Millis,
    pub peer: Option<SocketAddr>,
    pub method: Method,
    /// Path with query, secrets still in it: whoever shows it masks them.
    pub target: String,
    pub version: Version,
    pub host: String,
    pub referer: String,
    pub agent: String,
    /// Only when somebody taps or records.
    pub headers: Vec<(String, String)>,
    pub answer_headers: Vec<(String, String)>,
    pub status: StatusCode,
    pub bytes: u64,
    /// To the head of the answer, and to its end.
    pub head: Duration,
    pub took: Duration,
    pub route: Option<Arc<str>>,
    pub consumer: Option<Arc<str>>,
    pub upstream: Option<String>,
    /// The body came to its end.
    pub complete: bool,
}

impl Entry {
    pub(super) fn new(request: &Request, peer: Option<SocketAddr>, with_headers: bool) -> Self {
        let text = |name| {
            let value = request.headers().get(name);
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
        };
        let authority = request.uri().authority().map(ToString::to_string);
        Self {
            at: Millis::now(),
            peer,
            method: request.method().clone(),
            target: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            version: request.version(),
            host: Some(text(HOST)).filter(|host| !host.is_empty()).or(authority).unwrap_or_default(),
            referer: text(REFERER),
            agent: text(USER_AGENT),
            headers: if with_headers { shown(request.headers()) } else { Vec::new() },
            answer_headers: Vec::new(),
            status: StatusCode::OK,
            bytes: 0,
            head: Duration::ZERO,
            took: Duration::ZERO,
            route: None,
            consumer: None,
            upstream: None,
            complete: false,
        }
    }

    pub(super) fn answered(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        told: Option<Told>,
        head: Duration,
    ) {
        self.status = status;
        self.head = head;
        if !self.headers.is_empty() {
            self.answer_headers = shown(headers);
        }
        if let Some(told) = told {
            self.route = Some(told.route);
            self.consumer = told.consumer;
            self.upstream = told.upstream;
        }
    }
}

/// Whether values of this header are never shown.
pub(crate) fn is_secret(name: &http::HeaderName) -> bool {
    SECRET.contains(&name.as_str())
}

/// Headers as text, those with secrets masked.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let text = if is_secret(name) || value.is_sensitive() {
                "******".to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), text)
        })
        .collect()
}

/// The target with the values of these query parameters masked.
#[must_use]
pub fn masked(target: &str, names: &[String]) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) => {
                let decoded = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
                let secret = names.iter().any(|known| known.eq_ignore_ascii_case(&decoded));
                if secret { format!("{name}=******") } else { pair.to_owned() }
            }
            None => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// A body that is counted, and tells when it has ended or was dropped.
pub(super) struct Counted<F: FnOnce(Entry)> {
    body: Body,
    started: Instant,
    pending: Option<(Entry, F)>,
}

impl<F: FnOnce(Entry)> Counted<F> {
    pub(super) fn new(body: Body, started: Instant, entry: Entry, done: F) -> Self {
        Self { body, started, pending: Some((entry, done)) }
    }

    fn finish(&mut self, complete: bool) {
        if let Some((mut entry, done)) = self.pending.take() {
            entry.took = self.started.elapsed();
            entry.complete = complete;
            done(entry);
        }
    }
}

impl<F: FnOnce(Entry)> Drop for Counted<F> {
    fn drop(&mut self) {
        let complete = http_body::Body::is_end_stream(&self.body);
        self.finish(complete);
    }
}

impl<F: FnOnce(Entry) + Unpin> http_body::Body for Counted<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let more = frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some((entry, _)) = &mut self.pending {
                    entry.bytes += more;
                }
                if http_body::Body::is_end_stream(&self.body) {
                    self.finish(true);
                }
            }
            Poll::Ready(None) => self.finish(true),
            Poll::Ready(Some(Err(_))) => self.finish(false),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn secrets_of_a_query_are_masked() {
        let names = ["access_token".to_owned(), "key".to_owned()];
        for (target, wanted) in [
            ("/a", "/a"),
            ("/a?b=c", "/a?b=c"),
            ("/a?access_token=x.y&b=c&KEY=1&key", "/a?access_token=******&b=c&KEY=******&key"),
            ("/a?access%5Ftoken=x", "/a?access%5Ftoken=******"),
        ] {
            assert_eq!(masked(target, &names), wanted);
        }
    }
}
