//! ZooKeeper in Spring Cloud ZooKeeper's layout: `ROOT/<service>/<instance>`, each node an instance as Curator writes it.
//!
//! The nodes are ephemeral: they end with the session of who made them. Watches tell of changes; whatever changed is read
//! again, which is how ZooKeeper wants to be used.

mod session;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use wellspring_properties::{Environment, Problem, value};

use self::session::{Failure, Session};
use super::{Remote, Rounds, Shelf};
use crate::{Instance, Metadata, codes};

/// `spring.cloud.zookeeper.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ZookeeperSettings {
    /// Off: no source.
    pub enabled: bool,
    /// `host:port[,host:port…][/path]`
    pub connect_string: String,
    /// After this without a word the server is given up.
    #[serde(with = "value::duration_millis")]
    pub session_timeout: Duration,
    /// What concerns finding others.
    pub discovery: ZookeeperDiscoverySettings,
}

/// `spring.cloud.zookeeper.discovery.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ZookeeperDiscoverySettings {
    /// Off: no source.
    pub enabled: bool,
    /// The node that holds the services.
    pub root: String,
}

impl Default for ZookeeperSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            connect_string: "localhost:2181".to_owned(),
            session_timeout: Duration::from_secs(60),
            discovery: ZookeeperDiscoverySettings::default(),
        }
    }
}

impl Default for ZookeeperDiscoverySettings {
    fn default() -> Self {
        Self { enabled: true, root: "/services".to_owned() }
    }
}

/// The source, when `spring.cloud.zookeeper.connect-string` or `.discovery` is set.
pub(crate) fn from_env(env: &Environment, stop: &CancellationToken) -> Result<Option<Remote>, Problem> {
    const PREFIX: &str = "spring.cloud.zookeeper";
    if !["connect-string", "discovery"].iter().any(|key| env.contains(&format!("{PREFIX}.{key}"))) {
        return Ok(None);
    }
    let settings: ZookeeperSettings = env.bind(PREFIX)?;
    if !settings.enabled || !settings.discovery.enabled {
        return Ok(None);
    }
    let text = &settings.connect_string;
    let (servers, path) = text.find('/').map_or((text.as_str(), ""), |slash| text.split_at(slash));
    let servers: Vec<String> =
        servers.split(',').map(str::trim).filter(|server| !server.is_empty()).map(with_port).collect();
    if servers.is_empty() {
        let message = format!("{PREFIX}.connect-string names no server");
        return Err(Problem::new(codes::URL, message).found(text.clone()).hint("host:2181"));
    }
    let root = format!("{}/{}", path.trim_end_matches('/'), settings.discovery.root.trim_matches('/'));
    let mut zookeeper =
        Zookeeper { servers, root, timeout: settings.session_timeout, turn: 0, known: BTreeMap::new() };
    Ok(Some(Remote::start(stop, |shelf| async move { zookeeper.follow(shelf).await })))
}

fn with_port(server: &str) -> String {
    let last = server.rsplit(':').next().unwrap_or_default();
    let has_port = server.contains(':') && last.parse::<u16>().is_ok();
    if has_port { server.to_owned() } else { format!("{server}:2181") }
}

struct Zookeeper {
    servers: Vec<String>,
    root: String,
    timeout: Duration,
    turn: usize,
    /// Names of the nodes below each service, with what they say.
    known: BTreeMap<String, BTreeMap<String, Option<Instance>>>,
}

impl Zookeeper {
    async fn follow(&mut self, shelf: Shelf) {
        let servers = self.servers.join(",");
        let mut rounds = Rounds::of("zookeeper", servers);
        loop {
            let outcome = self.session(&shelf).await;
            self.turn += 1;
            rounds.ended(outcome).await;
        }
    }

