//! etcd: the keys below a prefix, read once and then watched, over etcd's JSON gateway.
//!
//! A key is `PREFIX/<service>/<instance>`; its value is what etcd's own naming library writes
//! (`{"Addr": "host:port", "Metadata": {…}}`), or `host:port` alone. Who registers holds a lease: the key ends with it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use url::Url;
use wellspring_properties::{Environment, Problem};

use super::lines::Values;
use super::{Remote, Rounds, Shelf};
use crate::http::{Options, client};
use crate::{Instance, Metadata, codes};

/// A watch without a word for so long is opened anew, in case nobody is there any more.
const SILENCE: Duration = Duration::from_secs(60);

/// `wellspring.discovery.etcd.*`
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct EtcdSettings {
    /// Off: no source.
    pub enabled: bool,
    /// `http://host:2379`; the next one is asked when one fails.
    pub endpoints: Vec<String>,
    /// What all keys begin with.
    pub prefix: String,
    /// Where etcd wants one.
    pub username: Option<String>,
    /// Of that user.
    pub password: Option<String>,
}

impl Default for EtcdSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoints: vec!["http://localhost:2379".to_owned()],
            prefix: "/services".to_owned(),
            username: None,
            password: None,
        }
    }
}

impl std::fmt::Debug for EtcdSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EtcdSettings").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

/// The source, when `wellspring.discovery.etcd` is set.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Option<Remote>, Problem> {
    const PREFIX: &str = "wellspring.discovery.etcd";
    if !env.contains(PREFIX) {
        return Ok(None);
    }
    let settings: EtcdSettings = env.bind(PREFIX)?;
    if !settings.enabled {
        return Ok(None);
    }
    for endpoint in &settings.endpoints {
        Url::parse(endpoint).map_err(|error| {
            let message = format!("{PREFIX}.endpoints has no usable URL: {error}");
            Problem::new(codes::URL, message).found(endpoint.clone()).hint("http://host:2379")
        })?;
    }
    let http = client(Options { read_timeout: Some(SILENCE), ..Options::default() })
        .map_err(|error| Problem::new(codes::HTTP_CLIENT, error.to_string()))?;
    let prefix = format!("{}/", settings.prefix.trim_end_matches('/'));
    let mut etcd = Etcd { http, settings, prefix, turn: 0, keys: BTreeMap::new() };
    Ok(Some(Remote::start(stop, |shelf| async move { etcd.follow(shelf).await })))
}

