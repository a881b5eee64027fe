//! Requests that another daemon has the answer to: passed on as they are, in the name of whoever asked.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Request};
use axum::response::Response;
use futures_util::TryStreamExt as _;
use http::Method;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::State;
use super::refusal::Refusal;
use super::routes::At;
use crate::access::Actor;
use crate::domain::Domain;
use crate::federation::{Missing, Other, Others};

/// Until an answer begins: replays and comparisons take their time.
const PATIENCE: Duration = Duration::from_secs(30);
/// Headers of an answer that mean something to whoever asked.
const KEPT: [&str; 3] = ["content-disposition", "x-next-cursor", "etag"];

/// Who is to answer, if it is not this process.
pub(super) async fn chosen(
    state: &State,
    at: At,
    actor: &Actor,
    query: &str,
) -> Result<Option<Other>, Refusal> {
    // Whoever passed it on has looked; and who one is, is asked of nobody else.
    if actor.forwarded || at.role.is_none() {
        return Ok(None);
    }
    if let Some(name) = super::gate::url_value(query, "daemon").filter(|name| !name.is_empty()) {
        if state.admin.has_part(&name) {
            return Ok(None);
        }
        let Others { there, missing } = state.admin.federation().others(&state.admin).await;
        let is = |other: &&Other| other.names.iter().any(|known| known.eq_ignore_ascii_case(&name));
        return match there.iter().find(is) {
            Some(other) => Ok(Some(other.clone())),
            None => Err(gone(missing.iter().find(|one| one.name.eq_ignore_ascii_case(&name)), &name)),
        };
    }
    let Some(domain) = at.domain.filter(|domain| !state.admin.has(*domain)) else { return Ok(None) };
    let Others { there, missing } = state.admin.federation().others(&state.admin).await;
    match there.into_iter().find(|other| other.has(domain)) {
        Some(other) => Ok(Some(other)),
        None if at.answers_itself => Ok(None),
        None => nobody(&missing, domain).map_or(Ok(None), Err),
    }
}

/// Nobody who answers knows about `domain`: whoever did, or might, is named.
fn nobody(missing: &[Missing], domain: Domain) -> Option<Refusal> {
    if let Some(one) = missing.iter().find(|one| one.had(domain) == Some(true)) {
        return Some(Refusal::unreachable(&one.name, &one.cause));
    }
    let perhaps: Vec<_> = missing.iter().filter(|one| one.had(domain).is_none()).collect();
    match perhaps.as_slice() {
        [] => None,
        [one] => Some(Refusal::unreachable(&one.name, &one.cause)),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
            let cause = format!("one of {} may be it, and none of these answers", names.join(", "));
            Some(Refusal::unreachable(&format!("the {}", domain.as_str()), &cause))
        }
    }
}

fn gone(missing: Option<&Missing>, name: &str) -> Refusal {
    match missing {
        Some(missing) => Refusal::unreachable(&missing.name, &missing.cause),
        None => Refusal::unknown("daemon", name),
    }
}

pub(super) async fn pass_on(state: &State, other: &Other, actor: &Actor, request: Request) -> Response {
    use axum::response::IntoResponse as _;
    match passed_on(state, other, actor, request).await {
        Ok(response) => response,
        Err(cause) => Refusal::unreachable(other.name(), &cause).into_response(),
    }
}

async fn passed_on(
    state: &State,
    other: &Other,
    actor: &Actor,
    request: Request,
) -> Result<Response, String> {
    let (parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    let body = if parts.method == Method::GET {
        Vec::new()
    } else {
        // Two megabytes at most, as for every other route.
        Bytes::from_request(whole, state).await.map_err(|refused| refused.to_string())?.to_vec()
    };
    let federation = state.admin.federation();
    let sent = federation.send(&state.admin, &other.url, actor, &parts.method, &path, body);
    let answer = tokio::time::timeout(PATIENCE, sent).await.map_err(|_| "no answer in time".to_owned())??;
    let mut response = Response::builder().status(answer.status());
    for name in [CONTENT_TYPE.as_str(), CACHE_CONTROL.as_str()].iter().chain(&KEPT) {
        if let Some(value) = answer.headers().get(*name) {
            response = response.header(*name, value);
        }
    }
    // A stream of the other ends with this process as well.
    let stopping = state.stopping.clone().cancelled_owned();
    let stream = futures_util::StreamExt::take_until(answer.bytes_stream(), stopping);
    let stream = stream.map_err(std::io::Error::other);
    response.body(Body::from_stream(stream)).map_err(|error| error.to_string())
}
