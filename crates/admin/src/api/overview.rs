//! `/overview`, `/daemons`, `/problems`: how things stand.

use std::collections::{HashMap, HashSet};

use axum::Json;
use axum::extract::{self, Path};

use super::State;
use super::gathered;
use super::problem;
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::domain::Domain;
use crate::events::{Event, Query};
use crate::federation::{Introduction, Missing, Others};
use crate::part::{Health, Problem};
use crate::schema::view;

const RECENT: usize = 20;

view! {
    /// Everything at a glance.
    pub(super) struct Overview {
        /// UP when every daemon is.
        status: String,
        /// Each daemon that is known.
        daemons: Vec<Health>,
        /// What is not as it should be.
        problems: Vec<Problem>,
        /// What there are answers about, here or at another daemon: registry, config server, gateway, bus.
        domains: Vec<String>,
        /// Registered services.
        services: Count,
        /// The last events, newest first.
        events: Vec<Event>,
    }
}

view! {
    /// How much is registered.
    pub(super) struct Count {
        /// Services.
        services: usize,
        /// Instances.
        instances: usize,
        /// Instances that are UP.
        up: usize,
    }
}

view! {
    /// All daemons that are known.
    pub(super) struct Daemons {
        /// Those of this process first; UNREACHABLE is the status of one that does not answer.
        items: Vec<Health>,
    }
}

view! {
    /// What is not as it should be.
    pub(super) struct Problems {
        /// Empty when all is well.
        items: Vec<Problem>,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let introduction = at("/introduction", "Which daemons answer here, and what about").scope(Scope::Own);
    routes.get::<Introduction, _, _>(introduction, introduce);
    routes.get::<Overview, _, _>(at("/overview", "Everything at a glance"), overview);
    routes.get::<Daemons, _, _>(at("/daemons", "Health of each daemon"), daemons);
    routes.get::<Health, _, _>(at("/daemons/{name}", "Health of one daemon"), daemon);
    routes.get::<Problems, _, _>(at("/problems", "What is not as it should be, and since when"), problems);
}

/// The daemons of this process and, unless another daemon asks, of all others that answer.
async fn everybody(state: &State, actor: &Actor) -> (Vec<Health>, Vec<Problem>, Others) {
    let mut daemons = state.admin.health().await;
    let mut problems = state.admin.problems(&daemons);
    problems.extend(problem::found(state, actor).await);
    let others = if actor.forwarded { Others::default() } else { asked(state).await };
    problems.extend(others.missing.iter().map(Missing::problem));
    let federation = state.admin.federation();
    let healths = federation.ask_all::<Daemons>(&state.admin, &others.there, actor, "/api/v1/daemons");
    let troubles = federation.ask_all::<Problems>(&state.admin, &others.there, actor, "/api/v1/problems");
    let (healths, troubles) = tokio::join!(healths, troubles);
    daemons.extend(healths.into_iter().flat_map(|(_, answer)| answer.items));
    problems.extend(troubles.into_iter().flat_map(|(_, answer)| answer.items));
    // Two daemons may say the same of a third.
    let mut said = HashSet::new();
    problems.retain(|one| said.insert((one.daemon.clone(), one.component.clone(), one.description.clone())));
    (daemons, problems, others)
}

async fn asked(state: &State) -> Others {
    state.admin.federation().others(&state.admin).await
}

async fn overview(extract::State(state): extract::State<State>, actor: Actor) -> Json<Overview> {
    let (daemons, problems, others) = everybody(&state, &actor).await;
    let federation = state.admin.federation();
    let registry = others.there.iter().find(|other| other.has(Domain::Registry));
    let counted = match registry.filter(|_| !state.admin.has(Domain::Registry)) {
        Some(other) => {
            let path = "/api/v1/overview";
            federation
                .ask::<Overview>(&state.admin, &other.url, &actor, path)
                .await
                .ok()
                .map(|one| one.services)
        }
        None => None,
    };
    let well = daemons.iter().all(|daemon| daemon.status == "UP");
    let there =
        |domain: &Domain| state.admin.has(*domain) || others.there.iter().any(|other| other.has(*domain));
    let domains = Domain::ALL.into_iter().filter(there).map(|domain| domain.as_str().to_owned()).collect();
    let (wanted, all) = (Query { reach: Some(actor.clone()), ..Query::default() }, HashMap::new());
    let recent = gathered::page(&state, &actor, &wanted, &all, &None, RECENT, &others.there).await;
    Json(Overview {
        status: if well { "UP" } else { "DOWN" }.to_owned(),
        services: counted.unwrap_or_else(|| count(&state, &actor)),
        daemons,
        problems,
        domains,
        events: recent.items,
    })
}

fn count(state: &State, actor: &Actor) -> Count {
    let services: Vec<_> =
        state.admin.services().into_iter().filter(|service| actor.reaches(&service.name)).collect();
    let (instances, up) = services.iter().fold((0, 0), |(all, up), one| (all + one.total, up + one.up));
    Count { services: services.len(), instances, up }
}

async fn daemons(extract::State(state): extract::State<State>, actor: Actor) -> Json<Daemons> {
    let mut items = state.admin.health().await;
    if !actor.forwarded {
        let others = asked(&state).await;
        let answers = state.admin.federation();
        let answers =
            answers.ask_all::<Daemons>(&state.admin, &others.there, &actor, "/api/v1/daemons").await;
        items.extend(answers.into_iter().flat_map(|(_, answer)| answer.items));
        // A daemon that does not answer is shown as what it is: away.
        items.extend(others.missing.into_iter().map(|gone| Health {
            name: gone.name,
            address: gone.url,
            status: "UNREACHABLE".to_owned(),
            ..Health::default()
        }));
    }
    Json(Daemons { items })
}

async fn daemon(
    extract::State(state): extract::State<State>,
    actor: Actor,
    Path(name): Path<String>,
) -> Result<Json<Health>, Refusal> {
    let Json(all) = daemons(extract::State(state), actor).await;
    let found = all.items.into_iter().find(|health| health.name.eq_ignore_ascii_case(&name));
    found.map(Json).ok_or_else(|| Refusal::unknown("daemon", &name))
}

async fn problems(extract::State(state): extract::State<State>, actor: Actor) -> Json<Problems> {
    Json(Problems { items: everybody(&state, &actor).await.1 })
}

async fn introduce(extract::State(state): extract::State<State>) -> Json<Introduction> {
    Json(state.admin.introduction())
}