struct Etcd {
    http: reqwest::Client,
    settings: EtcdSettings,
    prefix: String,
    turn: usize,
    /// Everything below the prefix, by key.
    keys: BTreeMap<String, Instance>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Header {
    revision: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pair {
    key: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Range {
    header: Header,
    kvs: Vec<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Watched {
    result: Option<Changes>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Changes {
    canceled: bool,
    events: Vec<Event>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    kv: Pair,
}

/// What etcd's naming library writes.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    addr: String,
    #[serde(default)]
    metadata: Value,
}

impl Etcd {
    async fn follow(&mut self, shelf: Shelf) {
        let servers = self.settings.endpoints.join(",");
        let mut rounds = Rounds::of("etcd", servers);
        loop {
            let outcome = self.session(&shelf).await;
            if outcome.is_err() {
                self.turn += 1;
            }
            rounds.ended(outcome).await;
        }
    }

    /// All keys, then every change, until the watch ends.
    async fn session(&mut self, shelf: &Shelf) -> Result<(), String> {
        let token = self.token().await?;
        let (key, end) = (STANDARD.encode(&self.prefix), STANDARD.encode(end_of(&self.prefix)));
        let asked = json!({"key": key, "range_end": end});
        let all = self.post("kv/range", &asked, token.as_deref()).await?;
        let all: Range = all.json().await.map_err(|error| error.to_string())?;
        let revision: u64 =
            all.header.revision.parse().map_err(|_| "no revision in the answer".to_owned())?;
        let new = all.kvs.iter().filter_map(|pair| self.read(pair)).collect();
        let old = std::mem::replace(&mut self.keys, new);
        let keys = old.keys().chain(self.keys.keys());
        let names: Vec<String> = keys.filter_map(|key| self.service_of(key)).collect();
        self.publish(shelf, &names);
        shelf.is_read();

        let asked = json!({"create_request": {"key": key, "range_end": end, "start_revision": (revision + 1).to_string()}});
        let mut watch = Values::of(self.post("watch", &asked, token.as_deref()).await?);
        loop {
            let next: Option<Watched> = match watch.next().await {
                Ok(next) => next,
                // Silence is no failure: everything is read again.
                Err(error) if error.contains("timed out") || error.contains("timeout") => return Ok(()),
                Err(error) => return Err(error),
            };
            let Some(next) = next else { return Err("the watch ended".to_owned()) };
            if let Some(error) = next.error {
                return Err(error.to_string());
            }
            let Some(changes) = next.result else { continue };
            if changes.canceled {
                // What was to be told next is forgotten there: everything is read again.
                return Ok(());
            }
            let mut names = Vec::new();
            for event in &changes.events {
                let Some(key) = decoded(&event.kv.key) else { continue };
                names.extend(self.service_of(&key));
                if event.kind == "DELETE" {
                    self.keys.remove(&key);
                } else if let Some((key, instance)) = self.read(&event.kv) {
                    self.keys.insert(key, instance);
                } else {
                    self.keys.remove(&key);
                }
            }
            self.publish(shelf, &names);
        }
    }

    fn publish(&self, shelf: &Shelf, names: &[String]) {
        let mut lists: BTreeMap<&str, Vec<Instance>> =
            names.iter().map(|name| (name.as_str(), Vec::new())).collect();
        for instance in self.keys.values() {
            if let Some(list) = lists.get_mut(instance.service_id()) {
                list.push(instance.clone());
            }
        }
        for (name, list) in lists {
            shelf.book.replace(name, list);
        }
    }

    fn service_of(&self, key: &str) -> Option<String> {
        key.strip_prefix(&self.prefix)?.split_once('/').map(|(service, _)| service.to_owned())
    }

    /// `None`: not an instance.
    fn read(&self, pair: &Pair) -> Option<(String, Instance)> {
        let (key, value) = (decoded(&pair.key)?, decoded(&pair.value)?);
        let (service, id) = key.strip_prefix(&self.prefix)?.split_once('/')?;
        let written: Written = match serde_json::from_str(&value) {
            Ok(written) => written,
            Err(_) => Written { addr: value.trim().to_owned(), metadata: Value::Null },
        };
        let (host, port) = address(&written.addr)?;
        let instance = Instance::new(service, id, host, port).with_metadata(texts(&written.metadata));
        let secure = instance.metadata().get("secure").is_some_and(|secure| secure == "true");
        let instance = instance.with_secure(secure);
        Some((key.clone(), instance))
    }

    async fn token(&self) -> Result<Option<String>, String> {
        let Some(name) = &self.settings.username else { return Ok(None) };
        let asked = json!({"name": name, "password": self.settings.password});
        let answer = self.post("auth/authenticate", &asked, None).await?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        Ok(answer.get("token").and_then(Value::as_str).map(str::to_owned))
    }

    async fn post(&self, what: &str, body: &Value, token: Option<&str>) -> Result<reqwest::Response, String> {
        let endpoints = &self.settings.endpoints;
        let endpoint = endpoints.get(self.turn % endpoints.len().max(1)).ok_or("no endpoints")?;
        let mut request = self.http.post(format!("{}/v3/{what}", endpoint.trim_end_matches('/'))).json(body);
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let response = request.send().await.map_err(|error| error.to_string())?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(format!("{what} answers {status}")),
        }
    }
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// The first key behind all that begin with `prefix`.
fn end_of(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        // The prefix ends with a slash.
        *last += 1;
    }
    end
}

/// `host:port`, with or without a scheme in front, brackets around an IPv6 address.
fn address(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let url = Url::parse(&format!("none://{text}")).ok()?;
    Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port()))
}

/// Texts of a JSON object; what is nested is left out.
fn texts(value: &Value) -> Metadata {
    let entries = value.as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key.clone(), text.clone())),
            Value::Number(_) | Value::Bool(_) => Some((key.clone(), value.to_string())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_metadata_are_read() {
        assert_eq!(address("10.0.0.7:8080"), Some(("10.0.0.7".to_owned(), Some(8080))));
        assert_eq!(address("http://[::1]:8080"), Some(("::1".to_owned(), Some(8080))));
        assert_eq!(address("orders.local"), Some(("orders.local".to_owned(), None)));
        assert_eq!(address(""), None);
        let metadata = texts(&json!({"zone": "a", "weight": 3, "more": {"x": 1}}));
        assert_eq!(metadata.get("weight").map(String::as_str), Some("3"));
        assert_eq!(metadata.len(), 2);
        assert_eq!(end_of("/services/"), b"/services0");
    }

    #[test]
    fn long_endpoints() {
        let examples = [
            r#"{"Addr":"10.0.0.1:80","Metadata":{"zone":"a","n":1}}"#,
            "http://10.0.0.1:80/x",
            "[::1]:80",
            "host",
        ];
        let words =
            ["{", "}", "[", "]", ":", "//", "@", "http://", "https://", "\"Addr\":", "null", ",", "%"];
        wellspring_test_support::fuzz::text("etcd's endpoints", &examples, &words, |text, _| {
            address(text);
            decoded(text);
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                texts(&value);
            }
        });
    }
}
