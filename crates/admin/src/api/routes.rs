//! A route with all that the description of the API says about it.

use std::collections::BTreeMap;

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post};
use serde_json::Value;

use super::State;
use crate::schema::Schema;

#[derive(Default)]
pub(super) struct Routes {
    pub(super) list: Vec<Route>,
    pub(super) schemas: BTreeMap<&'static str, Value>,
}

pub(super) struct Route {
    /// As in the description: `get`, `post`, `delete`.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// Name, JSON type, meaning.
    pub(super) query: &'static [(&'static str, &'static str, &'static str)],
    pub(super) content_type: &'static str,
    pub(super) answer: Value,
    /// What is sent as JSON.
    pub(super) body: Option<Value>,
    pub(super) handler: MethodRouter<State>,
}

impl Routes {
    /// `GET` that answers a `T` as JSON.
    pub(super) fn get<T, H, A>(
        &mut self,
        path: &'static str,
        summary: &'static str,
        query: &'static [(&'static str, &'static str, &'static str)],
        handler: H,
    ) where
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        self.add::<T>("get", path, summary, query, None, get(handler));
    }

    /// `POST` of a `B`, answered with a `T`, both as JSON.
    pub(super) fn post<B, T, H, A>(&mut self, path: &'static str, summary: &'static str, handler: H)
    where
        B: Schema,
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        B::collect(&mut self.schemas);
        self.add::<T>("post", path, summary, &[], Some(B::reference()), post(handler));
    }

    /// `DELETE` that answers a `T` as JSON: what was there.
    pub(super) fn delete<T, H, A>(
        &mut self,
        path: &'static str,
        summary: &'static str,
        query: &'static [(&'static str, &'static str, &'static str)],
        handler: H,
    ) where
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        self.add::<T>("delete", path, summary, query, None, delete(handler));
    }

    fn add<T: Schema>(
        &mut self,
        method: &'static str,
        path: &'static str,
        summary: &'static str,
        query: &'static [(&'static str, &'static str, &'static str)],
        body: Option<Value>,
        handler: MethodRouter<State>,
    ) {
        T::collect(&mut self.schemas);
        let (content_type, answer) = ("application/json", T::reference());
        self.list.push(Route { method, path, summary, query, content_type, answer, body, handler });
    }

    /// `GET` of a stream of events, each with a `T` as data.
    pub(super) fn stream<T, H, A>(
        &mut self,
        path: &'static str,
        summary: &'static str,
        query: &'static [(&'static str, &'static str, &'static str)],
        handler: H,
    ) where
        T: Schema,
        H: Handler<A, State>,
        A: 'static,
    {
        self.get::<T, H, A>(path, summary, query, handler);
        if let Some(route) = self.list.last_mut() {
            route.content_type = "text/event-stream";
        }
    }
}
