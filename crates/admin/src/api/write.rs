//! Writes: read the order, check whom it concerns, do it, write it down. The only way into the event log's `admin` topic.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::SET_COOKIE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::State;
use super::gate::{self, Digest};
use super::paging::Query;
use super::refusal::Refusal;
use super::routes::{At, Scope};
use crate::access::Actor;
use crate::events::{New, Topic};
use crate::federation;
use crate::schema::Schema;

/// A request that carries nothing but its reason.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Nothing {}

impl Schema for Nothing {
    fn schema() -> Value {
        json!({"type": "object", "properties": {}})
    }
}

/// A write as it was asked for.
#[derive(Debug)]
pub(super) struct Order<B> {
    pub(super) actor: Actor,
    pub(super) path: HashMap<String, String>,
    pub(super) query: HashMap<String, String>,
    /// The session that the request belongs to, if it does.
    pub(super) cookie: Option<String>,
    /// Why.
    pub(super) reason: Option<String>,
    pub(super) body: B,
}

impl<B> Order<B> {
    /// A part of the path; the table has it, or this is empty.
    pub(super) fn named(&self, name: &str) -> String {
        self.path.get(name).cloned().unwrap_or_default()
    }
}

/// What a write did, for the caller and for the event log. No secrets in what goes to the log.
#[derive(Debug)]
pub(super) struct Done<T> {
    pub(super) answer: T,
    kind: &'static str,
    daemon: String,
    subject: String,
    application: Option<String>,
    text: String,
    before: Value,
    after: Value,
    /// Who it was, where only the write itself found out.
    actor: Option<String>,
    cookie: Option<String>,
}

impl<T> Done<T> {
    /// `kind` happened to `subject`; `daemon` did it.
    pub(super) fn new(
        answer: T,
        kind: &'static str,
        daemon: impl Into<String>,
        subject: impl Into<String>,
    ) -> Self {
        Self {
            answer,
            kind,
            daemon: daemon.into(),
            subject: subject.into(),
            application: None,
            text: String::new(),
            before: Value::Null,
            after: Value::Null,
            actor: None,
            cookie: None,
        }
    }

    pub(super) fn text(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    pub(super) fn of_application(self, application: impl Into<String>) -> Self {
        Self { application: Some(application.into()), ..self }
    }

    /// What was, and what is.
    pub(super) fn change(self, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Self { before: before.into(), after: after.into(), ..self }
    }

    pub(super) fn by(self, actor: &str) -> Self {
        Self { actor: Some(actor.to_owned()), ..self }
    }

    pub(super) fn cookie(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }
}

/// A request to a write, as axum hands it over.
pub(super) struct Call {
    actor: Actor,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    cookie: Option<String>,
    body: Bytes,
}

impl FromRequest<State> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, state: &State) -> Result<Self, Response> {
        use axum::RequestExt;
        let actor = request.extensions().get::<Actor>().cloned().unwrap_or_default();
        let digest = request.extensions().get::<Digest>().cloned();
        let cookie = gate::signed_in(request.headers()).map(str::to_owned);
        let mut request = request;
        let Path(path) = request.extract_parts().await.map_err(IntoResponse::into_response)?;
        let axum::extract::Query(query): Query =
            request.extract_parts().await.map_err(IntoResponse::into_response)?;
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        if digest.is_some_and(|Digest(signed)| signed != federation::digest(&body)) {
            return Err(Refusal::unauthorized("the body is not the one that was signed").into_response());
        }
        Ok(Self { actor, path, query, cookie, body })
    }
}

/// Does what was asked and writes it down.
pub(super) async fn done<B, T, H, F>(
    axum::extract::State(state): axum::extract::State<State>,
    call: Call,
    at: At,
    handler: H,
) -> Response
where
    B: DeserializeOwned,
    T: Serialize,
    H: Fn(State, Order<B>) -> F,
    F: Future<Output = Result<Done<T>, Refusal>>,
{
    let order = match order::<B>(call, at) {
        Ok(order) => order,
        Err(refused) => {
            let (actor, refusal) = *refused;
            gate::note_refused(&state.admin, &actor, at, &refusal);
            return refusal.into_response();
        }
    };
    let (actor, reason) = (order.actor.name.clone(), order.reason.clone());
    match handler(state.clone(), order).await {
        Ok(done) => answer(&state, done, &actor, reason.as_deref()),
        Err(refusal) => refusal.into_response(),
    }
}

fn answer<T: Serialize>(state: &State, done: Done<T>, actor: &str, reason: Option<&str>) -> Response {
    let mut event = New::of(Topic::Admin, done.kind, &done.daemon, &done.subject)
        .text(done.text)
        .by(done.actor.as_deref().unwrap_or(actor))
        .data(json!({"reason": reason, "before": done.before, "after": done.after}));
    if let Some(application) = &done.application {
        event = event.of_application(application);
    }
    let id = state.admin.record(event);
    let mut body = serde_json::to_value(&done.answer).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.insert("event".to_owned(), id.into());
    }
    let mut response = Json(body).into_response();
    if let Some(cookie) = done.cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn order<B: DeserializeOwned>(call: Call, at: At) -> Result<Order<B>, Box<(Actor, Refusal)>> {
    let Call { actor, path, query, cookie, body } = call;
    let mut sent: Value = match if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(&body) } {
        Ok(sent @ Value::Object(_)) => sent,
        Ok(_) => return Err(Box::new((actor, Refusal::body("it is no JSON object")))),
        Err(error) => return Err(Box::new((actor, Refusal::body(&error.to_string())))),
    };
    if let Scope::Body(name) = at.scope {
        let application = sent.get(name).and_then(Value::as_str).unwrap_or_default();
        let application = application.split(':').next().unwrap_or_default();
        if !actor.reaches(application) {
            let refusal = Refusal::out_of_reach(application);
            return Err(Box::new((actor, refusal)));
        }
    }
    let reason = sent.as_object_mut().and_then(|members| members.get("reason").cloned());
    let reason = reason.as_ref().and_then(Value::as_str).or_else(|| query.get("reason").map(String::as_str));
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned);
    match serde_json::from_value(sent) {
        Ok(body) => Ok(Order { actor, path, query, cookie, reason, body }),
        Err(error) => Err(Box::new((actor, Refusal::body(&error.to_string())))),
    }
}
