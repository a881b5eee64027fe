//! The client span of a forwarded request and the trace headers that its upstream gets, as Spring Cloud Gateway's observation
//! makes them: one for each call, so a retry has several.
//!
//! The original does this when a tracing library is on its class path. Here a collector, or any setting below
//! `management.tracing`, asks for it; else trace headers pass as they came and nothing is made.

use std::borrow::Cow;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use wellspring_daemon::Thrown;
use wellspring_properties::Environment;
use wellspring_telemetry::traces::{self, Span, Tags};

use crate::config::PREFIX;
use crate::error::Error;
use crate::exchange::{Exchange, Original};
use crate::route::Route;

/// Whether spans are made.
#[derive(Debug, Clone, Copy)]
pub struct Spans {
    on: bool,
}

/// A call under way. Dropped without an end it is reported without a status: the caller went away.
#[derive(Debug)]
pub struct Call(Option<Pending>);

#[derive(Debug)]
struct Pending {
    span: Span,
    /// Only of spans that will be reported.
    facts: Option<Box<Facts>>,
}

#[derive(Debug)]
struct Facts {
    method: Method,
    uri: PathAndQuery,
    original: Arc<Original>,
    route: Arc<Route>,
}

impl Spans {
    #[must_use]
    pub fn read(env: &Environment) -> Self {
        let is = |key: &str, value: &str| env.get(key).is_some_and(|text| text.eq_ignore_ascii_case(value));
        let asked = env.contains("management.tracing")
            || env.contains("management.zipkin.tracing.endpoint")
            || env.contains("management.otlp.tracing.endpoint");
        let off = is("management.tracing.enabled", "false")
            || is(&format!("{PREFIX}.observability.enabled"), "false");
        Self { on: asked && !off }
    }

    /// Begins a call and puts its ids into the headers that go upstream.
    pub fn begin(self, exchange: &Exchange, headers: &mut HeaderMap) -> Call {
        if !self.on {
            return Call(None);
        }
        let Some(span) = traces::client() else { return Call(None) };
        span.inject(headers);
        let facts = span.is_recorded().then(|| {
            Box::new(Facts {
                method: exchange.method.clone(),
                uri: exchange.uri.clone(),
                original: Arc::clone(&exchange.original),
                route: Arc::clone(&exchange.route),
            })
        });
        Call(Some(Pending { span, facts }))
    }
}

/// What the frame's metrics and server span say of an exchange that failed, in the original's words where it has some.
pub(crate) fn thrown(error: &Error, path: &str) -> Thrown {
    match error {
        // The original looks for a static file then.
        Error::NoRoute => Thrown {
            exception: "NoResourceFoundException".to_owned(),
            message: format!("404 NOT_FOUND \"No static resource {}.\"", path.trim_start_matches('/')),
        },
        error => {
            let class = error.java_type().rsplit(['.', '$']).next().unwrap_or_default();
            Thrown { exception: class.to_owned(), message: error.to_string() }
        }
    }
}

impl Call {
    /// The head of the answer is here, or there will be none.
    pub fn end(mut self, outcome: Result<StatusCode, &Error>) {
        self.report(Some(outcome));
    }

    /// Words are made only for a span that is reported.
    fn report(&mut self, outcome: Option<Result<StatusCode, &Error>>) {
        let Some(Pending { span, facts: Some(facts) }) = self.0.take() else { return };
        let (status, error) = match outcome {
            Some(Ok(status)) => (status.as_str().to_owned(), None),
            Some(Err(error)) => ("UNKNOWN".to_owned(), Some(error.to_string())),
            None => ("UNKNOWN".to_owned(), None),
        };
        span.end(|| facts.describe(status, error));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.report(None);
    }
}

impl Facts {
    fn describe(&self, status: String, error: Option<String>) -> (Cow<'static, str>, Tags) {
        let Self { method, uri, original, route } = self;
        let host = original.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()));
        let host = host.unwrap_or_else(|| original.local.to_string().into());
        let mut tags = vec![
            ("http.method", method.as_str().to_owned()),
            ("http.status_code", status),
            // The caller's host with the path as the filters left it: so says the original.
            ("http.uri", format!("{}://{host}{uri}", original.scheme())),
            ("spring.cloud.gateway.route.id", route.id.to_string()),
            ("spring.cloud.gateway.route.uri", route.shown_uri.clone()),
        ];
        tags.extend(error.map(|error| ("error", error)));
        (format!("HTTP {method}").into(), tags)
    }
}
