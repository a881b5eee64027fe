//! `peerreplication/batch`: what a peer received from its clients, item by item.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use wellspring_daemon::Response;
use wellspring_wire::eureka::json;

use super::{Api, BATCH_CAP, body, caller, negotiate, reply};
use crate::Caller;
use crate::peers::client::KIND;
use crate::view::Format;

impl Api {
    pub(super) async fn batch<B>(&self, format: Format, parts: &Parts, body: B) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
    {
        let bytes = match body::collect(body, BATCH_CAP, parts).await {
            Ok(bytes) => bytes,
            Err(status) => return self.error(status, parts),
        };
        if negotiate::sent(&parts.headers) != Some(Format::Json) {
            return reply::unreadable(format, parts.version);
        }
        match json::read_batch(&bytes) {
            Err(error) => {
                tracing::warn!(%error, "batch of a peer could not be read");
                reply::unreadable(format, parts.version)
            }
            Ok(None) => self.error(StatusCode::INTERNAL_SERVER_ERROR, parts),
            Ok(Some(items)) => {
                // The path itself says that a peer speaks.
                let caller = Caller { peer: true, ..caller(parts) };
                let answers: Vec<_> =
                    items.into_iter().map(|item| self.node.replicated(item, caller)).collect();
                let mut out = Vec::with_capacity(64 * answers.len() + 32);
                json::write_batch_response(&answers, &mut out);
                let mut response = reply::bytes(Format::Json, out);
                response.headers_mut().insert(KIND, HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
                response
            }
        }
    }
}
