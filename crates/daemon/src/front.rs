//! What every request meets first: context path, actuator, then the application.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};

use crate::actuator::{Actuator, HealthView};
use crate::error_page;
use crate::service::{Request, Response, Service, Template};

/// One listener's answers.
pub(crate) struct Front {
    /// Absent on a port of the actuator's own.
    pub(crate) service: Option<Service>,
    /// Absent when the actuator has a port of its own.
    pub(crate) actuator: Option<Actuator>,
    pub(crate) health: Arc<HealthView>,
    pub(crate) context_path: String,
}

impl Front {
    pub(crate) async fn handle(&self, request: Request) -> Response {
        let path = request.uri().path();
        let Some(within) = path
            .strip_prefix(self.context_path.as_str())
            .filter(|rest| self.context_path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        else {
            return error_page::response(StatusCode::NOT_FOUND, path, request.headers());
        };
        if let Some(actuator) = &self.actuator
            && let Some(rest) = actuator.claims(within)
        {
            let rest = rest.to_owned();
            let (parts, body) = request.into_parts();
            return actuator.answer(parts, body, rest, &self.context_path).await.0;
        }
        if let Some(group) = self.health.additional(within) {
            let reply = self.health.answer(group, crate::actuator::Version::V3).await;
            return reply.into_response(crate::actuator::V3_TYPE);
        }
        let Some(service) = &self.service else {
            return error_page::response(StatusCode::NOT_FOUND, path, request.headers());
        };
        let kept = within.len();
        let request = if self.context_path.is_empty() { request } else { strip(request, kept) };
        if service.routed {
            return self.routed(service, request).await;
        }
        service.call(request).await
    }

    /// A router that knows no such path or method says so without a body; the page is written here.
    async fn routed(&self, service: &Service, request: Request) -> Response {
        let seen = Seen::of(&request, &self.context_path);
        let response = service.call(request).await;
        let no_route = match response.status() {
            StatusCode::NOT_FOUND => response.extensions().get::<Template>().is_none(),
            status => status == StatusCode::METHOD_NOT_ALLOWED,
        };
        let unknown = no_route
            && http_body::Body::is_end_stream(response.body())
            && !response.headers().contains_key(CONTENT_TYPE);
        if !unknown || seen.method == Method::HEAD {
            return response;
        }
        let (parts, _) = response.into_parts();
        let mut page = error_page::response(parts.status, &seen.path, &seen.accept);
        for (name, value) in &parts.headers {
            page.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        page.headers_mut().remove(http::header::CONTENT_LENGTH);
        page
    }
}

/// What the error page needs of a request that is gone by then.
struct Seen {
    method: Method,
    path: String,
    accept: HeaderMap,
}

impl Seen {
    fn of(request: &Request, context_path: &str) -> Self {
        let mut accept = HeaderMap::new();
        for value in request.headers().get_all(http::header::ACCEPT) {
            accept.append(http::header::ACCEPT, value.clone());
        }
        Self {
            method: request.method().clone(),
            path: format!("{context_path}{}", request.uri().path()),
            accept,
        }
    }
}

/// The request as the application knows it: without the context path.
fn strip(mut request: Request, rest_len: usize) -> Request {
    let uri = request.uri().clone();
    let path = uri.path();
    let rest = path.get(path.len() - rest_len..).filter(|rest| !rest.is_empty()).unwrap_or("/");
    let text = uri.query().map_or_else(|| rest.to_owned(), |query| format!("{rest}?{query}"));
    let mut parts = uri.into_parts();
    if let Ok(path_and_query) = PathAndQuery::try_from(text) {
        parts.path_and_query = Some(path_and_query);
    }
    if let Ok(stripped) = http::Uri::from_parts(parts) {
        *request.uri_mut() = stripped;
    }
    request
}
