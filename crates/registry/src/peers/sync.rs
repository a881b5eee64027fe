//! A start among peers: what they know is copied before this node counts on anybody.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use wellspring_wire::eureka::{Applications, json};

use super::client::Peer;
use super::nodes::Peers;
use crate::Node;
use crate::node::Caller;

/// An attempt with one peer. The timeouts of replication are too short for a whole registry.
const PATIENCE: Duration = Duration::from_secs(20);

/// Copies the registry of the first peer that has one; `attempts` times, `pause` apart, until one did.
pub async fn copy(
    node: &Arc<Node>,
    peers: &Peers,
    http: &reqwest::Client,
    attempts: u32,
    pause: Duration,
) -> usize {
    for attempt in 0..attempts {
        if attempt > 0 {
            tokio::time::sleep(pause).await;
        }
        for peer in peers.all().iter() {
            match tokio::time::timeout(PATIENCE, fetch(peer, http)).await {
                Ok(Ok(applications)) => {
                    let copied = take_over(node, &applications);
                    tracing::info!(peer = %peer.address(), instances = copied, "registry copied from a peer");
                    if copied > 0 {
                        return copied;
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(peer = %peer.address(), error = %format!("{error:#}"), "registry of a peer could not be copied");
                }
                Err(_) => tracing::warn!(peer = %peer.address(), "peer took too long to send its registry"),
            }
        }
    }
    0
}

async fn fetch(peer: &Peer, http: &reqwest::Client) -> anyhow::Result<Applications> {
    let response = peer.address().get(http, "apps/").send().await.context("not reached")?;
    anyhow::ensure!(response.status().is_success(), "answered {}", response.status());
    peer.seen(response.headers());
    Ok(json::read_applications(&response.bytes().await?)?)
}

fn take_over(node: &Node, applications: &Applications) -> usize {
    let mut copied = 0;
    for instance in applications.instances() {
        match crate::invalid::why_invalid(instance, &instance.app) {
            Some(reason) => tracing::warn!(app = %instance.app, reason, "instance of a peer was not copied"),
            None => {
                node.register(instance.as_ref().clone(), Caller::PEER);
                copied += 1;
            }
        }
    }
    copied
}
