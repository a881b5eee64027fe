//! Answers: lists and instances in their format, and every error in the shape that the original gives it.

use axum::body::Body;
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Version};
use wellspring_daemon::{Response, error_page};

use crate::view::Format;

pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

pub(super) fn bytes(format: Format, bytes: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(bytes.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response
}

pub(super) fn gzipped(format: Format, compressed: Bytes) -> Response {
    let mut response = bytes(format, compressed);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
}

/// Spring Boot's error body.
pub(super) fn error(status: StatusCode, context_path: &str, request: &Parts) -> Response {
    let path = format!("{context_path}{}", request.uri.path());
    closing(error_page::response(status, &path, &request.headers), request.version)
}

pub(super) fn not_allowed(allow: &'static str, context_path: &str, request: &Parts) -> Response {
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, context_path, request);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

pub(super) fn options(allow: &'static str) -> Response {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// A body that could not be read.
pub(super) fn unreadable(format: Format, version: Version) -> Response {
    let body = match format {
        Format::Json => r#"{"error": "cannot parse request body"}"#,
        Format::Xml => "<error><message>cannot parse request body</message></error>",
    };
    bad(format, body, version)
}

/// A bare sentence, which is neither of the formats that its type claims.
pub(super) fn sentence(format: Format, sentence: impl Into<Bytes>, version: Version) -> Response {
    bad(format, sentence, version)
}

fn bad(format: Format, body: impl Into<Bytes>, version: Version) -> Response {
    let mut response = bytes(format, body);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    closing(response, version)
}

/// The original ends the connection with these.
fn closing(mut response: Response, version: Version) -> Response {
    let ends = matches!(
        response.status(),
        StatusCode::BAD_REQUEST | StatusCode::INTERNAL_SERVER_ERROR | StatusCode::PAYLOAD_TOO_LARGE
    );
    if ends && version <= Version::HTTP_11 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
