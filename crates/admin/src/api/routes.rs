//! A route with all that the description of the API says about it.

use std::collections::BTreeMap;

use axum::handler::Handler;
use axum::routing::{MethodRouter, get};
use serde_json::Value;

use super::State;
use crate::schema::Schema;

#[derive(Default)]
pub(super) struct Routes {
    pub(super) list: Vec<Route>,
    pub(super) schemas: BTreeMap<&'static str, Value>,
}

pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// Name, JSON type, meaning.
    pub(super) query: &'static [(&'static str, &'static str, &'static str)],
    pub(super) content_type: &'static str,
    pub(super) answer: Value,
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
        T::collect(&mut self.schemas);
        let (content_type, handler) = ("application/json", get(handler));
        self.list.push(Route { path, summary, query, content_type, answer: T::reference(), handler });
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
