//! `/actuator/**`: finds the operation, negotiates, answers; the endpoints themselves are one file each.
//!
//! Not exposed is 404 as any unknown path is, and so is a trailing slash. A read without a result is 404 with an empty body.

mod cloud;
mod endpoint;
mod env;
mod exposure;
mod health;
mod info;
mod loggers;
mod metrics;
mod negotiate;
mod pattern_events;
mod resilience;
mod shutdown;
mod threaddump;

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use http::header::{ACCEPT, ALLOW, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use parking_lot::RwLock;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use wellspring_properties::{Environment, Problem};
use wellspring_telemetry::logs::Logs;

pub use endpoint::{Access, Call, Endpoint, Reply, Version};
use exposure::{Exposure, Web};
pub(crate) use health::View as HealthView;
pub(crate) use negotiate::V3 as V3_TYPE;
pub use resilience::show_breakers;

use crate::service::{Incoming, Peer, Response};
use crate::{App, Context, body, error_page};

const BODY_CAP: usize = 1024 * 1024;

/// Mounts what every application has.
pub(crate) fn mount(
    context: &Context,
    health: &Arc<HealthView>,
    logs: &Logs,
    app: &App,
    asked: &CancellationToken,
) -> Result<(), Problem> {
    let Context { actuator, meters, refresher, client, name, .. } = context;
    let build = info::Build { name: app.name.clone(), version: app.version };
    for endpoint in [
        health::endpoint(health),
        info::endpoint(&context.env, build)?,
        env::configprops(name, refresher)?,
        env::env(refresher)?,
        loggers::endpoint(logs),
        threaddump::endpoint(),
        metrics::prometheus(meters),
        metrics::metrics(meters),
        cloud::refresh(refresher),
        cloud::features(client),
        cloud::service_registry(client),
        shutdown::endpoint(asked),
    ]
    .into_iter()
    .chain(resilience::endpoints(&context.patterns))
    .chain(pattern_events::endpoints(context.patterns.client(), |id| actuator.0.exposure.admits(id)))
    {
        actuator.add(endpoint)?;
    }
    resilience::watch_health(context);
    Ok(())
}

/// An application's actuator. Cloning shares it.
#[derive(Clone)]
pub struct Actuator(Arc<Inner>);

struct Inner {
    env: Environment,
    base_path: String,
    exposure: Exposure,
    endpoints: RwLock<Vec<Arc<Mounted>>>,
}

struct Mounted {
    endpoint: Endpoint,
    access: Access,
}

impl fmt::Debug for Actuator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.0.endpoints.read().iter().map(|m| m.endpoint.id.clone()).collect();
        f.debug_struct("Actuator").field("base_path", &self.0.base_path).field("endpoints", &ids).finish()
    }
}

impl Actuator {
    pub(crate) fn new(env: &Environment) -> Result<Self, Problem> {
        let web: Web = env.bind("management.endpoints.web")?;
        let base_path = format!("/{}", web.base_path.trim_matches('/'));
        Ok(Self(Arc::new(Inner {
            env: env.clone(),
            base_path: if base_path == "/" { String::new() } else { base_path },
            exposure: web.exposure,
            endpoints: RwLock::default(),
        })))
    }

    /// Mounts an endpoint below the base path; it is reachable when exposure and access allow. One of the same id is replaced.
    pub fn add(&self, endpoint: Endpoint) -> Result<(), Problem> {
        let access = exposure::access(&self.0.env, &endpoint)?;
        let mut endpoints = self.0.endpoints.write();
        endpoints.retain(|mounted| mounted.endpoint.id != endpoint.id);
        endpoints.push(Arc::new(Mounted { endpoint, access }));
        Ok(())
    }

    /// Whether an endpoint of this id can be seen when there is one.
    pub(crate) fn exposes(&self, id: &str) -> bool {
        self.0.exposure.admits(id)
    }