    /// Everything, then every change, until the session ends.
    async fn session(&mut self, shelf: &Shelf) -> Result<(), Failure> {
        let server = self.servers.get(self.turn % self.servers.len().max(1)).cloned().unwrap_or_default();
        let mut session = Session::connect(&server, self.timeout).await?;
        self.services(&mut session, shelf).await?;
        shelf.is_read();
        loop {
            let path = session.next_change().await?;
            let service = path.strip_prefix(&self.root).and_then(|rest| rest.strip_prefix('/'));
            match service.and_then(|rest| rest.split('/').next()).map(str::to_owned) {
                Some(service) => {
                    if let Some(node) = path.strip_prefix(&format!("{}/{service}/", self.root))
                        && let Some(nodes) = self.known.get_mut(&service)
                    {
                        // Written again under the same name.
                        nodes.remove(node);
                    }
                    self.instances(&service, &mut session, shelf).await?;
                }
                None => self.services(&mut session, shelf).await?,
            }
        }
    }

    async fn services(&mut self, session: &mut Session, shelf: &Shelf) -> Result<(), Failure> {
        let names: BTreeSet<String> =
            session.children(&self.root).await?.unwrap_or_default().into_iter().collect();
        let gone: Vec<String> = self.known.keys().filter(|name| !names.contains(*name)).cloned().collect();
        for name in gone {
            self.known.remove(&name);
            shelf.book.replace(&name, Vec::new());
        }
        for name in names {
            self.instances(&name, session, shelf).await?;
        }
        Ok(())
    }

    /// The nodes of one service; nodes that were there before were read already.
    async fn instances(
        &mut self,
        service: &str,
        session: &mut Session,
        shelf: &Shelf,
    ) -> Result<(), Failure> {
        let folder = format!("{}/{service}", self.root);
        let names = session.children(&folder).await?.unwrap_or_default();
        let nodes = self.known.entry(service.to_owned()).or_default();
        nodes.retain(|name, _| names.contains(name));
        for name in names {
            if !nodes.contains_key(&name)
                && let Some(data) = session.data(&format!("{folder}/{name}")).await?
            {
                nodes.insert(name, instance(service, &data));
            }
        }
        shelf.book.replace(service, nodes.values().flatten().cloned().collect());
        Ok(())
    }
}

/// What Curator's service discovery writes.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Written {
    id: String,
    address: String,
    port: Option<u16>,
    ssl_port: Option<u16>,
    payload: Payload,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    metadata: BTreeMap<String, Value>,
}

/// `None`: no instance, or one that takes no calls (`instance_status`).
fn instance(service: &str, data: &[u8]) -> Option<Instance> {
    let written: Written = serde_json::from_slice(data).ok()?;
    let metadata: Metadata = written
        .payload
        .metadata
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
        .collect();
    let status = metadata.get("instance_status").map_or("UP", String::as_str);
    if !status.eq_ignore_ascii_case("UP") || written.address.is_empty() {
        return None;
    }
    let secure = written.ssl_port.is_some();
    let port = written.ssl_port.or(written.port);
    let made = Instance::new(service, written.id, written.address, port);
    Some(made.with_secure(secure).with_metadata(metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_read_as_curator_writes_them() {
        let text = br#"{"name":"orders","id":"o-1","address":"10.0.0.7","port":8080,"sslPort":null,"payload":{
            "@class":"org.springframework.cloud.zookeeper.discovery.ZookeeperInstance","id":"orders","name":"orders",
            "metadata":{"instance_status":"UP","zone":"a"}},"registrationTimeUTC":1,"serviceType":"DYNAMIC","uriSpec":null}"#;
        let read = instance("orders", text).unwrap();
        assert_eq!(
            (read.instance_id(), read.uri().as_str(), read.zone()),
            ("o-1", "http://10.0.0.7:8080", Some("a"))
        );
        let down = String::from_utf8_lossy(text).replace("\"UP\"", "\"OUT_OF_SERVICE\"");
        assert!(instance("orders", down.as_bytes()).is_none());
        assert!(instance("orders", b"nonsense").is_none());
        assert_eq!(with_port("zk1"), "zk1:2181");
        assert_eq!(with_port("zk1:2182"), "zk1:2182");
    }
}
