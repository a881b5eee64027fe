//! Consul: one blocking query for the names of the services, one for the instances of each.
//!
//! A blocking query answers when something changed, or after its wait: a change is here at once. What Spring Cloud Consul
//! registered is found; only instances whose checks pass are used, unless `query-passing` is set to false.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use url::Url;
use wellspring_properties::{Environment, Problem};

use super::{Remote, Rounds, Shelf};
use crate::http::{Options, client, push_segment};
use crate::{Instance, Metadata, codes};

/// How long Consul may wait for a change; it adds up to a sixteenth.
const WAIT: Duration = Duration::from_secs(55);

/// `spring.cloud.consul.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ConsulSettings {
    /// Off: no source.
    pub enabled: bool,
    /// Of the agent.
    pub host: String,
    /// Of the agent.
    pub port: u16,
    /// `http` or `https`.
    pub scheme: String,
    /// What concerns finding others.
    pub discovery: ConsulDiscoverySettings,
}

/// `spring.cloud.consul.discovery.*`
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ConsulDiscoverySettings {
    /// Off: no source.
    pub enabled: bool,
    /// Only instances whose checks pass.
    pub query_passing: bool,
    /// Sent with each query.
    pub acl_token: Option<String>,
    /// Only instances with this tag.
    pub default_query_tag: Option<String>,
    /// The tag by service.
    pub server_list_query_tags: HashMap<String, String>,
    /// The data centre by service.
    pub datacenters: HashMap<String, String>,
    /// Metadata that names the zone.
    pub default_zone_metadata_name: String,
}

impl Default for ConsulSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "localhost".to_owned(),
            port: 8500,
            scheme: "http".to_owned(),
            discovery: ConsulDiscoverySettings::default(),
        }
    }
}

impl Default for ConsulDiscoverySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            query_passing: true,
            acl_token: None,
            default_query_tag: None,
            server_list_query_tags: HashMap::new(),
            datacenters: HashMap::new(),
            default_zone_metadata_name: "zone".to_owned(),
        }
    }
}

impl std::fmt::Debug for ConsulDiscoverySettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsulDiscoverySettings")
            .field("query_passing", &self.query_passing)
            .finish_non_exhaustive()
    }
}

/// The source, when `spring.cloud.consul.host`, `.port` or `.discovery.enabled` is set.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Option<Remote>, Problem> {
    let named = ["host", "port", "discovery.enabled"];
    if !named.iter().any(|key| env.contains(&format!("spring.cloud.consul.{key}"))) {
        return Ok(None);
    }
    let settings: ConsulSettings = env.bind("spring.cloud.consul")?;
    if !settings.enabled || !settings.discovery.enabled {
        return Ok(None);
    }
    let url = format!("{}://{}:{}/v1/", settings.scheme, settings.host, settings.port);
    let base = Url::parse(&url).map_err(|error| {
        Problem::new(codes::URL, format!("spring.cloud.consul names no usable address: {error}")).found(url)
    })?;
    let patience = WAIT + WAIT / 16 + Duration::from_secs(10);
    let http = client(Options { read_timeout: Some(patience), ..Options::default() })
        .map_err(|error| Problem::new(codes::HTTP_CLIENT, error.to_string()))?;
    let consul = Arc::new(Consul { http, base, settings: settings.discovery });
    Ok(Some(Remote::start(stop, |shelf| consul.follow(shelf))))
}

struct Consul {
    http: reqwest::Client,
    base: Url,
    settings: ConsulDiscoverySettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthy {
    node: Node,
    service: Service,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default)]
    address: String,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Address", default)]
    address: String,
    #[serde(rename = "Port", default)]
    port: u16,
    #[serde(rename = "Meta", default)]
    meta: Option<Metadata>,
}

impl Consul {
    /// The names, and a task for each of them.
    async fn follow(self: Arc<Self>, shelf: Shelf) {
        let mut tasks = JoinSet::new();
        let mut followed: HashMap<String, AbortHandle> = HashMap::new();
        let mut index = 0;
        let mut rounds = Rounds::of("consul", self.base.as_str());
        loop {
            let read = self.names(&shelf, &mut tasks, &mut followed, index).await;
            rounds.ended(read.map(|next| index = next)).await;
        }
    }

