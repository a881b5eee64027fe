//! A running platform, asked through the admin API of one of its daemons.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde_json::Value;
use wellspring_lb_client::http::{self, Options};
use wellspring_wire::Millis;

use super::{Events, Exit, Failed};
use crate::codes;

/// Nobody waits longer for the first byte of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A member of a query, left out when it has no value.
pub(crate) type Query<'a> = (&'a str, Option<&'a str>);

/// Asks, orders and follows.
#[derive(Debug, Clone)]
pub(crate) struct Platform {
    client: Client,
    base: Url,
    token: Option<String>,
}

impl Platform {
    pub(crate) fn new(server: &str, token: Option<String>) -> Result<Self, Failed> {
        let base =
            Url::parse(server).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let base = base.ok_or_else(|| {
            Failed::usage(format!("--server {server} is no address")).hint("http://127.0.0.1:9770")
        })?;
        let options = Options { read_timeout: None, ..Options::default() };
        let client = http::client(options).map_err(|error| Failed::new(Exit::Problem, error.to_string()))?;
        Ok(Self { client, base, token })
    }

    /// The address without a password.
    pub(crate) fn shown(&self) -> String {
        let mut url = self.base.clone();
        let plain = url.set_password(None).is_ok() && url.set_username("").is_ok();
        if plain { url.as_str().trim_end_matches('/').to_owned() } else { String::new() }
    }

    /// `GET /api/v1/…`; each part of the path is one, whatever it holds.
    pub(crate) async fn get(&self, path: &[&str], query: &[Query<'_>]) -> Result<Value, Failed> {
        self.answer(self.request(Method::GET, path, query)).await
    }

    /// `POST /api/v1/…` with a body of JSON.
    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failed> {
        self.post_to(path, &[], body).await
    }

    /// As [`Platform::post`], with a query.
    pub(crate) async fn post_to(
        &self,
        path: &[&str],
        query: &[Query<'_>],
        body: &Value,
    ) -> Result<Value, Failed> {
        self.answer(self.request(Method::POST, path, query).json(body)).await
    }

    /// `DELETE /api/v1/…`.
    pub(crate) async fn delete(&self, path: &[&str], query: &[Query<'_>]) -> Result<Value, Failed> {
        self.answer(self.request(Method::DELETE, path, query)).await
    }

    /// Seconds that the platform's clock is ahead of ours, by the date of an answer.
    pub(crate) async fn clock_apart(&self) -> Result<Option<i64>, Failed> {
        let response = self.answered(self.request(Method::GET, &["daemons"], &[])).await?;
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let theirs = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok(theirs.map(|theirs| theirs.timestamp().as_second() - Millis::now().0 / 1000))
    }

    /// All items of a list that comes in pages.
    pub(crate) async fn all(&self, path: &[&str], query: &[Query<'_>]) -> Result<Vec<Value>, Failed> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut query = query.to_vec();
            query.extend([("limit", Some("1000")), ("cursor", cursor.as_deref())]);
            let mut page = self.get(path, &query).await?;
            if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
                items.extend(more);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(items),
            }
        }
    }

    /// Server-sent events from now on, or after the event `last`.
    pub(crate) async fn follow(
        &self,
        path: &[&str],
        query: &[Query<'_>],
        last: Option<&str>,
    ) -> Result<Events, Failed> {
        let mut request = self.request(Method::GET, path, query).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Ok(Events::of(self.shown(), self.answered(request).await?))
    }

    fn request(&self, method: Method, path: &[&str], query: &[Query<'_>]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut request = self.client.request(method, url).header("x-wellspring", "1");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failed> {
        let response = self.answered(request).await?;
        let body = response.bytes().await.map_err(|error| self.away(&error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| self.stranger())
    }

    async fn answered(&self, request: RequestBuilder) -> Result<Response, Failed> {
        let sent = tokio::time::timeout(PATIENCE, request.send()).await;
        let response = match sent {
            Ok(sent) => sent.map_err(|error| self.away(&error))?,
            Err(late) => return Err(self.away(&late)),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        match serde_json::from_slice::<Value>(&body) {
            Ok(body) if body.get("code").is_some() => Err(Failed::refusal(status.as_u16(), &body)),
            _ => Err(self.stranger()),
        }
    }

    fn away(&self, error: &dyn std::error::Error) -> Failed {
        Failed::unreachable(&self.shown(), error)
    }

    /// Something answers that does not speak as the admin API does.
    fn stranger(&self) -> Failed {
        Failed::new(Exit::Unreachable, format!("{} answers, but is no admin API", self.shown()))
            .code(codes::UNREACHABLE)
            .hint("the address of wellspring.admin.address, not the daemon's own port")
    }
}
