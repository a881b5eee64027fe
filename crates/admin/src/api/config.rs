//! `/config/*`: drift, history, effective values, pins.

use std::sync::Arc;

use axum::Json;
use axum::extract::{self, Path};

use super::State;
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::Routes;
use crate::config::{
    ConfigClient, ConfigRepository, Configs, Denied, Diff, Effective, History, Pin, PinOrder, Wanted,
};
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

const APPLICATION: (&str, &str, &str) = ("application", "string", "name, or a comma list of names");
const PROFILE: (&str, &str, &str) = ("profile", "string", "profiles, `default` without");
const LABEL: (&str, &str, &str) = ("label", "string", "branch, tag or commit; the default label without");

pub(super) fn mount(routes: &mut Routes) {
    routes.get::<Drift, _, _>(
        "/config/drift",
        "Which commit each client has, joined with the registry",
        &[APPLICATION, ("state", "string", "current, behind, never or unknown")],
        drift,
    );
    routes.get::<History, _, _>(
        "/config/history",
        "Commits of a label; with an application those that change its files",
        &[
            APPLICATION,
            PROFILE,
            LABEL,
            ("before", "string", "the `next` of the page before"),
            ("limit", "integer", "1 to 1000, 100 without"),
        ],
        history,
    );
    routes.get::<Diff, _, _>(
        "/config/diff",
        "Effective values that differ between two commits",
        &[
            APPLICATION,
            PROFILE,
            ("from", "string", "label before"),
            ("to", "string", "label after; the default label without"),
        ],
        diff,
    );
    routes.get::<Effective, _, _>(
        "/config/environment",
        "Effective values, secrets masked",
        &[APPLICATION, PROFILE, LABEL],
        effective,
    );
    routes.get::<Repositories, _, _>(
        "/config/repositories",
        "Repositories, how fresh they are, what was refused",
        &[],
        repositories,
    );
    routes.get::<Pins, _, _>("/config/pins", "Labels held at a commit", &[], pins);
    routes.post::<PinOrder, Pin, _, _>("/config/pins", "Hold a label at a commit", pin);
    routes.delete::<Pin, _, _>(
        "/config/pins/{label}",
        "Let a label follow its branch again; `/` in it is `%2F`",
        &[("repository", "string", "the default one without"), ("actor", "string", "who does it")],
        unpin,
    );
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown(what, name) => Self::unknown(what, &name),
            Denied::Wrong(parameter, hint) => Self::parameter(parameter, &hint),
            Denied::Failed(cause) => Self::failed(&cause),
        }
    }
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

async fn drift(extract::State(state): extract::State<State>, query: Query) -> Result<Json<Drift>, Refusal> {
    let mut items = server(&state)?.drift(state.admin.services()).await?;
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

async fn pin(
    extract::State(state): extract::State<State>,
    Json(order): Json<PinOrder>,
) -> Result<Json<Pin>, Refusal> {
    Ok(Json(server(&state)?.pin(order).await?))
}

async fn unpin(
    extract::State(state): extract::State<State>,
    Path(label): Path<String>,
    query: Query,
) -> Result<Json<Pin>, Refusal> {
    let text = |name| paging::text(&query, name).map(str::to_owned);
    let order = PinOrder {
        label: Some(label),
        repository: text("repository"),
        actor: text("actor"),
        ..PinOrder::default()
    };
    Ok(Json(server(&state)?.unpin(order).await?))
}
