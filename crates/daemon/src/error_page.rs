//! Spring Boot's error answer: JSON, or the whitelabel page for a browser.
//!
//! Unknown paths get it as well. `message` and `exception` appear only with `server.error.include-*`: a handler
//! puts them into [`Detail`], the frame decides what is shown.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use crate::service::Response;
use wellspring_wire::Millis;

#[derive(Serialize)]
struct Page<'a> {
    timestamp: String,
    status: u16,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    path: &'a str,
}

/// What a page may say beyond the status; shown as `server.error.include-message` and `include-exception` allow.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    pub message: Option<String>,
    pub exception: Option<String>,
}

/// `server.error.include-*`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Included {
    include_message: Include,
    include_exception: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Include {
    #[default]
    Never,
    Always,
    /// When the request says `?message=true` (or without a value).
    #[serde(alias = "on_param")]
    OnParam,
}

impl Included {
    /// What of a detail may be shown to a caller who sent this query.
    pub(crate) fn of(&self, detail: Detail, query: &str) -> Detail {
        let asked = || query.split('&').any(|pair| matches!(pair, "message" | "message=" | "message=true"));
        let message = match self.include_message {
            Include::Never => false,
            Include::Always => true,
            Include::OnParam => asked(),
        };
        Detail {
            message: detail.message.filter(|_| message),
            exception: detail.exception.filter(|_| self.include_exception),
        }
    }
}

/// The page for a status; `headers` are the request's, for `Accept`.
pub fn response(status: StatusCode, path: &str, headers: &HeaderMap) -> Response {
    detailed(status, path, headers, &Detail::default())
}

/// As [`response`], with everything in `detail` shown.
pub fn detailed(status: StatusCode, path: &str, headers: &HeaderMap, detail: &Detail) -> Response {
    let error = reason(status);
    let (content_type, body) = if prefers_html(headers) {
        ("text/html;charset=UTF-8", html(status, error, detail))
    } else {
        let page = Page {
            timestamp: timestamp(Millis::now().0),
            status: status.as_u16(),
            error,
            exception: detail.exception.as_deref(),
            message: detail.message.as_deref(),
            path,
        };
        ("application/json", serde_json::to_string(&page).unwrap_or_default())
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Spring's reason phrase. Java's Spring knows some statuses by other names than the IANA registry.
pub fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        413 => "Payload Too Large",
        414 => "URI Too Long",
        418 => "I'm a teapot",
        422 => "Unprocessable Entity",
        _ => status.canonical_reason().unwrap_or("None"),
    }
}

/// `2026-11-21T06:30:43.974+00:00`.
pub fn timestamp(epoch_millis: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(epoch_millis).unwrap_or_default();
    jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S.%3f+00:00", instant).unwrap_or_default()
}

/// A browser names `text/html` before, or with more weight than, any JSON.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let mut best = (0.0_f32, false);
    for value in headers.get_all(ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight =
                parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let html = name.eq_ignore_ascii_case("text/html");
            let json = name.eq_ignore_ascii_case("application/json") || name.ends_with("+json");
            if (html || json) && weight > best.0 {
                best = (weight, html);
            }
        }
    }
    best.1
}

fn html(status: StatusCode, error: &str, detail: &Detail) -> String {
    let mut page = String::from("<html><body><h1>Whitelabel Error Page</h1>");
    let when = timestamp(Millis::now().0);
    let written = write!(
        page,
        "<div id='created'>{when}</div><div>There was an unexpected error (type={}, status={}).</div>",
        escape(error),
        status.as_u16()
    );
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    for text in [&detail.message, &detail.exception].into_iter().flatten() {
        page.push_str("<div>");
        page.push_str(&escape(text));
        page.push_str("</div>");
    }
    page.push_str("</body></html>");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        headers
    }

    async fn text(response: Response) -> String {
        String::from_utf8(crate::body::limited(response.into_body(), 10_000).await.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_timestamp_has_milliseconds_and_an_offset() {
        assert_eq!(timestamp(1_795_242_643_974), "2026-11-21T06:30:43.974+00:00");
    }

    #[tokio::test]
    async fn json_has_four_members_in_springs_order() {
        let page = response(StatusCode::NOT_FOUND, "/none", &HeaderMap::new());
        assert_eq!(page.headers()[CONTENT_TYPE], "application/json");
        let body = text(page).await;
        assert!(body.starts_with("{\"timestamp\":\"20"), "{body}");
        assert!(
            body.ends_with("+00:00\",\"status\":404,\"error\":\"Not Found\",\"path\":\"/none\"}"),
            "{body}"
        );
    }

    #[tokio::test]
    async fn a_browser_gets_the_whitelabel_page_with_text_escaped() {
        let detail = Detail { message: Some("<script>".to_owned()), exception: None };
        let browser = accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        let page = detailed(StatusCode::INTERNAL_SERVER_ERROR, "/x", &browser, &detail);
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html;charset=UTF-8");
        let body = text(page).await;
        assert!(body.contains("Whitelabel Error Page") && body.contains("&lt;script&gt;"), "{body}");
    }

    #[test]
    fn html_is_for_those_who_prefer_it() {
        let table = [
            ("text/html", true),
            ("*/*", false),
            ("application/json, text/html;q=0.5", false),
            ("text/html, application/json", true),
            ("application/json, text/html", false),
            ("text/html, application/json;q=0.9", true),
            ("application/xml", false),
        ];
        for (value, html) in table {
            assert_eq!(prefers_html(&accept(value)), html, "{value}");
        }
    }
}
