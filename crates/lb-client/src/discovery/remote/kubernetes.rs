//! Kubernetes: EndpointSlices, listed once and then watched, with the token and the authority that every pod is given.
//!
//! A service is the slices with its name in the label `kubernetes.io/service-name`. Endpoints that are not ready get no
//! calls. The account needs `list` and `watch` on `endpointslices` in `discovery.k8s.io`.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;
use wellspring_properties::{Environment, Problem};

use super::lines::Values;
use super::{Remote, Rounds, Shelf};
use crate::http::{Options, client};
use crate::{Instance, Metadata, codes};

/// The server ends a watch after this, and is asked to go on from there.
const WATCH: Duration = Duration::from_secs(240);

/// Where a pod finds what it is given.
const GIVEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The label with a slice's service.
const SERVICE: &str = "kubernetes.io/service-name";

/// `spring.cloud.kubernetes.client.*`
#[derive(Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct KubernetesClientSettings {
    /// The API server.
    pub master_url: String,
    /// Own namespace; else the pod's.
    pub namespace: Option<String>,
    /// Else the pod's, which is read anew for each list: it changes.
    pub oauth_token: Option<String>,
    /// PEM; else the pod's.
    pub ca_cert_file: Option<PathBuf>,
}

/// `spring.cloud.kubernetes.discovery.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct KubernetesDiscoverySettings {
    /// Off: no source.
    pub enabled: bool,
    /// Services of every namespace.
    pub all_namespaces: bool,
    /// Services of these, in place of the own one.
    pub namespaces: Vec<String>,
    /// The port to call, where there are several.
    pub primary_port_name: Option<String>,
    /// Endpoints that are not ready, too.
    pub include_not_ready_addresses: bool,
    /// Ports that speak TLS.
    pub known_secure_ports: Vec<u16>,
    /// Only slices with these labels.
    pub service_labels: BTreeMap<String, String>,
}

impl Default for KubernetesClientSettings {
    fn default() -> Self {
        Self {
            master_url: "https://kubernetes.default.svc".to_owned(),
            namespace: None,
            oauth_token: None,
            ca_cert_file: None,
        }
    }
}

impl Default for KubernetesDiscoverySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            all_namespaces: false,
            namespaces: Vec::new(),
            primary_port_name: None,
            include_not_ready_addresses: false,
            known_secure_ports: vec![443, 8443],
            service_labels: BTreeMap::new(),
        }
    }
}

impl std::fmt::Debug for KubernetesClientSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesClientSettings")
            .field("master_url", &self.master_url)
            .finish_non_exhaustive()
    }
}

/// The source, when `spring.cloud.kubernetes.discovery` or `.client.master-url` is set.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Option<Remote>, Problem> {
    const PREFIX: &str = "spring.cloud.kubernetes";
    let named = ["discovery", "client.master-url"];
    if !named.iter().any(|key| env.contains(&format!("{PREFIX}.{key}"))) {
        return Ok(None);
    }
    let settings: KubernetesDiscoverySettings = env.bind(&format!("{PREFIX}.discovery"))?;
    if !settings.enabled {
        return Ok(None);
    }
    let access: KubernetesClientSettings = env.bind(&format!("{PREFIX}.client"))?;
    let problem = |code, message: String| Problem::new(code, message);
    let base = Url::parse(&format!("{}/", access.master_url.trim_end_matches('/'))).map_err(|error| {
        problem(codes::URL, format!("{PREFIX}.client.master-url is no URL: {error}"))
            .found(access.master_url.clone())
    })?;
    let authority = access.ca_cert_file.clone().unwrap_or_else(|| Path::new(GIVEN).join("ca.crt"));
    let tls = match base.scheme() {
        "https" => Some(trusting(&authority).map_err(|error| {
            problem(codes::HTTP_CLIENT, format!("{}: {error}", authority.display()))
                .hint(format!("{PREFIX}.client.ca-cert-file: the certificate of the API server's authority"))
        })?),
        _ => None,
    };
    let patience = WATCH + Duration::from_secs(30);
    let http = client(Options { read_timeout: Some(patience), tls, ..Options::default() })
        .map_err(|error| problem(codes::HTTP_CLIENT, error.to_string()))?;
    let namespaces = match (&settings.namespaces, settings.all_namespaces) {
        (_, true) => vec![None],
        (some, false) if !some.is_empty() => some.iter().cloned().map(Some).collect(),
        _ => vec![Some(
            access.namespace.clone().or_else(given_namespace).unwrap_or_else(|| "default".to_owned()),
        )],
    };
    let source = Arc::new(Kubernetes { http, base, access, settings, slices: parking_lot::Mutex::default() });
    Ok(Some(Remote::start(stop, |shelf| source.follow(shelf, namespaces))))
}

