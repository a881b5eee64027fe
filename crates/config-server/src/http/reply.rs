//! The one place where errors become statuses and bodies.

use axum::body::Body;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tracing::{debug, error};
use wellspring_daemon::{Response, error_page};

use super::accept::Accept;
use crate::error::Error;

/// A request that gets an error page.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    detail: Option<String>,
    /// Methods that would have been right.
    allowed: Option<&'static str>,
}

impl Failure {
    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, detail: None, allowed: None }
    }

    /// 405
    pub(crate) fn not_allowed(allowed: &'static str) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, detail: None, allowed: Some(allowed) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { status: status_of(&error), detail: Some(error.to_string()), allowed: None }
    }
}

pub(crate) fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::BadRequest(_) => StatusCode::BAD_REQUEST,
        // The original hides a file that does not parse behind a 404.
        Error::NotFound(_) | Error::Broken(_) => StatusCode::NOT_FOUND,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Spring Boot's error page.
pub(crate) fn failure(failure: &Failure, path: &str, headers: &HeaderMap) -> Response {
    if let Some(cause) = &failure.detail {
        if failure.status.is_server_error() {
            error!(path, cause, "request failed");
        } else {
            debug!(path, cause, status = failure.status.as_u16(), "request refused");
        }
    }
    if failure.status == StatusCode::NOT_ACCEPTABLE && !Accept::of(headers).takes_json() {
        return empty(failure.status);
    }
    let detail = error_page::Detail { message: failure.detail.clone(), exception: None };
    let mut response = error_page::response(failure.status, path, headers);
    response.extensions_mut().insert(detail);
    if let Some(allowed) = failure.allowed {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    }
    response
}

/// What may be done with a path.
pub(crate) fn options(methods: &'static str) -> Response {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(crate) fn with_type(content_type: &str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = with_type("application/json", body.to_string());
    *response.status_mut() = status;
    response
}

/// What the original's container says to paths that it does not hand on.
pub(crate) fn refused() -> Response {
    const PAGE: &str = "<!doctype html><html lang=\"en\"><head><title>HTTP Status 400 – Bad Request</title></head><body><h1>HTTP Status 400 – Bad Request</h1></body></html>";
    let mut response = with_type("text/html;charset=utf-8", PAGE);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
