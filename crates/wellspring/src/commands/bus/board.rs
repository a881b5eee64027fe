//! The daemon's ack board and its stream of messages, over HTTP.

use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use wellspring_lb_client::http::{self, Options};

use crate::server::{Exit, Failed};

/// An event is a line of the stream; one beyond this is none.
const LINE: usize = 16 << 20;

/// A running bus daemon.
#[derive(Debug)]
pub(super) struct Board {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Board {
    pub(super) fn of(url: &str) -> Result<Self, Failed> {
        let parsed = reqwest::Url::parse(url.trim_end_matches('/')).ok();
        let url = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Failed::usage(format!("--url {url}: http://host:8889 is wanted")))?;
        let client = http::client(Options { read_timeout: None, ..Options::default() })
            .map_err(|error| Failed::new(Exit::Problem, format!("no HTTP client: {error}")))?;
        Ok(Self { client, url })
    }

    /// The address without a password.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Fails for addresses that cannot have one.
        if url.set_password(None).is_ok() && url.set_username("").is_ok() {
            return url.to_string();
        }
        String::new()
    }

    pub(super) async fn send(&self, wanted: &Value) -> Result<Value, Failed> {
        let body = wanted.to_string();
        let request = self.client.post(self.at("/actuator/busacks")).body(body);
        self.ask(request.header("content-type", "application/json")).await
    }

    pub(super) async fn entry(&self, id: &str) -> Result<Value, Failed> {
        self.ask(self.client.get(self.at(&format!("/actuator/busacks/{}", escaped(id))))).await
    }

    pub(super) async fn resend(&self, id: &str) -> Result<Value, Failed> {
        self.ask(self.client.post(self.at(&format!("/actuator/busacks/{}", escaped(id))))).await
    }

    pub(super) async fn listing(&self, limit: usize) -> Result<Value, Failed> {
        self.ask(self.client.get(self.at(&format!("/actuator/busacks?limit={limit}")))).await
    }

    /// Every event from now on.
    pub(super) async fn follow(&self, acks: bool) -> Result<impl Stream<Item = Value> + use<>, Failed> {
        let request = self.client.get(self.at(&format!("/bus/events?acks={acks}")));
        let response = self.answered(request.header("accept", "text/event-stream")).await?;
        let lines = stream::unfold((response.bytes_stream(), Vec::new()), |(mut chunks, mut rest)| async {
            loop {
                if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    return Some((line, (chunks, rest)));
                }
                if rest.len() > LINE {
                    return None;
                }
                rest.extend_from_slice(&chunks.next().await?.ok()?);
            }
        });
        Ok(lines.filter_map(|line| {
            let data = line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok());
            std::future::ready(data)
        }))
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Value, Failed> {
        let response = self.answered(request).await?;
        let body = response.bytes().await.map_err(|error| self.away(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failed::new(Exit::Unreachable, format!("{} is no bus daemon: {error}", self.shown()))
        })
    }

    async fn answered(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failed> {
        let response = request.send().await.map_err(|error| self.away(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let page: Value = response
            .bytes()
            .await
            .ok()
            .and_then(|body| serde_json::from_slice(&body).ok())
            .unwrap_or_default();
        let reason = page
            .get("message")
            .and_then(Value::as_str)
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        let exit = match status.as_u16() {
            401 | 403 | 409 => Exit::Refused,
            500.. => Exit::Unreachable,
            _ => Exit::Problem,
        };
        let message = match status.as_u16() {
            404 => format!("{} knows no such event, or does not show its board{reason}", self.shown()),
            401 => format!("{} wants a user: --url http://name:password@host:8889", self.shown()),
            _ => format!("{} answered {status}{reason}", self.shown()),
        };
        Err(Failed::new(exit, message))
    }

    fn away(&self, error: &reqwest::Error) -> Failed {
        let mut reason = String::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            reason = format!(": {error}");
            cause = error.source();
        }
        Failed::new(Exit::Unreachable, format!("{} does not answer{reason}", self.shown()))
    }
}

/// An id in a path: whatever it holds, it is one part of it.
fn escaped(id: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(byte);
    id.as_bytes()
        .iter()
        .map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
