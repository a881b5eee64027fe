//! `/tap`: live requests of the gateway.

use axum::extract;
use axum::response::Response;

use super::State;
use super::refusal::Refusal;
use super::routes::{Routes, at};
use crate::domain::Domain;
use crate::schema::view;

view! {
    /// One request as the gateway saw it.
    pub(super) struct Tapped {
        /// Milliseconds since 1970.
        at: u64,
        /// GET, POST and so on.
        method: String,
        /// As it came.
        path: String,
        /// The route's id.
        route: Option<String>,
        /// Where it went.
        instance: Option<String>,
        /// Of the answer.
        status: u16,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let tap = at("/tap", "Requests of the gateway as they are answered").domain(Domain::Gateway);
    routes.stream::<Tapped, _, _>(tap, follow);
}

async fn follow(extract::State(state): extract::State<State>, uri: http::Uri) -> Result<Response, Refusal> {
    let tap = state.admin.tap().ok_or_else(|| Refusal::unknown("daemon", Domain::Gateway.as_str()))?;
    Ok(tap.follow(uri.query().unwrap_or_default(), state.stopping)?)
}
