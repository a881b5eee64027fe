//! `/api/v1`: one table of routes makes both the router and the OpenAPI file.

mod access;
mod config;
mod events;
mod openapi;
mod overview;
mod paging;
mod refusal;
mod routes;
mod services;
mod stream;

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::Admin;
use refusal::Refusal;
use routes::Routes;

/// What the handlers get.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) admin: Admin,
    /// Streams end when it is cancelled.
    pub(crate) stopping: tokio_util::sync::CancellationToken,
}

/// The whole API. `token`: what callers must show; without one only names of this machine are answered.
pub fn router(admin: Admin, token: Option<String>, stopping: tokio_util::sync::CancellationToken) -> Router {
    let routes = table();
    let description = openapi::document(&routes);
    let mut router = Router::new();
    for (path, handler) in admin.mounted() {
        router = router.route(&format!("/api/v1{path}"), handler.with_state(()));
    }
    for route in routes.list {
        router = router.route(&format!("/api/v1{}", route.path), route.handler);
    }
    router
        .route("/api/v1/openapi.json", get(move || std::future::ready(axum::Json(description.clone()))))
        .fallback(|uri: http::Uri| async move { Refusal::unknown("path", uri.path()) })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(axum::middleware::from_fn_with_state(access::Gate::new(token), access::check))
        .with_state(State { admin, stopping })
}

fn table() -> Routes {
    let mut routes = Routes::default();
    overview::mount(&mut routes);
    services::mount(&mut routes);
    config::mount(&mut routes);
    events::mount(&mut routes);
    stream::mount(&mut routes);
    routes
}
