//! The dashboard's pages and the status resource.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use wellspring_daemon::{Response, Template};

use super::{Api, reply};
use crate::dashboard::{self, Figures};
use crate::view::Format;

impl Api {
    /// A page of the dashboard, when the path is one.
    pub(super) fn page(&self, parts: &Parts) -> Option<Response> {
        let settings = &self.about.config.dashboard;
        let below = parts.uri.path().strip_prefix(settings.path.trim_end_matches('/'))?;
        if !settings.enabled || !matches!(below, "" | "/" | "/lastn" | "/lastn/") {
            return None;
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Some(reply::not_allowed("GET,HEAD,OPTIONS", self.context_path(), parts));
        }
        let is_history = below.starts_with("/lastn");
        let text = if is_history {
            dashboard::history(&self.node, &self.about)
        } else {
            dashboard::overview(&Figures::gather(&self.node, &self.about), &self.about)
        };
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html;charset=UTF-8"));
        response.extensions_mut().insert(Template(if is_history { "/lastn" } else { "/" }.into()));
        Some(response)
    }

    /// XML only: the original fails on JSON.
    pub(super) fn status(&self, format: Format, parts: &Parts) -> Response {
        if format == Format::Json {
            return self.error(StatusCode::INTERNAL_SERVER_ERROR, parts);
        }
        let figures = Figures::gather(&self.node, &self.about);
        reply::bytes(Format::Xml, dashboard::status(&figures, &self.about))
    }
}
