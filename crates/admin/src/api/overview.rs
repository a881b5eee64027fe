//! `/overview`, `/daemons`, `/problems`: how things stand.

use axum::Json;
use axum::extract::{self, Path};

use super::State;
use super::refusal::Refusal;
use super::routes::{Routes, at};
use crate::events::{Event, Query};
use crate::part::{Health, Problem};
use crate::schema::view;

const RECENT: usize = 20;

view! {
    /// Everything at a glance.
    pub(super) struct Overview {
        /// UP when every daemon is.
        status: String,
        /// Each daemon of this process.
        daemons: Vec<Health>,
        /// What is not as it should be.
        problems: Vec<Problem>,
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
    /// The daemons of this process.
    pub(super) struct Daemons {
        /// In order of start.
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
    routes.get::<Overview, _, _>(at("/overview", "Everything at a glance"), overview);
    routes.get::<Daemons, _, _>(at("/daemons", "Health of each daemon"), daemons);
    routes.get::<Health, _, _>(at("/daemons/{name}", "Health of one daemon"), daemon);
    routes.get::<Problems, _, _>(at("/problems", "What is not as it should be, and since when"), problems);
}

async fn overview(extract::State(state): extract::State<State>) -> Json<Overview> {
    let daemons = state.admin.health().await;
    let problems = state.admin.problems(&daemons);
    let services = state.admin.services();
    let (instances, up) = services.iter().fold((0, 0), |(all, up), one| (all + one.total, up + one.up));
    let well = daemons.iter().all(|daemon| daemon.status == "UP");
    let events = state.admin.log().page(&Query::default(), RECENT).0;
    Json(Overview {
        status: if well { "UP" } else { "DOWN" }.to_owned(),
        daemons,
        problems,
        services: Count { services: services.len(), instances, up },
        events: events.iter().map(|event| Event::clone(event)).collect(),
    })
}

async fn daemons(extract::State(state): extract::State<State>) -> Json<Daemons> {
    Json(Daemons { items: state.admin.health().await })
}

async fn daemon(
    extract::State(state): extract::State<State>,
    Path(name): Path<String>,
) -> Result<Json<Health>, Refusal> {
    let found = state.admin.health().await.into_iter().find(|health| health.name == name);
    found.map(Json).ok_or_else(|| Refusal::unknown("daemon", &name))
}

async fn problems(extract::State(state): extract::State<State>) -> Json<Problems> {
    let all = state.admin.health().await;
    Json(Problems { items: state.admin.problems(&all) })
}
