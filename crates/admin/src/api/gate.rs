//! Who is let in to a route: credential, role, scope, and for writes the header that no foreign web page can send.
//!
//! Without any credential configured, requests to names of this machine are answered: the check of `Host` keeps web pages of
//! other sites from reaching the API by a name of theirs that leads to loopback.

use std::net::IpAddr;

use axum::extract::{RawPathParams, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, HOST};
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::State;
use super::elsewhere;
use super::refusal::Refusal;
use super::routes::{At, Scope};
use crate::Admin;
use crate::access::{Actor, COOKIE_NAME, Role};
use crate::events::{New, Topic};
use crate::federation::{Federation, PROOF, Signed};

/// Sent with every write that shows no token.
const OURS: &str = "x-wellspring";

/// Whoever has not said who he is.
pub(super) const NOBODY: &str = "nobody";

/// One route as its gate sees it.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) state: State,
    pub(super) at: At,
    pub(super) write: bool,
}

pub(super) async fn check(
    axum::extract::State(gate): axum::extract::State<Gate>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let Shown { actor, digest, proof } = match gate.identify(&request) {
        Ok(shown) => shown,
        Err(refusal) => return refusal.into_response(),
    };
    if let Err(refusal) = gate.permit(&actor, &params, &request) {
        if gate.write {
            note_refused(&gate.state.admin, &actor, gate.at, &refusal);
        }
        return proven(refusal.into_response(), proof);
    }
    let query = request.uri().query().unwrap_or_default();
    match elsewhere::chosen(&gate.state, gate.at, &actor, query).await {
        Ok(Some(other)) => return elsewhere::pass_on(&gate.state, &other, &actor, request).await,
        Ok(None) => {}
        Err(refusal) => return proven(refusal.into_response(), proof),
    }
    request.extensions_mut().insert(actor);
    if let Some(digest) = digest {
        request.extensions_mut().insert(Digest(digest));
    }
    proven(next.run(request).await, proof)
}

/// What a signed request's body has to have.
#[derive(Clone, Debug)]
pub(super) struct Digest(pub(super) String);

/// Who a request comes from.
struct Shown {
    actor: Actor,
    digest: Option<String>,
    /// For the daemon that passed it on: that this one knows the token too.
    proof: Option<String>,
}

impl From<Actor> for Shown {
    fn from(actor: Actor) -> Self {
        Self { actor, digest: None, proof: None }
    }
}

fn proven(mut response: Response, proof: Option<String>) -> Response {
    if let Some(value) = proof.and_then(|proof| HeaderValue::try_from(proof).ok()) {
        response.headers_mut().insert(PROOF, value);
    }
    response
}

/// A write that was not allowed is an event too.
pub(super) fn note_refused(admin: &Admin, actor: &Actor, at: At, refusal: &Refusal) {
    let daemon = at.domain.map_or_else(|| admin.name(), |domain| admin.daemon_of(domain));
    let event = New::of(Topic::Admin, "refused", &daemon, at.path)
        .by(&actor.name)
        .text(format!("{}: {}", at.summary, refusal.message))
        .data(json!({"role": actor.role, "code": refusal.code}));
    admin.record(event);
}

/// A sign-in that failed; few of a series are events, so that they do not push out all others.
pub(super) fn note_unknown(admin: &Admin, name: &str, refusal: &Refusal) {
    tracing::warn!(name, "sign-in refused: {}", refusal.message);
    if admin.may_note_stranger() {
        let event = New::of(Topic::Admin, "refused", &admin.name(), "/session").by(NOBODY);
        admin.record(event.text(format!("sign-in as {name}: {}", refusal.message)));
    }
}

impl Gate {
    fn identify(&self, request: &Request) -> Result<Shown, Refusal> {
        let access = &self.state.access;
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        if let Some(signed) = self.state.admin.federation().signed(method, uri, headers) {
            let signed =
                signed.ok_or_else(|| Refusal::unauthorized("the signature of the other daemon is wrong"))?;
            let Signed { actor, digest, proof } = signed;
            return Ok(Shown { actor, digest: Some(digest), proof: Some(proof) });
        }
        if let Some(value) = headers.get(AUTHORIZATION) {
            let token = bearer(value);
            let known = token.and_then(|token| access.bearer(token));
            // A token that nobody asked for is no reason to refuse what is open anyway.
            if let Some(actor) = known {
                return Ok(actor.into());
            }
            if !access.is_open() {
                return Err(Refusal::unauthorized("the token is unknown"));
            }
        }
        let actor = match cookie(headers).and_then(|value| access.session(value)) {
            Some(actor) => actor,
            None if access.is_open() => {
                if !names_this_machine(request) {
                    let message = "this name is not one of this machine";
                    return Err(Refusal::forbidden(message, "use 127.0.0.1 or localhost"));
                }
                Federation::passed_on(headers).unwrap_or_else(Actor::local)
            }
            None if self.at.role.is_none() => Actor { name: NOBODY.to_owned(), ..Actor::default() },
            None => return Err(Refusal::unauthorized("no credential was shown")),
        };
        if self.write && !headers.contains_key(OURS) {
            let message = "a write without a token has to carry the header X-Wellspring";
            return Err(Refusal::forbidden(message, "X-Wellspring: 1"));
        }
        Ok(actor.into())
    }

    fn permit(&self, actor: &Actor, params: &RawPathParams, request: &Request) -> Result<(), Refusal> {
        let Some(least) = self.at.role else { return Ok(()) };
        if actor.role < least {
            return Err(Refusal::role(actor.role, least));
        }
        if !actor.is_scoped() {
            return Ok(());
        }
        match self.at.scope {
            Scope::Platform if self.write => Err(Refusal::out_of_reach("the platform")),
            // Who may reach some applications only is no administrator of access, whatever the role.
            Scope::Platform if least == Role::Admin => Err(Refusal::out_of_reach("the platform")),
            Scope::Platform | Scope::Listed | Scope::Own | Scope::Body(_) => Ok(()),
            Scope::Path(name) => {
                let given = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
                reached(actor, given.unwrap_or_default())
            }
            Scope::Query(name) => {
                let query = request.uri().query().unwrap_or_default();
                let given = url_value(query, name).unwrap_or_default();
                // A comma list of names: all of them have to be within reach.
                given.split(',').try_for_each(|one| reached(actor, one.trim()))
            }
        }
    }
}

fn reached(actor: &Actor, application: &str) -> Result<(), Refusal> {
    if actor.reaches(application) { Ok(()) } else { Err(Refusal::out_of_reach(application)) }
}

pub(super) fn url_value(query: &str, name: &str) -> Option<String> {
    let uri: http::Uri = format!("/?{query}").parse().ok()?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
    pairs.0.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    })
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).map(str::trim)
}

/// What the caller signed in with: a cookie, or the same as a bearer's token.
pub(super) fn signed_in(headers: &HeaderMap) -> Option<&str> {
    cookie(headers).or_else(|| headers.get(AUTHORIZATION).and_then(bearer))
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

impl<S: Sync> axum::extract::FromRequestParts<S> for Actor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Response> {
        let known = parts.extensions.get().cloned();
        known.ok_or_else(|| Refusal::unauthorized("no credential was shown").into_response())
    }
}
