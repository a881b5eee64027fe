//! `/api/v1`: one table of routes makes the router, the gate before each route, and the OpenAPI file.

mod actuator;
mod bus;
mod calls;
mod cluster;
mod config;
mod elsewhere;
mod events;
mod gate;
mod gateway;
mod gathered;
mod instances;
mod openapi;
mod overview;
mod paging;
mod problem;
mod refusal;
mod resilience;
mod routes;
mod search;
mod services;
mod session;
mod stream;
mod streams;
mod tap;
mod topology;
mod users;
mod write;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http::StatusCode;
use serde_json::Value;

use crate::Admin;
use crate::access::Access;
use gate::Gate;
use refusal::Refusal;
use routes::{At, Routes, at};

/// What the handlers get.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) admin: Admin,
    pub(crate) access: Access,
    /// Streams end when it is cancelled.
    pub(crate) stopping: tokio_util::sync::CancellationToken,
}

const DESCRIPTION: At = at("/openapi.json", "This description");

/// The whole API, for those whom `access` knows.
pub fn router(admin: Admin, access: Access, stopping: tokio_util::sync::CancellationToken) -> Router {
    let state = State { admin, access, stopping };
    let mut routes = table();
    let description = openapi::document(&routes);
    routes.get::<Value, _, _>(DESCRIPTION, move || std::future::ready(axum::Json(description.clone())));
    let mut router = Router::new();
    for route in routes.list {
        let gate = Gate { state: state.clone(), at: route.at, write: route.write };
        let handler = route.handler.layer(from_fn_with_state(gate, gate::check));
        router = router.route(&format!("/api/v1{}", route.at.path), handler);
    }
    router
        .fallback(|uri: http::Uri| async move { Refusal::unknown("path", uri.path()) })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .with_state(state)
}

/// The OpenAPI file.
#[must_use]
pub fn description() -> Value {
    openapi::document(&table())
}

fn table() -> Routes {
    let mut routes = Routes::default();
    overview::mount(&mut routes);
    session::mount(&mut routes);
    users::mount(&mut routes);
    services::mount(&mut routes);
    instances::mount(&mut routes);
    actuator::mount(&mut routes);
    cluster::mount(&mut routes);
    search::mount(&mut routes);
    topology::mount(&mut routes);
    config::mount(&mut routes);
    gateway::mount(&mut routes);
    tap::mount(&mut routes);
    resilience::mount(&mut routes);
    bus::mount(&mut routes);
    events::mount(&mut routes);
    stream::mount(&mut routes);
    routes
}