    async fn names(
        self: &Arc<Self>,
        shelf: &Shelf,
        tasks: &mut JoinSet<()>,
        followed: &mut HashMap<String, AbortHandle>,
        index: u64,
    ) -> Result<u64, String> {
        let (names, next): (HashMap<String, IgnoredAny>, u64) =
            self.query("catalog/services", &[], index).await?;
        followed.retain(|name, task| {
            let stays = names.contains_key(name);
            if !stays {
                task.abort();
                shelf.book.replace(name, Vec::new());
            }
            stays
        });
        for name in names.into_keys().filter(|name| name != "consul") {
            if let Entry::Vacant(place) = followed.entry(name) {
                // The first list before the next look at the names: then all of them were read.
                let first = self.list(place.key(), shelf, 0).await?;
                let task = Arc::clone(self).follow_one(place.key().clone(), shelf.clone(), first);
                place.insert(tasks.spawn(task));
            }
        }
        shelf.is_read();
        Ok(next)
    }

    async fn follow_one(self: Arc<Self>, name: String, shelf: Shelf, mut index: u64) {
        let mut rounds = Rounds::of("consul", self.base.as_str());
        loop {
            let read = self.list(&name, &shelf, index).await;
            rounds.ended(read.map(|next| index = next)).await;
        }
    }

    async fn list(&self, name: &str, shelf: &Shelf, index: u64) -> Result<u64, String> {
        let mut path = "health/service".to_owned();
        push_segment_below(&mut path, name);
        let mut more = Vec::new();
        if self.settings.query_passing {
            more.push(("passing", "true"));
        }
        let tag = self.settings.server_list_query_tags.get(name).or(self.settings.default_query_tag.as_ref());
        more.extend(tag.map(|tag| ("tag", tag.as_str())));
        more.extend(self.settings.datacenters.get(name).map(|datacenter| ("dc", datacenter.as_str())));
        let (entries, next): (Vec<Healthy>, u64) = self.query(&path, &more, index).await?;
        shelf.book.replace(name, entries.into_iter().map(|entry| self.instance(name, entry)).collect());
        Ok(next)
    }

    fn instance(&self, service: &str, entry: Healthy) -> Instance {
        let host = if entry.service.address.is_empty() { entry.node.address } else { entry.service.address };
        let mut metadata = entry.service.meta.unwrap_or_default();
        if let Some(zone) = metadata.get(&self.settings.default_zone_metadata_name).cloned() {
            metadata.insert("zone".to_owned(), zone);
        }
        let secure = metadata.get("secure").is_some_and(|secure| secure == "true");
        let port = Some(entry.service.port).filter(|port| *port > 0);
        Instance::new(service, entry.service.id, host, port).with_secure(secure).with_metadata(metadata)
    }

    /// A blocking query: answers at once for index 0, else when there is something newer than `index`.
    async fn query<T: DeserializeOwned>(
        &self,
        path: &str,
        more: &[(&str, &str)],
        index: u64,
    ) -> Result<(T, u64), String> {
        let mut url = self.base.join(path).map_err(|error| error.to_string())?;
        url.query_pairs_mut().extend_pairs(more);
        if index > 0 {
            let wait = format!("{}s", WAIT.as_secs());
            url.query_pairs_mut().append_pair("index", &index.to_string()).append_pair("wait", &wait);
        }
        let mut request = self.http.get(url);
        if let Some(token) = &self.settings.acl_token {
            request = request.header("X-Consul-Token", token);
        }
        let response = request.send().await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("{path} answers {}", response.status()));
        }
        let header = response.headers().get("X-Consul-Index").and_then(|value| value.to_str().ok());
        let newest: u64 = header.and_then(|value| value.parse().ok()).unwrap_or(0);
        let body = response.bytes().await.map_err(|error| error.to_string())?;
        let value = serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))?;
        // A number that went back belongs to another life of the server: asked from the beginning.
        Ok((value, if newest < index { 0 } else { newest }))
    }
}

fn push_segment_below(path: &mut String, segment: &str) {
    path.push('/');
    push_segment(path, &segment);
}
