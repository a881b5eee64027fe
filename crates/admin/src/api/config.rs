//! `/config/*`: drift, history, effective values, pins.

use std::sync::Arc;

use axum::Json;
use axum::extract;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::State;
use super::actuator;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Parameter, Routes, Scope, at};
use super::write::{Done, Nothing, Order};
use crate::access::{Actor, Role};
use crate::config::{
    ConfigClient, ConfigRepository, Configs, Diff, Effective, History, Pin, PinOrder, Wanted,
};
use crate::domain::Domain;
use crate::schema::view;

view! {
    /// Who has which configuration.
    pub(super) struct Drift {
        /// Clients and instances that have what is served.
        current: usize,
        /// Those with an older commit.
        behind: usize,
        /// Registered instances that fetched nothing.
        never: usize,
        /// By application, the ones behind first.
        items: Vec<ConfigClient>,
    }
}

view! {
    /// The repositories of the config server.
    pub(super) struct Repositories {
        /// Those that have been opened.
        items: Vec<ConfigRepository>,
    }
}

view! {
    /// Labels that are held at a commit.
    pub(super) struct Pins {
        /// By repository and label.
        items: Vec<Pin>,
    }
}

view! {
    /// Whom to refresh.
    pub(super) struct RefreshOrder {
        /// Ids of instances.
        instances: Vec<String>,
    }
}

view! {
    /// What became of a refresh.
    pub(super) struct Refreshed {
        /// Each instance.
        items: Vec<RefreshedInstance>,
    }
}

view! {
    /// One instance that was told to read its configuration anew.
    pub(super) struct RefreshedInstance {
        /// Its service.
        application: String,
        /// Its id.
        instance: String,
        /// How many settings changed.
        changed: usize,
        /// Why it did not work.
        error: Option<String>,
    }
}

view! {
    /// A value that is to be kept secret.
    pub(super) struct Plain {
        /// The value.
        value: String,
    }
}

view! {
    /// An encrypted value.
    pub(super) struct Cipher {
        /// With `{cipher}` in front, as it stands in a file.
        value: String,
    }
}

view! {
    /// What an encrypted value is.
    pub(super) struct Decrypted {
        /// The value.
        value: String,
    }
}

/// Asked at the same time.
const AT_ONCE: usize = 8;
const APPLICATION: Parameter = ("application", "string", "name, or a comma list of names");
const PROFILE: Parameter = ("profile", "string", "profiles, `default` without");
const LABEL: Parameter = ("label", "string", "branch, tag or commit; the default label without");

pub(super) fn mount(routes: &mut Routes) {
    let config = |path, summary| at(path, summary).domain(Domain::Config);
    let drift_of = config("/config/drift", "Which commit each client has, joined with the registry");
    let drift_of = drift_of.scope(Scope::Listed);
    routes.get::<Drift, _, _>(
        drift_of.query(&[APPLICATION, ("state", "string", "current, behind, never or unknown")]),
        drift,
    );
    let history_of =
        config("/config/history", "Commits of a label; with an application those that change its files");
    routes.get::<History, _, _>(
        history_of.scope(Scope::Query("application")).query(&[
            APPLICATION,
            PROFILE,
            LABEL,
            ("before", "string", "the `next` of the page before"),
            ("limit", "integer", "1 to 1000, 100 without"),
        ]),
        history,
    );
    let diff_of = config("/config/diff", "Effective values that differ between two commits");
    routes.get::<Diff, _, _>(
        diff_of.scope(Scope::Query("application")).query(&[
            APPLICATION,
            PROFILE,
            ("from", "string", "label before"),
            ("to", "string", "label after; the default label without"),
        ]),
        diff,
    );
    let effective_of = config("/config/environment", "Effective values, secrets masked");
    let effective_of = effective_of.scope(Scope::Query("application"));
    routes.get::<Effective, _, _>(effective_of.query(&[APPLICATION, PROFILE, LABEL]), effective);
    let all = config("/config/repositories", "Repositories, how fresh they are, what was refused");
    routes.get::<Repositories, _, _>(all, repositories);
    routes.get::<Pins, _, _>(config("/config/pins", "Labels held at a commit"), pins);
    let hold = config("/config/pins", "Hold a label at a commit").role(Role::Operator);
    routes.post::<PinOrder, Pin, _, _>(hold.done_by("config", "config pin"), pin);
    let free = config("/config/pins/{label}", "Let a label follow its branch again; `/` in it is `%2F`");
    let free = free.role(Role::Operator).query(&[("repository", "string", "the default one without")]);
    let refresh_at =
        at("/config/refresh", "Have instances read their configuration anew").role(Role::Operator);
    let refresh_at = refresh_at.prefers(Domain::Registry).scope(Scope::Listed);
    routes.post::<RefreshOrder, Refreshed, _, _>(refresh_at.done_by("drift", "config refresh"), refresh);
    let encrypt_at =
        config("/config/encrypt", "A value as it may stand in a repository").role(Role::Operator);
    routes.ask::<Plain, Cipher, _, _>(encrypt_at, encrypt);
    let decrypt_at = config("/config/decrypt", "What an encrypted value is").role(Role::Admin);
    routes.post::<Cipher, Decrypted, _, _>(decrypt_at.done_by("config", "config decrypt"), decrypt);
    routes.delete::<Pin, _, _>(free.done_by("config", "config unpin"), unpin);
}

