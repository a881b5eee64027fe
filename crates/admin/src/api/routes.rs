//! The one table: each route with all that the description of the API, the gate and the event log must know about it.
//!
//! A route that changes something is added by [`Routes::post`] or [`Routes::delete`], whose handler cannot answer without
//! saying what it did; the table writes that down. A `POST` that only asks is added by [`Routes::ask`].

use std::collections::BTreeMap;

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::State;
use super::refusal::Refusal;
use super::write::{self, Done, Order};
use crate::access::Role;
use crate::domain::Domain;
use crate::schema::Schema;

/// Name, JSON type, meaning.
pub(super) type Parameter = (&'static str, &'static str, &'static str);

#[derive(Default)]
pub(super) struct Routes {
    pub(super) list: Vec<Route>,
    pub(super) schemas: BTreeMap<&'static str, Value>,
}

pub(super) struct Route {
    pub(super) at: At,
    /// As in the description: `get`, `post`, `delete`.
    pub(super) method: &'static str,
    pub(super) content_type: &'static str,
    pub(super) answer: Value,
    /// What is sent as JSON.
    pub(super) body: Option<Value>,
    /// It changes something.
    pub(super) write: bool,
    pub(super) handler: MethodRouter<State>,
}

/// Where a route is, and what is known about it before it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    /// The least role; `None`: everybody, also without a credential.
    pub(super) role: Option<Role>,
    pub(super) scope: Scope,
    /// Only daemons with this have an answer: elsewhere the request is passed on.
    pub(super) domain: Option<Domain>,
    /// What this process knows is an answer as well, when no other can be asked.
    pub(super) answers_itself: bool,
    /// The page of the console whose action does it.
    pub(super) page: Option<&'static str>,
    /// The words after `wellspring` that do it.
    pub(super) command: Option<&'static str>,
}

/// Where the application is named that the request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// About no application. Whoever is confined to some may look and change nothing.
    Platform,
    /// In the path.
    Path(&'static str),
    /// In the query; whoever is confined to some applications has to name one.
    Query(&'static str),
    /// In the body; likewise. What follows a colon is not the application's name.
    Body(&'static str),
    /// The handler leaves out what is out of reach.
    Listed,
    /// About the caller: no application at all.
    Own,
}

/// A path below `/api/v1`, for viewers unless more is said.
pub(super) const fn at(path: &'static str, summary: &'static str) -> At {
    At {
        path,
        summary,
        query: &[],
        role: Some(Role::Viewer),
        scope: Scope::Platform,
        domain: None,
        answers_itself: false,
        page: None,
        command: None,
    }
}

impl At {
    pub(super) const fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn role(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    /// Answers without a credential.
    pub(super) const fn anybody(self) -> Self {
        Self { role: None, ..self }
    }

    pub(super) const fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    pub(super) const fn domain(self, domain: Domain) -> Self {
        Self { domain: Some(domain), ..self }
    }

    /// As [`At::domain`]; without a daemon that has it this one answers as well as it can.
    pub(super) const fn prefers(self, domain: Domain) -> Self {
        Self { domain: Some(domain), answers_itself: true, ..self }
    }

    /// Of writes: the console's page and the command that do it.
    pub(super) const fn done_by(self, page: &'static str, command: &'static str) -> Self {
        Self { page: Some(page), command: Some(command), ..self }
    }
}

impl Scope {
    /// As `x-scope` says it.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Platform => "platform".to_owned(),
            Self::Path(name) => format!("path:{name}"),
            Self::Query(name) => format!("query:{name}"),
            Self::Body(name) => format!("body:{name}"),
            Self::Listed => "listed".to_owned(),
            Self::Own => "own".to_owned(),
        }
    }
}

impl Routes {
    /// `GET` that answers a `T` as JSON.
    pub(super) fn get<T, H, A>(&mut self, at: At, handler: H)
    where
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        T::collect(&mut self.schemas);
        self.add("get", at, T::reference(), None, false, get(handler));
    }

    /// `POST` of a `B` that changes nothing, answered with a `T`, both as JSON.
    pub(super) fn ask<B, T, H, A>(&mut self, at: At, handler: H)
    where
        B: Schema,
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        B::collect(&mut self.schemas);
        T::collect(&mut self.schemas);
        self.add("post", at, T::reference(), Some(B::reference()), false, post(handler));
    }

    /// `POST` of a `B` and a `reason` that changes something, answered with a `T` and the id of its `event`.
    pub(super) fn post<B, T, H, F>(&mut self, at: At, handler: H)
    where
        B: Schema + DeserializeOwned + Send + 'static,
        T: Schema + Serialize + Send + 'static,
        H: Fn(State, Order<B>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Done<T>, Refusal>> + Send + 'static,
    {
        B::collect(&mut self.schemas);
        T::collect(&mut self.schemas);
        let body =
            with(B::schema(), "reason", json!({"type": "string", "description": "why, for the event log"}));
        let handler = move |state, call| write::done(state, call, at, handler);
        self.add("post", at, answered::<T>(), Some(body), true, post(handler));
    }

    /// `DELETE` with a `?reason=`, answered with a `T`, which is what was there, and the id of its `event`.
    pub(super) fn delete<T, H, F>(&mut self, at: At, handler: H)
    where
        T: Schema + Serialize + Send + 'static,
        H: Fn(State, Order<write::Nothing>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Done<T>, Refusal>> + Send + 'static,
    {
        T::collect(&mut self.schemas);
        let handler = move |state, call| write::done(state, call, at, handler);
        self.add("delete", at, answered::<T>(), None, true, delete(handler));
    }

    /// `GET` of a stream of events, each with a `T` as data.
    pub(super) fn stream<T, H, A>(&mut self, at: At, handler: H)
    where
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        self.get::<T, H, A>(at, handler);
        if let Some(route) = self.list.last_mut() {
            route.content_type = "text/event-stream";
        }
    }

    fn add(
        &mut self,
        method: &'static str,
        at: At,
        answer: Value,
        body: Option<Value>,
        write: bool,
        handler: MethodRouter<State>,
    ) {
        let content_type = "application/json";
        self.list.push(Route { at, method, content_type, answer, body, write, handler });
    }
}

fn answered<T: Schema>() -> Value {
    with(T::schema(), "event", json!({"type": "integer", "description": "id of the entry in the event log"}))
}

/// The schema of an object with one more member.
fn with(mut object: Value, name: &str, member: Value) -> Value {
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(name.to_owned(), member);
    }
    object
}
