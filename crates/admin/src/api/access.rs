//! Who is let in: the bearer of the token; without a token, requests to names of this machine.
//!
//! The check of `Host` keeps web pages of other sites from reaching the API by a name of theirs that leads to loopback.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST};

use super::refusal::Refusal;

#[derive(Clone)]
pub(super) struct Gate {
    token: Option<Arc<str>>,
}

impl Gate {
    pub(super) fn new(token: Option<String>) -> Self {
        Self { token: token.map(Arc::from) }
    }
}

pub(super) async fn check(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let refusal = match &gate.token {
        Some(token) => (!bears(&request, token))
            .then(|| Refusal::forbidden("the token is missing or wrong", "Authorization: Bearer TOKEN")),
        None => (!names_this_machine(&request)).then(|| {
            Refusal::forbidden("this name is not one of this machine", "use 127.0.0.1 or localhost")
        }),
    };
    match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn bears(request: &Request, token: &str) -> bool {
    let value = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = value.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().trim().as_bytes();
    // As long for a wrong first byte as for a wrong last one.
    let differing = given.iter().zip(token.as_bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    given.len() == token.len() && differing == 0
}

fn names_this_machine(request: &Request) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.or_else(|| request.uri().host()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