fn server(state: &State) -> Result<Arc<dyn Configs>, Refusal> {
    state.admin.config().ok_or_else(|| Refusal::unknown("daemon", "config server"))
}

fn wanted(query: &Query) -> Wanted {
    let text = |name| paging::text(query, name).map(str::to_owned);
    Wanted {
        application: text("application").unwrap_or_default(),
        profile: text("profile").unwrap_or_else(|| "default".to_owned()),
        label: text("label"),
        before: text("before"),
    }
}

fn needed(query: &Query, name: &'static str, hint: &str) -> Result<String, Refusal> {
    paging::text(query, name).map(str::to_owned).ok_or_else(|| Refusal::parameter(name, hint))
}

async fn drift(
    extract::State(state): extract::State<State>,
    actor: Actor,
    query: Query,
) -> Result<Json<Drift>, Refusal> {
    let mut items = server(&state)?.drift(state.admin.services()).await?;
    items.retain(|one| actor.reaches(&one.application));
    let count = |state: &str| items.iter().filter(|one| one.state == state).count();
    let (current, behind, never) = (count("current"), count("behind"), count("never"));
    if let Some(name) = paging::text(&query, "application") {
        items.retain(|one| one.application.eq_ignore_ascii_case(name));
    }
    if let Some(state) = paging::text(&query, "state") {
        items.retain(|one| one.state == state);
    }
    Ok(Json(Drift { current, behind, never, items }))
}

