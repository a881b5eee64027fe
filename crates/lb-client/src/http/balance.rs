//! Calls by service name: choose, send, and on failure choose again.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

use super::attempt::Outgoing;
use super::retry::{Attempts, Failure, Next};
use super::{CallError, real_address, uri};
use crate::load::Ended;
use crate::pick::Request;
use crate::settings::ServiceSettings;
use crate::{Client, Instance};

/// The answer to a call.
pub type Response = reqwest::Response;

/// A call being put together. Its first mistake is reported by `send`.
#[derive(Debug)]
#[must_use = "a call does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    address: String,
    outgoing: Outgoing,
    hint: Option<String>,
    key: Option<String>,
    resilience: Option<String>,
    mistake: Option<String>,
}

impl RequestBuilder {
    pub(crate) fn new(client: Client, method: Method, address: String) -> Self {
        let outgoing = Outgoing { method, headers: HeaderMap::new(), body: None, timeout: None };
        Self { client, address, outgoing, hint: None, key: None, resilience: None, mistake: None }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.outgoing.headers.append(name, value);
            }
            _ => self.note(format!("header `{name}` has a name or value that HTTP does not allow")),
        }
        self
    }

    /// Adds headers.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.outgoing.headers.extend(headers);
        self
    }

    /// Adds parameters to the query; those in the address stay.
    pub fn query(mut self, parameters: &[(&str, &str)]) -> Self {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        encoded.extend_pairs(parameters);
        let separator = if self.address.contains('?') { '&' } else { '?' };
        self.address.push(separator);
        self.address.push_str(&encoded.finish());
        self
    }

    /// Sends these bytes.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.outgoing.body = Some(body.into());
        self
    }

    /// Sends `value` as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.outgoing.body = Some(bytes.into()),
            Err(error) => self.note(format!("body is no JSON: {error}")),
        }
        self.outgoing.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        self
    }

    /// Longest time for one attempt, answer body included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.outgoing.timeout = Some(timeout);
        self
    }

    /// Calls with the same key go to the same instance, where the picker is `consistent-hash`.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Takes the resilience patterns of this name instead of those named like the service.
    pub fn resilience(mut self, name: impl Into<String>) -> Self {
        self.resilience = Some(name.into());
        self
    }

    /// Prefers instances with this metadata `hint`.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn note(&mut self, mistake: String) {
        self.mistake.get_or_insert(mistake);
    }

    /// Sends the call and gives the answer whatever its status is.
    ///
    /// # Errors
    /// When no instance answered.
    pub async fn send(self) -> Result<Response, CallError> {
        if let Some(message) = &self.mistake {
            return Err(CallError::Request { message: message.clone() });
        }
        let service = self.client.balanced_service(&self.address)?;
        let named = self.resilience.as_deref().or(service.as_deref());
        match named.map(|name| self.client.guard(name)) {
            Some(guard) => self.send_guarded(&guard, service.as_deref()).await,
            None => self.send_direct().await,
        }
    }

    /// Sends the call and reads the JSON of a successful answer.
    ///
    /// # Errors
    /// When no instance answered, the status is not 2xx, or the body is not a `T`.
    pub async fn fetch<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let response = self.send().await?;
        let (status, target) = (response.status(), response.url().to_string());
        let body = response.bytes().await.map_err(|error| CallError::of_transport(&target, error))?;
        if !status.is_success() {
            return Err(CallError::Reply { target, status, body });
        }
        serde_json::from_slice(&body).map_err(|error| CallError::Body { target, message: error.to_string() })
    }

    /// Sends the call and asks for no more than a successful status.
    ///
    /// # Errors
    /// When no instance answered or the status is not 2xx.
    pub async fn done(self) -> Result<(), CallError> {
        let response = self.send().await?;
        let (status, target) = (response.status(), response.url().to_string());
        if status.is_success() {
            return Ok(());
        }
        let body = response.bytes().await.map_err(|error| CallError::of_transport(&target, error))?;
        Err(CallError::Reply { target, status, body })
    }

    pub(super) async fn send_direct(&self) -> Result<Response, CallError> {
        let host = uri::service_of(&self.address)?;
        self.outgoing.send(&self.client, &host, &self.address, &[]).await
    }

    pub(super) async fn send_balanced(&self, service: &str) -> Result<Response, CallError> {
        let known = self.client.service(service);
        let policy = &known.settings.retry;
        known.budget.deposit();
        let mut attempts = Attempts::new(policy, &self.outgoing.method);
        let mut instance: Option<Instance> = None;
        let mut again = Next::Other;
        loop {
            let current = match (instance, again) {
                (Some(same), Next::Same) => same,
                (previous, _) => {
                    let request = Request {
                        headers: Some(&self.outgoing.headers),
                        previous: previous.as_ref().filter(|_| policy.avoid_previous_instance),
                        hint: self.hint.as_deref(),
                        key: self.key.as_deref(),
                    };
                    let none = || CallError::NoInstance { service: service.to_owned() };
                    known.balancer.choose(&request).ok_or_else(none)?
                }
            };
            let address = real_address(&self.address, &current)?;
            let call = current.load().begin();
            let more = self.additions(&known.settings, &current);
            let outcome = self.outgoing.send(&self.client, service, &address, &more).await;
            let ended = match &outcome {
                Ok(response) if !response.status().is_server_error() => Ended::Answered,
                Err(error) if !error.is_connection_failure() => Ended::Abandoned,
                _ => Ended::Failed,
            };
            let refused = matches!(outcome, Err(CallError::Refused { .. }));
            known.balancer.ended(call, &current, ended, refused);
            let failure = match &outcome {
                Ok(response) => Failure::Status(response.status().as_u16()),
                Err(error) if error.is_connection_failure() => Failure::Connection,
                Err(_) => Failure::Other,
            };
            again = attempts.failed(failure);
            if again == Next::Stop || !known.budget.withdraw() {
                return outcome;
            }
            tokio::time::sleep(attempts.wait()).await;
            instance = Some(current);
        }
    }

    /// What the settings of the service add for this instance.
    fn additions(&self, settings: &ServiceSettings, instance: &Instance) -> Vec<(HeaderName, HeaderValue)> {
        let mut more = Vec::new();
        if settings.x_forwarded {
            let scheme = if self.address.starts_with("https:") { "https" } else { "http" };
            let host = uri::service_of(&self.address).ok().and_then(|host| HeaderValue::try_from(host).ok());
            more.extend(host.map(|host| (HeaderName::from_static("x-forwarded-host"), host)));
            more.push((HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static(scheme)));
        }
        if settings.add_sticky_cookie {
            let before = self.outgoing.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
            let own = format!("{}={}", settings.sticky_cookie, instance.instance_id());
            let prefix = format!("{}=", settings.sticky_cookie);
            let others = before.flat_map(|line| line.split(';')).map(str::trim);
            let kept: Vec<&str> =
                others.filter(|pair| !pair.is_empty() && !pair.starts_with(&prefix)).collect();
            let all = kept.into_iter().chain([own.as_str()]).collect::<Vec<_>>().join("; ");
            more.extend(HeaderValue::try_from(all).ok().map(|value| (COOKIE, value)));
        }
        more
    }
}

/// Whether `address` is to be balanced: the service, or `None` when it is an address of its own.
///
/// `lb://` always is; `http://` and `https://` are when the host, without a port, is a service that discovery knows.
pub(crate) fn service_in(address: &str, known: impl Fn(&str) -> bool) -> Result<Option<String>, CallError> {
    let (service, has_port) = uri::named_by(address)?;
    let scheme = address.split_once("://").map_or("", |(scheme, _)| scheme);
    Ok((scheme.eq_ignore_ascii_case("lb") || (!has_port && known(&service))).then_some(service))
}