    /// The part of `path` below the base path, when it belongs here. At base path `/` only exposed ids do.
    pub(crate) fn claims<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.0.base_path.as_str())?;
        if self.0.base_path.is_empty() {
            let id = rest.trim_start_matches('/').split('/').next()?;
            return self.find(id).is_some().then_some(rest);
        }
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    fn find(&self, id: &str) -> Option<Arc<Mounted>> {
        let endpoints = self.0.endpoints.read();
        let mounted = endpoints.iter().find(|mounted| mounted.endpoint.id == id)?;
        (mounted.access > Access::None && self.0.exposure.admits(id)).then(|| Arc::clone(mounted))
    }

    /// Answers a request whose path is `rest` below the base path. The second value is the template for metrics.
    pub(crate) async fn answer(
        &self,
        parts: Parts,
        incoming: Incoming,
        rest: String,
        context_path: &str,
        authorized: bool,
    ) -> (Response, Option<String>) {
        let path = parts.uri.path().to_owned();
        let unknown = || error_page::response(StatusCode::NOT_FOUND, &path, &parts.headers);
        let base_url = format!("{}{context_path}{}", origin(&parts), self.0.base_path);
        if rest.is_empty() {
            let index = self.index(&base_url);
            let endpoint = Endpoint::new("").read("", move |_| std::future::ready(Reply::json(&index)));
            let mounted = Mounted { endpoint, access: Access::ReadOnly };
            let template = Some(format!("{context_path}{}", self.0.base_path));
            return (self.operate(&mounted, parts, incoming, "", base_url, authorized).await, template);
        }
        let rest = rest.trim_start_matches('/');
        let (id, below) = rest.split_once('/').unwrap_or((rest, ""));
        let trailing_slash = rest.ends_with('/');
        let Some(mounted) = self.find(id).filter(|_| !trailing_slash) else {
            return (unknown(), None);
        };
        let fitting = mounted.endpoint.operations.iter().find(|operation| operation.matches(below).is_some());
        let Some(fitting) = fitting else {
            return (unknown(), None);
        };
        let separator = if fitting.template.is_empty() { "" } else { "/" };
        let shown = if fitting.template.starts_with("{*") { "**" } else { &fitting.template };
        let template = format!("{context_path}{}/{id}{separator}{shown}", self.0.base_path);
        (self.operate(&mounted, parts, incoming, below, base_url, authorized).await, Some(template))
    }

    async fn operate(
        &self,
        mounted: &Mounted,
        parts: Parts,
        incoming: Incoming,
        below: &str,
        base_url: String,
        authorized: bool,
    ) -> Response {
        let path = parts.uri.path();
        let page = |status| error_page::response(status, path, &parts.headers);
        let writable = mounted.access == Access::Unrestricted;
        let usable: Vec<_> = mounted
            .endpoint
            .operations
            .iter()
            .filter(|operation| writable || operation.harmless)
            .filter_map(|operation| Some((operation, operation.matches(below)?)))
            .collect();
        let wanted = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
        let Some((operation, selectors)) = usable.iter().find(|(operation, _)| operation.method == *wanted)
        else {
            let mut response = if parts.method == Method::OPTIONS {
                Response::new(Body::empty())
            } else {
                page(StatusCode::METHOD_NOT_ALLOWED)
            };
            let options = parts.method == Method::OPTIONS;
            response.headers_mut().insert(ALLOW, allowed(usable.iter().map(|(o, _)| &o.method), options));
            return response;
        };
        let Some(content_type) = negotiate::choose(&parts.headers, &operation.produces) else {
            let mut response = page(StatusCode::NOT_ACCEPTABLE);
            response
                .headers_mut()
                .insert(ACCEPT, HeaderValue::from_static(concat_types(&operation.produces)));
            return response;
        };
        let body = match body::limited(incoming, BODY_CAP).await {
            Ok(body) => body,
            Err(refused) => return page(refused.status()),
        };
        let call = Call {
            selectors: selectors.clone(),
            query: query(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            body,
            version: negotiate::version(content_type),
            base_url,
            authorized,
        };
        let reply = (operation.handler)(call).await;
        if reply.error.is_some() {
            let detail = error_page::Detail { message: reply.error, exception: None };
            // The front shows as much of it as the settings allow.
            let mut response = Response::new(Body::empty());
            *response.status_mut() = reply.status;
            response.extensions_mut().insert(detail);
            return response;
        }
        reply.into_response(content_type)
    }

    fn index(&self, base_url: &str) -> Value {
        let mut links = Map::new();
        links.insert("self".to_owned(), json!({"href": base_url, "templated": false}));
        for mounted in self.0.endpoints.read().iter() {
            let id = &mounted.endpoint.id;
            if mounted.access == Access::None || !self.0.exposure.admits(id) {
                continue;
            }
            if mounted.endpoint.single_link {
                links.insert(id.clone(), json!({"href": format!("{base_url}/{id}"), "templated": false}));
                continue;
            }
            for operation in &mounted.endpoint.operations {
                let variables: Vec<_> = operation.variables().collect();
                let key = std::iter::once(id.as_str())
                    .chain(variables.iter().copied())
                    .collect::<Vec<_>>()
                    .join("-");
                let separator = if operation.template.is_empty() { "" } else { "/" };
                let href = format!("{base_url}/{id}{separator}{}", operation.template);
                links.insert(key, json!({"href": href, "templated": !variables.is_empty()}));
            }
        }
        json!({ "_links": links })
    }
}

fn concat_types(others: &[&'static str]) -> &'static str {
    match others {
        [] => {
            "application/vnd.spring-boot.actuator.v3+json, application/vnd.spring-boot.actuator.v2+json, application/json"
        }
        [only] => only,
        _ => {
            "text/plain;version=0.0.4;charset=utf-8, application/openmetrics-text;version=1.0.0;charset=utf-8"
        }
    }
}

fn allowed<'a>(methods: impl Iterator<Item = &'a Method>, options: bool) -> HeaderValue {
    let mut names: Vec<&str> = Vec::new();
    for method in methods {
        let more: &[&str] = if *method == Method::GET { &["GET", "HEAD"] } else { &[method.as_str()] };
        for name in more {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    if options {
        names.push("OPTIONS");
    }
    HeaderValue::from_str(&names.join(",")).unwrap_or(HeaderValue::from_static("GET"))
}

/// Scheme and authority as the caller wrote them.
fn origin(parts: &Parts) -> String {
    let peer = parts.extensions.get::<Peer>();
    let scheme = if peer.is_some_and(|peer| peer.secure) { "https" } else { "http" };
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    match (host, peer) {
        (Some(host), _) => format!("{scheme}://{host}"),
        (None, Some(peer)) => format!("{scheme}://{}", peer.local),
        (None, None) => String::new(),
    }
}

fn query(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        percent_encoding::percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}
