//! `cluster`: the registry among its peers, and self-preservation.

use std::io::Write;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::server::{Column, Consent, Outcome, Output, Server, wait};

/// Shows the cluster, or does something about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Cluster {
    #[command(subcommand)]
    verb: Option<ClusterVerb>,
    #[command(flatten)]
    server: Server,
}

/// What may be done.
#[derive(Debug, Subcommand)]
pub(crate) enum ClusterVerb {
    /// Compares with one peer, or with all, now.
    Resync {
        /// Its address, as `wellspring cluster` shows it.
        peer: Option<String>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
    /// Expects as many renewals as there are instances now: leases of those that are gone end again.
    Accept {
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        server: Server,
    },
}

const PEERS: &[Column] = &[
    ("PEER", "url"),
    ("STATE", "state"),
    ("WAITING", "queue"),
    ("LAG MS", "lagMs"),
    ("DROPPED", "dropped"),
    ("COMPARED", "digest"),
    ("LAST ERROR", "lastError"),
];
const RESULTS: &[Column] = &[("PEER", "url"), ("PUT RIGHT", "healed"), ("ERROR", "error")];
const ACCEPTED: &[Column] = &[
    ("EXPECTED", "expected"),
    ("THRESHOLD", "threshold"),
    ("LAST MINUTE", "lastMinute"),
    ("EVENT", "event"),
];

pub(super) fn run(asked: Cluster, out: &mut dyn Write) -> Outcome {
    wait(async {
        match asked.verb {
            None => shown(&asked.server, out).await,
            Some(ClusterVerb::Resync { peer, consent, server }) => {
                consent.ask(&format!("compare with {}", peer.as_deref().unwrap_or("all peers")))?;
                let body = consent.body(json!({"peer": peer}));
                let answer = server.open()?.post(&["cluster", "resync"], &body).await?;
                server.show(&answer, RESULTS, out)?;
                let items = answer.get("items").and_then(Value::as_array);
                Ok(items.into_iter().flatten().all(|one| one.get("error").is_none_or(Value::is_null)))
            }
            Some(ClusterVerb::Accept { consent, server }) => {
                consent.ask("expect no more renewals than there are instances now")?;
                let answer = server.open()?.post(&["cluster", "accept"], &consent.body(json!({}))).await?;
                server.show(&answer, ACCEPTED, out)?;
                Ok(true)
            }
        }
    })
}

/// 1 when a peer cannot be reached, or no lease ends.
async fn shown(server: &Server, out: &mut dyn Write) -> Outcome {
    let answer = server.open()?.get(&["cluster"], &[]).await?;
    let peers = answer.get("peers").cloned().unwrap_or_else(|| json!([]));
    let kept = answer.get("selfPreservation").cloned().unwrap_or_default();
    if server.output() == Output::Table {
        server.show(&json!({"items": peers}), PEERS, out)?;
        writeln!(out, "\n{}", kept.get("explanation").and_then(Value::as_str).unwrap_or_default())?;
    } else {
        server.show(&answer, PEERS, out)?;
    }
    let reached = peers
        .as_array()
        .into_iter()
        .flatten()
        .all(|peer| peer.get("state").and_then(Value::as_str) != Some("unreachable"));
    let active = kept.get("active").and_then(Value::as_bool).unwrap_or_default();
    let enabled = kept.get("enabled").and_then(Value::as_bool).unwrap_or_default();
    let overdue = kept.get("overdue").and_then(Value::as_array).is_some_and(|names| !names.is_empty());
    Ok(reached && !(active && enabled && overdue))
}
