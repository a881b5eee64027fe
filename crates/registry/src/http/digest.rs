//! `digest` and `digest/APP`: what registries of this kind compare. Others never ask.

use http::HeaderValue;
use serde::Serialize;
use wellspring_daemon::Response;

use super::{Api, reply};
use crate::peers::client::KIND;
use crate::view::Format;

impl Api {
    pub(super) fn digest(&self) -> Response {
        known(&self.node.with(|state, now| state.digest(now)))
    }

    pub(super) fn lines(&self, app: &str) -> Response {
        known(&self.node.with(|state, now| state.lines(app, now)))
    }
}

fn known(value: &impl Serialize) -> Response {
    // Maps of texts and lists of plain structs have nothing that JSON could refuse.
    let mut response = reply::bytes(Format::Json, serde_json::to_vec(value).unwrap_or_default());
    response.headers_mut().insert(KIND, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    response
}
