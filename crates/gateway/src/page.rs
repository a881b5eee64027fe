//! Error answers in the shape of Spring WebFlux: JSON with the request's id, or the whitelabel page for browsers.

use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use wellspring_daemon::error_page;
use wellspring_wire::Millis;

use crate::exchange::RequestId;

#[derive(Serialize)]
struct Page<'a> {
    timestamp: String,
    path: &'a str,
    status: u16,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(rename = "requestId")]
    request_id: String,
}

/// The page for a status. `path` is the raw one without its query; `message` is shown only when settings allow it.
#[must_use]
pub fn response(
    status: StatusCode,
    path: &str,
    accept: Option<&HeaderValue>,
    id: RequestId,
    message: Option<&str>,
) -> Response<Body> {
    if prefers_html(accept) {
        let detail = error_page::Detail { message: message.map(str::to_owned), exception: None };
        let mut html = HeaderMap::new();
        html.insert(ACCEPT, HeaderValue::from_static("text/html"));
        return error_page::detailed(status, path, &html, &detail);
    }
    let page = Page {
        timestamp: error_page::timestamp(Millis::now().0),
        path,
        status: status.as_u16(),
        error: error_page::reason(status),
        message,
        request_id: id.to_string(),
    };
    let mut response = Response::new(Body::from(serde_json::to_vec(&page).unwrap_or_default()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The original lists the media types by weight, takes out `*/*` and asks whether `text/html` is among the rest.
fn prefers_html(accept: Option<&HeaderValue>) -> bool {
    accept
        .and_then(|value| value.to_str().ok())
        .into_iter()
        .flat_map(|line| line.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| matches!(media.trim().to_ascii_lowercase().as_str(), "text/html" | "text/*"))
}
