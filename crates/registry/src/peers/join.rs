//! A node takes its place: finds its peers, starts their senders, copies what they know, opens.
//!
//! The set of peers follows the configuration, at its own interval and when a refresh changes a URL.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderValue;
use tokio::sync::Notify;
use wellspring_daemon::Context;
use wellspring_lb_client::eureka::ClientSettings;
use wellspring_lb_client::http::{Options, client};
use wellspring_properties::{Environment, Problem, codes};
use wellspring_wire::eureka::InstanceInfo;

use super::address::Address;
use super::batch::Limits;
use super::client::Peer;
use super::{digest, nodes, sync};
use crate::config::{Config, millis};
use crate::{Clock, Node};

/// Copying a registry takes longer than a batch may.
const PATIENT: Duration = Duration::from_secs(5);

/// Joins the peers that are configured, and opens. `known` instances are here already.
pub async fn join(
    context: &Context,
    config: &Config,
    node: &Arc<Node>,
    own: &InstanceInfo,
    known: usize,
) -> anyhow::Result<()> {
    let settings = ClientSettings::from_env(&context.env)?;
    let neighbourhood = Neighbourhood::new(context, config, node, own)?;
    let joined = neighbourhood.follow(&context.env).await;
    let pause = millis(config.server.peer_eureka_nodes_update_interval_ms);
    let patient = client(Options { connect_timeout: PATIENT, ..Options::default() })?;
    let compared = digest::run(Arc::clone(node), patient.clone(), config.record.comparison_interval);
    context.tasks.spawn(compared);
    let changed = Arc::new(Notify::new());
    let bell = Arc::clone(&changed);
    context.refresher.on_change(move |keys| {
        let about_peers = [
            "eureka.client.service-url",
            "eureka.client.region",
            "eureka.client.availability-zones",
            "eureka.client.eureka-server",
            "eureka.client.use-dns",
        ];
        if keys.iter().any(|key| about_peers.iter().any(|prefix| key.starts_with(prefix))) {
            bell.notify_one();
        }
    });
    let refresher = context.refresher.clone();
    context.tasks.spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = changed.notified() => {}
            }
            neighbourhood.follow(&refresher.env()).await;
        }
    });

    let attempts = match config.server.registry_sync_retries {
        Some(attempts) => attempts,
        None if settings.register_with_eureka => 5,
        None => 0,
    };
    if joined == 0 || !settings.fetch_registry || attempts == 0 {
        node.with(|state, now| state.open(known, now));
        return Ok(());
    }
    let pause = millis(config.server.registry_sync_retry_wait_ms);
    let node = Arc::clone(node);
    context.tasks.spawn(async move {
        let copied = sync::copy(&node, node.peers(), &patient, attempts, pause).await;
        node.with(|state, now| state.open(copied.max(known), now));
        tracing::info!(copied, "open for traffic");
    });
    Ok(())
}

/// What it takes to make a peer of a URL.
struct Neighbourhood {
    context: Context,
    node: Arc<Node>,
    own: nodes::Own,
    identity: HeaderValue,
    http: reqwest::Client,
    limits: Limits,
}

impl Neighbourhood {
    fn new(context: &Context, config: &Config, node: &Arc<Node>, own: &InstanceInfo) -> anyhow::Result<Self> {
        let server = &config.server;
        let my_url = server.my_url.as_deref().filter(|url| !url.trim().is_empty());
        let my_url = my_url.map(Address::parse).transpose().map_err(|error| {
            Problem::new(codes::TYPE_MISMATCH, format!("eureka.server.my-url is no URL: {error}"))
                .at(context.env.origin("eureka.server.my-url"))
                .hint("http://this-host:8761/eureka/")
        })?;
        let http = client(Options {
            connect_timeout: millis(server.peer_node_connect_timeout_ms),
            read_timeout: Some(millis(server.peer_node_read_timeout_ms)),
            idle_per_host: server.peer_node_total_connections_per_host,
            idle_timeout: Duration::from_secs(server.peer_node_connection_idle_timeout_seconds),
            ..Options::default()
        })
        .context("no HTTP client for peers")?;
        let by_address = context
            .env
            .get_as::<bool>("eureka.client.transport.applications-resolver-use-ip")?
            .unwrap_or(false);
        let host = if by_address { &own.ip_addr } else { &own.host_name };
        Ok(Self {
            context: context.clone(),
            node: Arc::clone(node),
            own: nodes::Own { my_url, host: host.clone(), port: context.local_addr.port() },
            identity: HeaderValue::try_from(&own.ip_addr).context("eureka.instance.ip-address")?,
            http,
            limits: Limits {
                capacity: server.max_elements_in_peer_replication_pool.max(1),
                in_flight: server.max_threads_for_peer_replication.max(1),
                ..Limits::default()
            },
        })
    }

    /// Takes over the peers that are configured now; how many there are.
    async fn follow(&self, env: &Environment) -> usize {
        let read = match ClientSettings::from_env(env) {
            Ok(settings) => settings.located().await,
            Err(problem) => Err(problem.line().clone()),
        };
        let settings = match read {
            Ok(settings) => settings,
            Err(error) => {
                tracing::warn!(error, "peers stay as they are");
                return self.node.peers().all().len();
            }
        };
        let addresses = if settings.enabled { self.own.others(&settings.urls()) } else { Vec::new() };
        let make = |address: &Address| Peer::new(address.clone(), self.limits.clone(), Clock::default());
        for peer in self.node.peers().replace(&addresses, make) {
            tracing::info!(peer = %peer.address(), "peer added");
            crate::metrics::of_peer(&self.context.meters, &peer);
            self.context.tasks.spawn(peer.run(
                self.http.clone(),
                Arc::clone(&self.node),
                self.identity.clone(),
            ));
        }
        self.node.peers().all().len()
    }
}