async fn history(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<History>, Refusal> {
    let limit = paging::limit(&query)?;
    Ok(Json(server(&state)?.history(wanted(&query), limit).await?))
}

async fn diff(extract::State(state): extract::State<State>, query: Query) -> Result<Json<Diff>, Refusal> {
    needed(&query, "application", "the name of an application")?;
    let from = needed(&query, "from", "a commit, tag or branch")?;
    let to = paging::text(&query, "to").unwrap_or_default().to_owned();
    Ok(Json(server(&state)?.diff(wanted(&query), from, to).await?))
}

async fn effective(
    extract::State(state): extract::State<State>,
    query: Query,
) -> Result<Json<Effective>, Refusal> {
    needed(&query, "application", "the name of an application")?;
    Ok(Json(server(&state)?.effective(wanted(&query)).await?))
}

async fn repositories(extract::State(state): extract::State<State>) -> Result<Json<Repositories>, Refusal> {
    Ok(Json(Repositories { items: server(&state)?.repositories() }))
}

async fn pins(extract::State(state): extract::State<State>) -> Result<Json<Pins>, Refusal> {
    Ok(Json(Pins { items: server(&state)?.pins() }))
}

async fn pin(state: State, order: Order<PinOrder>) -> Result<Done<Pin>, Refusal> {
    let mut wanted = order.body;
    (wanted.actor, wanted.reason) = (Some(order.actor.name), order.reason);
    let server = server(&state)?;
    let before = held(&*server, wanted.label.as_deref(), wanted.repository.as_deref());
    let pin = server.pin(wanted).await?;
    let text = format!("{} is held at {}", pin.label, pin.commit);
    let subject = format!("{} {}", pin.repository, pin.label);
    let commit = pin.commit.clone();
    Ok(Done::new(pin, "pinned", state.admin.daemon_of(Domain::Config), subject)
        .text(text)
        .change(before, commit))
}

async fn unpin(state: State, order: Order<Nothing>) -> Result<Done<Pin>, Refusal> {
    let wanted = PinOrder {
        label: Some(order.named("label")),
        repository: order.query.get("repository").cloned().filter(|text| !text.is_empty()),
        actor: Some(order.actor.name),
        reason: order.reason,
        ..PinOrder::default()
    };
    let pin = server(&state)?.unpin(wanted).await?;
    let text = format!("{} follows its branch again", pin.label);
    let (subject, commit) = (format!("{} {}", pin.repository, pin.label), pin.commit.clone());
    Ok(Done::new(pin, "unpinned", state.admin.daemon_of(Domain::Config), subject)
        .text(text)
        .change(commit, ()))
}

/// What a label is held at now.
fn held(server: &dyn Configs, label: Option<&str>, repository: Option<&str>) -> Option<String> {
    let fits = |pin: &Pin| {
        Some(pin.label.as_str()) == label && repository.is_none_or(|wanted| wanted == pin.repository)
    };
    server.pins().into_iter().find(fits).map(|pin| pin.commit)
}

async fn encrypt(
    extract::State(state): extract::State<State>,
    Json(plain): Json<Plain>,
) -> Result<Json<Cipher>, Refusal> {
    Ok(Json(Cipher { value: server(&state)?.encrypt(&plain.value)? }))
}

/// Shows a secret: who saw one is written down, never what.
async fn decrypt(state: State, order: Order<Cipher>) -> Result<Done<Decrypted>, Refusal> {
    let value = server(&state)?.decrypt(&order.body.value)?;
    let (daemon, text) = (state.admin.daemon_of(Domain::Config), "an encrypted value was shown");
    Ok(Done::new(Decrypted { value }, "decrypted", daemon, "configuration").text(text))
}

async fn refresh(state: State, order: Order<RefreshOrder>) -> Result<Done<Refreshed>, Refusal> {
    let ids = order.body.instances;
    if ids.is_empty() {
        return Err(Refusal::member("instances", "ids of instances"));
    }
    let mut chosen = Vec::new();
    for service in state.admin.services() {
        let wanted = service.instances.into_iter().filter(|one| ids.contains(&one.id));
        chosen.extend(wanted.map(|one| (service.name.clone(), one)));
    }
    if let Some((name, _)) = chosen.iter().find(|(name, _)| !order.actor.reaches(name)) {
        return Err(Refusal::out_of_reach(name));
    }
    if let Some(id) = ids.iter().find(|id| chosen.iter().all(|(_, one)| one.id != **id)) {
        return Err(Refusal::unknown("instance", id));
    }
    let told = stream::iter(chosen).map(|(application, instance)| {
        let state = state.clone();
        async move {
            let (changed, error) = match actuator::refreshed(&state, &instance).await {
                Ok(changed) => (changed, None),
                Err(refusal) => (0, Some(refusal.message)),
            };
            RefreshedInstance { application, instance: instance.id, changed, error }
        }
    });
    let items: Vec<_> = told.buffered(AT_ONCE).collect().await;
    let failed = items.iter().filter(|one| one.error.is_some()).count();
    let text = format!("{} of {} instances read their configuration anew", items.len() - failed, items.len());
    let after = json!({"instances": ids, "failed": failed});
    Ok(Done::new(Refreshed { items }, "refreshed", state.admin.daemon_of(Domain::Config), "instances")
        .text(text)
        .change((), after))
}
