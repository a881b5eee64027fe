//! `/cluster`: peers, self-preservation, storage.

use axum::Json;
use axum::extract;
use serde_json::json;

use super::State;
use super::instances::registry;
use super::refusal::Refusal;
use super::routes::{Routes, at};
use super::write::{Done, Nothing, Order};
use crate::access::Role;
use crate::domain::Domain;
use crate::registry::{Cluster, Resynced, SelfPreservation};
use crate::schema::view;

view! {
    /// With whom to compare.
    pub(super) struct Resync {
        /// The peer's address as `/cluster` shows it; all without one.
        peer: Option<String>,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let cluster = at("/cluster", "Peers, self-preservation and its arithmetic, storage, listeners");
    routes.get::<Cluster, _, _>(cluster.domain(Domain::Registry), shown);
    let resync_at = at("/cluster/resync", "Compare with peers now").domain(Domain::Registry);
    let resync_at = resync_at.role(Role::Operator).done_by("cluster", "cluster resync");
    routes.post::<Resync, Resynced, _, _>(resync_at, resync);
    let accept_at = at("/cluster/accept", "Expect as many renewals as there are instances now");
    let accept_at = accept_at.domain(Domain::Registry).role(Role::Operator);
    routes.post::<Nothing, SelfPreservation, _, _>(accept_at.done_by("cluster", "cluster accept"), accept);
}

async fn shown(extract::State(state): extract::State<State>) -> Result<Json<Cluster>, Refusal> {
    let mut cluster = registry(&state)?.cluster();
    cluster.listeners = state.admin.listeners();
    Ok(Json(cluster))
}

async fn resync(state: State, order: Order<Resync>) -> Result<Done<Resynced>, Refusal> {
    let peer = order.body.peer.filter(|peer| !peer.trim().is_empty());
    let subject = peer.clone().unwrap_or_else(|| "all peers".to_owned());
    let result = registry(&state)?.resync(peer).await?;
    let healed: usize = result.items.iter().map(|one| one.healed).sum();
    let failed = result.items.iter().filter(|one| one.error.is_some()).count();
    let asked = result.items.len();
    let text = format!("compared with {} of {asked} peers, {healed} instances put right", asked - failed);
    let after = json!({"healed": healed, "failed": failed});
    Ok(Done::new(result, "resynced", state.admin.daemon_of(Domain::Registry), subject)
        .text(text)
        .change((), after))
}

async fn accept(state: State, _: Order<Nothing>) -> Result<Done<SelfPreservation>, Refusal> {
    let registry = registry(&state)?;
    let before = registry.cluster().self_preservation;
    let after = registry.accept();
    let text = format!("{} clients are expected to renew, not {}", after.expected, before.expected);
    let brief = |one: &SelfPreservation| json!({"expected": one.expected, "threshold": one.threshold});
    let (was, is) = (brief(&before), brief(&after));
    Ok(Done::new(after, "size-accepted", state.admin.daemon_of(Domain::Registry), "self-preservation")
        .text(text)
        .change(was, is))
}
