//! The periodic comparison with peers of this kind: heals what a lost batch left apart.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::StatusCode;
use serde::de::DeserializeOwned;
use wellspring_wire::eureka::json;
use wellspring_wire::eureka::replication::{Action, ReplicationInstance};

use super::client::Peer;
use crate::Node;
use crate::state::{Digest, Line};

const CANCEL_LIFE: Duration = Duration::from_secs(30);

/// Compares with every peer, again and again.
pub async fn run(node: Arc<Node>, http: reqwest::Client, period: Duration) {
    // Less would be a comparison without end.
    let period = period.max(Duration::from_millis(100));
    loop {
        for peer in node.peers().all().iter() {
            match compare(&node, peer, &http).await {
                Ok(None | Some(0)) => {}
                Ok(Some(healed)) => tracing::info!(peer = %peer.address(), healed, "differences healed"),
                Err(error) => {
                    tracing::debug!(peer = %peer.address(), error = %format!("{error:#}"), "no comparison with peer")
                }
            }
        }
        tokio::time::sleep(period).await;
    }
}

/// One comparison; how many instances were taken over or cancelled. `None`: a registry of another kind.
pub async fn compare(node: &Node, peer: &Peer, http: &reqwest::Client) -> anyhow::Result<Option<usize>> {
    let healed = exchange(node, peer, http).await;
    match &healed {
        Ok(Some(healed)) => peer.compared(*healed),
        Ok(None) => {}
        Err(error) => peer.note_error(format!("{error:#}")),
    }
    healed
}

async fn exchange(node: &Node, peer: &Peer, http: &reqwest::Client) -> anyhow::Result<Option<usize>> {
    let Some(theirs) = get::<Digest>(peer, http, "digest").await? else { return Ok(None) };
    let mut healed = 0;
    for app in node.differences(&theirs) {
        let name = percent_encoding::utf8_percent_encode(&app, percent_encoding::NON_ALPHANUMERIC);
        let Some(lines) = get::<Vec<Line>>(peer, http, &format!("digest/{name}")).await? else { continue };
        let healing = node.with(|state, now| state.compare(&app, &lines, now));
        healed += healing.fetch.len() + healing.cancel.len();
        for id in healing.cancel {
            peer.offer(cancel(&app, id), CANCEL_LIFE);
        }
        if healing.fetch.is_empty() {
            continue;
        }
        let wanted: HashMap<&str, &Line> = lines
            .iter()
            .filter(|line| healing.fetch.contains(&line.id))
            .map(|line| (line.id.as_str(), line))
            .collect();
        let body = body(peer, http, &format!("apps/{name}")).await?.unwrap_or_default();
        for instance in json::read_application(&body)?.instances {
            if let Some(line) = wanted.get(instance.id()) {
                node.heal(Arc::unwrap_or_clone(instance), line);
            }
        }
    }
    Ok(Some(healed))
}

/// What tells a peer that an instance was cancelled.
pub fn cancel(app: &str, id: String) -> ReplicationInstance {
    ReplicationInstance {
        app_name: Some(app.to_owned()),
        id: Some(id),
        action: Some(Action::Cancel),
        ..ReplicationInstance::default()
    }
}

/// `None` when the peer has no such path: a registry of another kind.
async fn get<T: DeserializeOwned>(
    peer: &Peer,
    http: &reqwest::Client,
    path: &str,
) -> anyhow::Result<Option<T>> {
    let body = body(peer, http, path).await?;
    body.map(|body| serde_json::from_slice(&body).context("not readable")).transpose()
}

async fn body(peer: &Peer, http: &reqwest::Client, path: &str) -> anyhow::Result<Option<bytes::Bytes>> {
    let response = peer.address().get(http, path).send().await.context("not reached")?;
    if response.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    anyhow::ensure!(response.status().is_success(), "answered {}", response.status());
    peer.seen(response.headers());
    Ok(Some(response.bytes().await?))
}
