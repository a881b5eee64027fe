//! What every request meets first: a span, credentials, the context path, the actuator, then the application.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::MatchedPath;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use wellspring_properties::Problem;
use wellspring_telemetry::scope::{self, Scope};
use wellspring_telemetry::traces::Tracer;

use crate::Context;
use crate::actuator::{Actuator, HealthView};
use crate::error_page::{self, Detail, Included};
use crate::observe::{Observation, Observed, Requests, Route, Thrown};
use crate::security::Security;
use crate::service::{Caller, Request, Response, Service, Template};

/// `http.server.requests` knows no more templates than this, unless a setting says so.
const MOST_URIS: usize = 100;

/// One listener's answers.
#[derive(Clone)]
pub(crate) struct Front {
    app: Arc<str>,
    tracer: Tracer,
    requests: Arc<Requests>,
    /// Absent on a port of the actuator's own.
    service: Option<Service>,
    /// Absent when the actuator has a port of its own.
    actuator: Option<Actuator>,
    health: Arc<HealthView>,
    context_path: String,
    security: Option<Security>,
    included: Included,
}

/// An answer with the route template it came by.
type Answered = (Response, Option<Route>);

impl Front {
    /// Answers nothing but probes yet.
    pub(crate) fn new(
        context: &Context,
        health: Arc<HealthView>,
        context_path: String,
    ) -> Result<Self, Problem> {
        let env = &context.env;
        let most_uris = env.get_as("management.metrics.web.server.max-uri-tags")?.unwrap_or(MOST_URIS);
        Ok(Self {
            app: context.name.as_str().into(),
            tracer: context.tracer.clone(),
            requests: Arc::new(Requests::new(&context.meters, most_uris)),
            service: None,
            actuator: None,
            health,
            context_path,
            security: Security::from_env(env)?,
            included: env.bind("server.error")?,
        })
    }

    pub(crate) fn serving(self, service: Service) -> Self {
        Self { service: Some(service), ..self }
    }

    pub(crate) fn with_actuator(self, context: &Context) -> Self {
        Self { actuator: Some(context.actuator.clone()), ..self }
    }

    /// Below another path.
    pub(crate) fn at(self, context_path: String) -> Self {
        Self { context_path, ..self }
    }

    pub(crate) async fn handle(&self, request: Request, caller: Caller) -> http::Response<Observed> {
        let span = self.tracer.server(request.headers());
        let scope = Scope {
            app: Arc::clone(&self.app),
            tracer: Some(self.tracer.clone()),
            trace: Some(span.trace().clone()),
        };
        let mut observation =
            Observation::begin(&self.requests, request.method(), request.uri().path(), span);
        let seen = Seen::of(&request);
        let (response, template) = scope::within(scope, self.answer(request, caller, &seen)).await;
        let (mut parts, body) = response.into_parts();
        let template = match (parts.extensions.remove::<Template>(), parts.extensions.remove::<MatchedPath>())
        {
            (Some(Template(own)), _) => Route::Shared(own),
            (None, Some(matched)) => Route::Matched(matched),
            (None, None) => template.unwrap_or(Route::Fixed("/**")),
        };
        let detail = parts.extensions.remove::<Detail>();
        let of_detail = |Detail { message, exception }: Detail| {
            Some(Thrown { exception: exception?, message: message.unwrap_or_default() })
        };
        let thrown = parts.extensions.remove::<Thrown>().or_else(|| detail.and_then(of_detail));
        observation.answered(parts.status, template, thrown);
        http::Response::from_parts(parts, Observed::new(body, Some(observation)))
    }