fn given_namespace() -> Option<String> {
    let text = std::fs::read_to_string(Path::new(GIVEN).join("namespace")).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

fn trusting(file: &Path) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        builder.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

struct Kubernetes {
    http: reqwest::Client,
    base: Url,
    access: KubernetesClientSettings,
    settings: KubernetesDiscoverySettings,
    /// By namespace and name.
    slices: parking_lot::Mutex<HashMap<(String, String), Slice>>,
}

/// What is kept of a slice.
#[derive(Debug, Clone, PartialEq)]
struct Slice {
    service: String,
    instances: Vec<Instance>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    name: String,
    namespace: String,
    resource_version: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct List {
    metadata: Meta,
    items: Vec<Written>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    metadata: Meta,
    endpoints: Option<Vec<Endpoint>>,
    ports: Option<Vec<Port>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoint {
    addresses: Vec<String>,
    conditions: Conditions,
    zone: Option<String>,
    node_name: Option<String>,
    target_ref: Option<Target>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Target {
    uid: Option<String>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {
    name: Option<String>,
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl Kubernetes {
    async fn follow(self: Arc<Self>, shelf: Shelf, namespaces: Vec<Option<String>>) {
        let mut tasks = JoinSet::new();
        let left = Arc::new(AtomicUsize::new(namespaces.len()));
        for namespace in namespaces {
            let (source, shelf, left) = (Arc::clone(&self), shelf.clone(), Arc::clone(&left));
            tasks.spawn(async move {
                let (mut first, mut rounds) = (true, Rounds::of("kubernetes", source.base.as_str()));
                loop {
                    let listed = source.list(&shelf, namespace.as_deref()).await;
                    if listed.is_ok()
                        && std::mem::take(&mut first)
                        && left.fetch_sub(1, Ordering::AcqRel) == 1
                    {
                        shelf.is_read();
                    }
                    let outcome = match listed {
                        Ok(version) => source.watch(&shelf, namespace.as_deref(), version).await,
                        Err(error) => Err(error),
                    };
                    rounds.ended(outcome).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Everything there is; gives the version that a watch goes on from.
    async fn list(&self, shelf: &Shelf, namespace: Option<&str>) -> Result<String, String> {
        let response = self.get(namespace, &[]).await?;
        let list: List = response.json().await.map_err(|error| error.to_string())?;
        let mut touched = Vec::new();
        {
            let mut slices = self.slices.lock();
            let ours = |key: &(String, String)| namespace.is_none_or(|name| key.0 == name);
            touched.extend(slices.extract_if(|key, _| ours(key)).map(|(_, slice)| slice.service));
            for written in &list.items {
                if let Some((key, slice)) = self.read(written) {
                    touched.push(slice.service.clone());
                    slices.insert(key, slice);
                }
            }
        }
        self.publish(shelf, touched);
        Ok(list.metadata.resource_version)
    }

    /// Every change, watch after watch, until one cannot go on.
    async fn watch(&self, shelf: &Shelf, namespace: Option<&str>, mut version: String) -> Result<(), String> {
        loop {
            let seconds = WATCH.as_secs().to_string();
            let asked = [
                ("watch", "true"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", version.as_str()),
                ("timeoutSeconds", seconds.as_str()),
            ];
            let response = self.get(namespace, &asked).await?;
            let mut events = Values::of(response);
            while let Some(event) = events.next::<Event>().await? {
                if event.kind == "ERROR" {
                    let code = event.object.get("code").and_then(Value::as_u64);
                    // 410: the version is too old to go on from. Everything is read again.
                    return if code == Some(410) { Ok(()) } else { Err(event.object.to_string()) };
                }
                let written: Written =
                    serde_json::from_value(event.object).map_err(|error| error.to_string())?;
                version.clone_from(&written.metadata.resource_version);
                if event.kind != "BOOKMARK" {
                    self.changed(shelf, &written, event.kind == "DELETED");
                }
            }
        }
    }

    fn changed(&self, shelf: &Shelf, written: &Written, deleted: bool) {
        let key = (written.metadata.namespace.clone(), written.metadata.name.clone());
        let mut touched = Vec::new();
        {
            let mut slices = self.slices.lock();
            touched.extend(slices.remove(&key).map(|slice| slice.service));
            if let Some((key, slice)) = self.read(written).filter(|_| !deleted) {
                touched.push(slice.service.clone());
                slices.insert(key, slice);
            }
        }
        self.publish(shelf, touched);
    }

    fn publish(&self, shelf: &Shelf, mut services: Vec<String>) {
        services.sort();
        services.dedup();
        for service in services {
            let slices = self.slices.lock();
            let mut of_service: Vec<_> =
                slices.iter().filter(|(_, slice)| slice.service == service).collect();
            of_service.sort_by_key(|(key, _)| *key);
            let mut list: Vec<Instance> =
                of_service.into_iter().flat_map(|(_, slice)| slice.instances.clone()).collect();
            // While an endpoint moves from slice to slice it is in both.
            let mut seen = std::collections::HashSet::new();
            list.retain(|instance| seen.insert(instance.instance_id().to_owned()));
            shelf.book.replace(&service, list);
        }
    }

    fn read(&self, written: &Written) -> Option<((String, String), Slice)> {
        let labels = written.metadata.labels.clone().unwrap_or_default();
        let service = labels.get(SERVICE)?.clone();
        if !self.settings.service_labels.iter().all(|(name, value)| labels.get(name) == Some(value)) {
            return None;
        }
        let ports = written.ports.as_deref().unwrap_or_default();
        let (port, secure) = self.port(ports);
        let mut metadata: Metadata = labels.into_iter().filter(|(name, _)| name != SERVICE).collect();
        for port in ports {
            if let (Some(name), Some(number)) =
                (port.name.as_deref().filter(|name| !name.is_empty()), port.port)
            {
                metadata.insert(format!("port.{name}"), number.to_string());
            }
        }
        metadata.insert("k8s_namespace".to_owned(), written.metadata.namespace.clone());
        let endpoints = written.endpoints.as_deref().unwrap_or_default();
        let usable = |endpoint: &&Endpoint| {
            endpoint.conditions.ready.unwrap_or(true) || self.settings.include_not_ready_addresses
        };
        let instance = |endpoint: &Endpoint| {
            // All addresses of an endpoint are the same one: the documentation asks consumers to take the first.
            let host = endpoint.addresses.first()?;
            let mut metadata = metadata.clone();
            metadata.extend(endpoint.zone.clone().map(|zone| ("zone".to_owned(), zone)));
            metadata.extend(endpoint.node_name.clone().map(|node| ("node".to_owned(), node)));
            let target = endpoint.target_ref.as_ref();
            metadata.extend(target.and_then(|target| target.name.clone()).map(|pod| ("pod".to_owned(), pod)));
            let id = target.and_then(|target| target.uid.clone());
            let id = id.unwrap_or_else(|| format!("{host}:{}", port.unwrap_or_default()));
            Some(Instance::new(&service, id, host, port).with_secure(secure).with_metadata(metadata))
        };
        let instances = endpoints.iter().filter(usable).filter_map(instance).collect();
        let key = (written.metadata.namespace.clone(), written.metadata.name.clone());
        Some((key, Slice { service: service.clone(), instances }))
    }

    /// The primary port, else `https`, else `http`, else the first; and whether it speaks TLS.
    fn port(&self, ports: &[Port]) -> (Option<u16>, bool) {
        let named = |name: &str| ports.iter().find(|port| port.name.as_deref() == Some(name));
        let chosen = self.settings.primary_port_name.as_deref().and_then(named);
        let chosen = chosen.or_else(|| named("https")).or_else(|| named("http")).or_else(|| ports.first());
        let Some(chosen) = chosen else { return (None, false) };
        let known = chosen.port.is_some_and(|port| self.settings.known_secure_ports.contains(&port));
        (chosen.port, known || chosen.name.as_deref() == Some("https"))
    }

    async fn get(
        &self,
        namespace: Option<&str>,
        asked: &[(&str, &str)],
    ) -> Result<reqwest::Response, String> {
        let path = match namespace {
            Some(name) => format!("apis/discovery.k8s.io/v1/namespaces/{name}/endpointslices"),
            None => "apis/discovery.k8s.io/v1/endpointslices".to_owned(),
        };
        let mut url = self.base.join(&path).map_err(|error| error.to_string())?;
        url.query_pairs_mut().append_pair("labelSelector", SERVICE).extend_pairs(asked);
        let mut request = self.http.get(url);
        if let Some(token) = self.token() {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.map_err(|error| {
            // The cause says what is wrong with a certificate.
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        })?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::FORBIDDEN => {
                Err("the account may not list and watch endpointslices (403)".to_owned())
            }
            StatusCode::UNAUTHORIZED => Err("the token is not accepted (401)".to_owned()),
            status => Err(format!("{path} answers {status}")),
        }
    }

    fn token(&self) -> Option<String> {
        let given = || std::fs::read_to_string(Path::new(GIVEN).join("token")).ok();
        self.access.oauth_token.clone().or_else(given).map(|token| token.trim().to_owned())
    }
}
