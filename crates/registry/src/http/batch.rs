//! `peerreplication/batch`: what a peer received from its clients, item by item.

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use wellspring_daemon::{Response, body};
use wellspring_wire::eureka::json;

use super::{Api, BATCH_CAP, negotiate, reply};
use crate::view::Format;

impl Api {
    pub(super) async fn batch<B>(&self, format: Format, parts: &Parts, body: B) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let bytes = match body::limited(body, BATCH_CAP).await {
            Ok(bytes) => bytes,
            Err(refused) => return self.error(refused.status(), parts),
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
                let answers: Vec<_> = items.into_iter().map(|item| self.node.replicated(item)).collect();
                let mut out = Vec::with_capacity(64 * answers.len() + 32);
                json::write_batch_response(&answers, &mut out);
                reply::bytes(Format::Json, out)
            }
        }
    }
}
