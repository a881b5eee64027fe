//! All paths of a registry. Handlers are thin: decode, one call into the node, encode.

mod apps;
mod batch;
mod body;
mod digest;
mod instances;
mod negotiate;
mod pages;
mod path;
mod query;
mod reply;
mod watch;

use std::sync::Arc;

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use tokio_util::sync::CancellationToken;
use wellspring_daemon::{Peer, Response, Template};

use crate::access::{Access, Intent};
use crate::dashboard::About;
use crate::node::{Caller, Node};
use crate::rate_limit::RateLimit;
use crate::response_cache::ResponseCache;
use path::Resource;
use query::Query;

/// Bodies of one instance: the original's are a few kilobytes.
const INSTANCE_CAP: usize = 1024 * 1024;
/// Batches of peers: 250 instances at most.
const BATCH_CAP: usize = 16 * 1024 * 1024;

/// The registry's side of the HTTP server. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Api {
    node: Arc<Node>,
    about: Arc<About>,
    limit: Arc<RateLimit>,
    access: Arc<Access>,
    /// The original's cache, where it was asked for.
    stale: Option<Arc<ResponseCache>>,
    templates: Arc<[Arc<str>; path::KINDS]>,
    /// Cancelled when endless answers should end.
    draining: CancellationToken,
}

impl Api {
    pub fn new(
        node: Arc<Node>,
        about: Arc<About>,
        access: Access,
        stale: Option<Arc<ResponseCache>>,
        draining: CancellationToken,
    ) -> Self {
        Self {
            limit: Arc::new(RateLimit::new(&about.config.server)),
            templates: Arc::new(path::templates()),
            access: Arc::new(access),
            node,
            about,
            stale,
            draining,
        }
    }

    /// Shown in error pages; the frame has taken it off the path.
    fn context_path(&self) -> &str {
        &self.about.config.context_path
    }

    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
    {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.clone();
        let resource = Resource::parse(path.path());
        let intent = resource.as_ref().map_or(Intent::Read, |resource| intent(resource, &parts));
        match self.access.admit(intent, &parts.headers) {
            Ok(None) => {}
            Ok(Some(user)) => {
                parts.extensions.insert(user);
            }
            Err(status) => return self.refused(status, &parts),
        }
        let Some(resource) = resource else {
            if let Some(page) = self.page(&parts) {
                return page;
            }
            return self.error(StatusCode::NOT_FOUND, &parts);
        };
        let mut response = self.resource(&resource, &parts, body).await;
        if let Some(template) = self.templates.get(resource.kind()) {
            response.extensions_mut().insert(Template(Arc::clone(template)));
        }
        response
    }

    async fn resource<B>(&self, resource: &Resource<'_>, parts: &Parts, body: B) -> Response
    where
        B: http_body::Body<Data = Bytes> + Send,
    {
        let method = if parts.method == Method::HEAD { &Method::GET } else { &parts.method };
        if *method == Method::OPTIONS {
            return reply::options(resource.allow());
        }
        if !resource.allows(method) {
            return reply::not_allowed(resource.allow(), self.context_path(), parts);
        }
        let sends = *method == Method::POST;
        if sends && negotiate::sent(&parts.headers).is_none() {
            return self.error(StatusCode::UNSUPPORTED_MEDIA_TYPE, parts);
        }
        if *resource == Resource::Watch {
            return self.watch(parts);
        }
        let Some(format) = negotiate::single(&parts.headers) else {
            return self.error(StatusCode::NOT_ACCEPTABLE, parts);
        };
        let query = Query(parts.uri.query().unwrap_or_default());
        match (resource, method) {
            (Resource::Apps | Resource::Delta | Resource::Vip(_) | Resource::SecureVip(_), _) => {
                self.list(resource, parts)
            }
            (Resource::App(_), &Method::GET) => self.list(resource, parts),
            (Resource::App(app), _) => self.register(app, format, parts, body).await,
            (Resource::Instance { app, id }, &Method::GET) => {
                self.instance(self.node.instance(app, id), format, parts)
            }
            (Resource::Instance { app, id }, &Method::PUT) => self.renew(app, id, query, format, parts),
            (Resource::Instance { app, id }, _) => self.cancel(app, id, parts),
            (Resource::Override { app, id }, &Method::PUT) => self.override_status(app, id, query, parts),
            (Resource::Override { app, id }, _) => self.lift_override(app, id, query, parts),
            (Resource::Metadata { app, id }, _) => self.merge_metadata(app, id, query, parts),
            (Resource::ById(id), _) => self.instance(self.node.find(id), format, parts),
            (Resource::Batch, _) => self.batch(format, parts, body).await,
            // Groups of Amazon are not managed here, as on every machine outside of Amazon.
            (Resource::Asg, _) => self.error(StatusCode::BAD_REQUEST, parts),
            (Resource::Status, _) => self.status(format, parts),
            (Resource::Watch, _) => self.watch(parts),
            (Resource::Digest, _) => self.digest(),
            (Resource::Lines(app), _) => self.lines(app),
        }
    }

    /// Says which credentials would do.
    fn refused(&self, status: StatusCode, parts: &Parts) -> Response {
        let from = parts.extensions.get::<Peer>().map(|peer| peer.remote.ip());
        tracing::warn!(?from, method = %parts.method, path = parts.uri.path(), %status, "call was refused");
        let mut response = self.error(status, parts);
        if status == StatusCode::UNAUTHORIZED {
            let headers = response.headers_mut();
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Realm\""));
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn error(&self, status: StatusCode, parts: &Parts) -> Response {
        reply::error(status, self.context_path(), parts)
    }
}

/// What a request would do, if it is let.
fn intent<'a>(resource: &'a Resource<'_>, parts: &Parts) -> Intent<'a> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Intent::Read;
    }
    match resource.app() {
        Some(app) if !is_peer(parts) => Intent::Write(app),
        // Whoever passes a call on as a peer is believed more than a client is.
        _ => Intent::Replicate,
    }
}

/// A peer says so with exactly this header.
fn is_peer(parts: &Parts) -> bool {
    parts.headers.get("x-netflix-discovery-replication").is_some_and(|value| value == "true")
}

fn caller(parts: &Parts) -> Caller {
    Caller {
        peer: is_peer(parts),
        from: parts.extensions.get::<Peer>().map(|peer| peer.remote.ip()),
        user: parts.extensions.get().copied(),
    }
}