    async fn answer(&self, request: Request, caller: Caller, seen: &Seen) -> Answered {
        let path = request.uri().path();
        let Some(within) = path
            .strip_prefix(self.context_path.as_str())
            .filter(|rest| self.context_path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        else {
            return (self.page(StatusCode::NOT_FOUND, seen, None), None);
        };
        let known = self.security.as_ref().map(|security| security.knows(request.headers()));
        if let Some(group) = self.health.additional(within) {
            let asked = self.health.answer(group, crate::actuator::Version::V3, known == Some(true));
            let reply = Box::pin(asked).await;
            return (reply.into_response(crate::actuator::V3_TYPE), Some(Route::Shared(within.into())));
        }
        let claimed = self.actuator.as_ref().and_then(|actuator| Some((actuator, actuator.claims(within)?)));
        if known == Some(false) && !claimed.is_some_and(|(_, rest)| is_health(rest)) {
            return (Security::refuse(seen.path(), &seen.headers()), Some(Route::Fixed("UNKNOWN")));
        }
        if let Some((actuator, rest)) = claimed {
            let rest = rest.to_owned();
            let (mut parts, body) = request.into_parts();
            caller.note(&mut parts.extensions);
            // In a box: it is rare, and every request's future would be as large as this one.
            let asked = actuator.answer(parts, body, rest, &self.context_path, known == Some(true));
            let answered = Box::pin(asked).await;
            return (
                self.finish(answered.0, seen),
                answered.1.map(|template| Route::Shared(template.into())),
            );
        }
        let Some(service) = &self.service else {
            return (self.page(StatusCode::NOT_FOUND, seen, None), None);
        };
        let kept = within.len();
        let request = if self.context_path.is_empty() { request } else { strip(request, kept) };
        let response = service.call(request, caller).await;
        let response = if service.routed { self.routed(response, seen) } else { response };
        let template = if service.routed { "/**" } else { "UNKNOWN" };
        (self.finish(response, seen), Some(Route::Fixed(template)))
    }

    /// A router that knows no such path or method says so without a body; the page is written here.
    fn routed(&self, response: Response, seen: &Seen) -> Response {
        let no_route = match response.status() {
            StatusCode::NOT_FOUND => response.extensions().get::<MatchedPath>().is_none(),
            status => status == StatusCode::METHOD_NOT_ALLOWED,
        };
        let bare = http_body::Body::is_end_stream(response.body())
            && !response.headers().contains_key(CONTENT_TYPE)
            && seen.method != Method::HEAD;
        if no_route && bare { self.replace(response, seen, None) } else { response }
    }

    /// A handler that left only a [`Detail`] gets the page that shows as much of it as the settings allow.
    fn finish(&self, mut response: Response, seen: &Seen) -> Response {
        let Some(detail) = response.extensions_mut().remove::<Detail>() else { return response };
        let noted = detail.clone();
        let mut response = self.replace(response, seen, Some(detail));
        response.extensions_mut().insert(noted);
        response
    }

    fn replace(&self, response: Response, seen: &Seen, detail: Option<Detail>) -> Response {
        let (mut old, _) = response.into_parts();
        let mut page = self.page(old.status, seen, detail);
        old.headers.remove(CONTENT_LENGTH);
        old.headers.remove(CONTENT_TYPE);
        page.headers_mut().extend(old.headers);
        *page.extensions_mut() = old.extensions;
        if seen.method == Method::HEAD {
            *page.body_mut() = Body::empty();
        }
        page
    }

    fn page(&self, status: StatusCode, seen: &Seen, detail: Option<Detail>) -> Response {
        let shown = self.included.of(detail.unwrap_or_default(), seen.uri.query().unwrap_or_default());
        error_page::detailed(status, seen.path(), &seen.headers(), &shown)
    }
}

fn is_health(rest: &str) -> bool {
    rest == "/health" || rest.starts_with("/health/")
}

/// What the error page needs of a request that is gone by then. Cheap: the parts share the request's bytes.
struct Seen {
    method: Method,
    uri: Uri,
    accept: Option<HeaderValue>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        let mut all = request.headers().get_all(ACCEPT).iter();
        let first = all.next().cloned();
        let accept = match (&first, all.next()) {
            (Some(first), Some(second)) => {
                let rest = [first, second].into_iter().chain(all).filter_map(|value| value.to_str().ok());
                HeaderValue::from_str(&rest.collect::<Vec<_>>().join(",")).ok()
            }
            _ => first,
        };
        Self { method: request.method().clone(), uri: request.uri().clone(), accept }
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    /// The headers that decide the page's form.
    fn headers(&self) -> HeaderMap {
        self.accept.iter().map(|value| (ACCEPT, value.clone())).collect()
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
