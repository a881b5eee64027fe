//! An answer on its way to the client.

use axum::body::Body;
use http::{HeaderMap, Response, StatusCode};

/// Status, headers and body, and whether filters may still change them.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Body,
    /// Given by a filter or a fallback: the original has sent it by the time that response filters run, so they have no effect.
    pub committed: bool,
}

impl Reply {
    /// An answer that filters may change: an upstream's, or that of a scheme without transport.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: Body) -> Self {
        Self { status, headers, body, committed: false }
    }

    /// An empty, final answer of a filter.
    #[must_use]
    pub fn refusal(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::empty(), committed: true }
    }

    #[must_use]
    pub fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
