//! How the registry stands: peers, self-preservation, what is on disk.

use std::path::Path;
use std::sync::Arc;

use wellspring_daemon::admin::Denied;
use wellspring_daemon::admin::registry::{
    Cluster, PeerResult, PeerState, Resynced, SelfPreservation, Storage,
};
use wellspring_wire::Millis;

use crate::Node;
use crate::config::Config;
use crate::peers::client::Peer;
use crate::peers::digest;

/// Named among those that are overdue.
const NAMED: usize = 20;

pub(super) fn shown(node: &Node, config: &Config) -> Cluster {
    Cluster {
        peers: node.peers().all().iter().map(|peer| state(peer, node.clock().now())).collect(),
        self_preservation: self_preservation(node, config),
        storage: config.record.state_directory.as_deref().map(storage).unwrap_or_default(),
        listeners: Vec::new(),
    }
}

fn state(peer: &Peer, now: Millis) -> PeerState {
    let (queue, dropped, reachable) = peer.state();
    let noted = peer.noted();
    let digest = match noted.healed {
        None => "unknown",
        Some((_, 0)) => "same",
        Some(_) => "healed",
    };
    PeerState {
        url: peer.address().url(""),
        state: if reachable { "reachable" } else { "unreachable" }.to_owned(),
        same_kind: peer.is_ours(),
        queue,
        lag_ms: peer
            .oldest()
            .map_or(0, |since| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)),
        dropped,
        last_error_at: noted.error.as_ref().map(|(at, _)| *at),
        last_error: noted.error.map(|(_, error)| error),
        digest: digest.to_owned(),
        compared_at: noted.healed.map(|(at, _)| at),
        healed: noted.healed.map_or(0, |(_, healed)| healed),
    }
}

pub(super) fn self_preservation(node: &Node, config: &Config) -> SelfPreservation {
    let (ends, expected, threshold, last_minute, instances, overdue) = node.with(|state, now| {
        let ends = state.expiry_enabled(now);
        let (overdue, instances) = (state.overdue(now), state.len());
        let renewals = state.renewals();
        (ends, renewals.expected(), renewals.threshold(), renewals.last_minute(now), instances, overdue)
    });
    let server = &config.server;
    let (interval, percent) =
        (server.expected_client_renewal_interval_seconds, server.renewal_percent_threshold * 100.0);
    let explanation = if !server.enable_self_preservation {
        "leases end on time: eureka.server.enable-self-preservation is false".to_owned()
    } else {
        let verdict = if ends { "leases end on time" } else { "no lease ends" };
        format!(
            "{verdict}: {last_minute} renewals came in the last whole minute, more than {threshold} are needed \
             ({expected} clients × 60/{interval} × {percent:.0} %)"
        )
    };
    SelfPreservation {
        enabled: server.enable_self_preservation,
        active: !ends,
        expected,
        threshold,
        last_minute,
        instances,
        explanation,
        overdue: overdue.into_iter().take(NAMED).collect(),
    }
}

fn storage(directory: &Path) -> Storage {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let bytes = files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    let written = std::fs::metadata(directory.join("registry.json")).and_then(|file| file.modified()).ok();
    let written_at = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    Storage {
        directory: Some(directory.display().to_string()),
        bytes,
        written_at: written_at.and_then(|at| i64::try_from(at.as_millis()).ok()).map(Millis),
    }
}

pub(super) async fn resync(
    node: &Arc<Node>,
    http: &reqwest::Client,
    wanted: Option<String>,
) -> Result<Resynced, Denied> {
    let all = node.peers().all();
    let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
    let meant = |peer: &&Arc<Peer>| {
        let url = trimmed(&peer.address().url(""));
        wanted.as_ref().is_none_or(|wanted| trimmed(wanted) == url)
    };
    let peers: Vec<_> = all.iter().filter(meant).cloned().collect();
    if let Some(name) = wanted.filter(|_| peers.is_empty()) {
        return Err(Denied::Unknown("peer", name));
    }
    let mut items = Vec::new();
    for peer in peers {
        let compared = digest::compare(node, &peer, http).await;
        let (healed, error) = match compared {
            Ok(Some(healed)) => (healed, None),
            Ok(None) => {
                (0, Some("it is no registry of this kind and has nothing to compare with".to_owned()))
            }
            Err(error) => (0, Some(format!("{error:#}"))),
        };
        items.push(PeerResult { url: peer.address().url(""), healed, error });
    }
    Ok(Resynced { items })
}
