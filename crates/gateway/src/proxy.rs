//! The gateway's service: match, chain, reply. Holds the snapshot of routes that new requests see.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::body::Body;
use futures_util::future::BoxFuture;
use http::header::{ACCEPT, COOKIE, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use tokio::time::Instant;
use wellspring_daemon::{Caller, Request, Template};
use wellspring_lb_client::{Ended, pick};
use wellspring_pattern::Variables;

use crate::admission::{self, Refusal};
use crate::config::{Always, Config};
use crate::cors::{Cors, Verdict};
use crate::error::Error;
use crate::exchange::{Exchange, HostHeader, Original, RequestId, RequestIds, Target};
use crate::filter::header_value;
use crate::headers::{believed, hop_by_hop, trusted};
use crate::page;
use crate::platform::Platform;
use crate::predicate::Ask;
use crate::reply::Reply;
use crate::route::Route;
use crate::route::table::Table;
use crate::security::refusal::Refusal as Refused;
use crate::security::{Asked, Guard};
use crate::spans;
use crate::upstream::body::{Outgoing, Payload};
use crate::upstream::{Answer, Counted, Origin, Timeouts, websocket};
use crate::watch::Told;

/// A request may be dispatched inside this often (`forward:`) before it counts as a loop.
const MOST_FORWARDS: u8 = 8;

/// How many other instances are asked when the chosen one cannot be reached.
const MOST_OTHERS: u8 = 2;

/// What new requests see; replaced as a whole.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub table: Table,
    pub cors: Cors,
    /// `None` when nothing is asked of callers.
    pub guard: Option<Arc<Guard>>,
}

/// A request taken apart.
struct Inbound {
    id: RequestId,
    method: Method,
    headers: HeaderMap,
    payload: Payload,
    original: Original,
    upgrade: Option<hyper::upgrade::OnUpgrade>,
}

/// The gateway. Shared by reference.
#[derive(Debug)]
pub struct Proxy {
    snapshot: ArcSwap<Snapshot>,
    pub config: Config,
    pub platform: Arc<Platform>,
    ids: RequestIds,
    /// The template of requests that no route is for.
    unmatched: Arc<str>,
}

impl Proxy {
    #[must_use]
    pub fn new(config: Config, platform: Arc<Platform>) -> Self {
        let unmatched = "/**".into();
        Self { snapshot: ArcSwap::default(), config, platform, ids: RequestIds::default(), unmatched }
    }

    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts new routes in force. Requests in flight keep theirs.
    pub fn replace(&self, snapshot: Snapshot) {
        self.platform.metrics.set_routes(snapshot.table.routes().len());
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Answers a request.
    pub async fn handle(&self, request: Request, caller: Caller) -> Response<Body> {
        let watched = self.platform.watch.begin(&request, caller.peer);
        let response = self.served(request, caller).await;
        match watched {
            None => response,
            Some(watched) => watched.end(response),
        }
    }

    async fn served(&self, request: Request, caller: Caller) -> Response<Body> {
        let started = Instant::now();
        let inbound = match self.admit(request, caller) {
            Ok(inbound) => inbound,
            Err(refusal) => return refusal.into_response(),
        };
        let Inbound { id, method, headers, payload, original, upgrade } = inbound;
        let snapshot = self.snapshot.load_full();
        let mut found = Variables::default();
        let route = find(&snapshot.table, &method, &original.uri, &headers, &original, &mut found);
        let mut answer = HeaderMap::new();
        let applies = route.is_some() || snapshot.cors.without_route;
        if let Some(policy) = snapshot.cors.find(original.uri.path()).filter(|_| applies) {
            match policy.judge(&method, &headers, &original) {
                Some(Verdict::Pass(headers)) => answer = headers,
                Some(Verdict::Answer(status, headers)) => {
                    let mut response = empty(status);
                    *response.headers_mut() = headers;
                    return response;
                }
                None => {
                    let error =
                        Error::Unroutable("allowCredentials does not go with the origin *".to_owned());
                    return self.failed(&error, &original, id, answer);
                }
            }
        }
        let mut principal = None;
        if let Some(guard) = &snapshot.guard {
            let asked = Asked { method: &method, headers: &headers, original: &original };
            match Box::pin(guard.check(asked, route.as_deref())).await {
                Ok(known) => principal = known,
                Err(refused) => return self.refused(refused, &original, id, answer),
            }
        }
        let Some(route) = route else {
            return self.failed(&Error::NoRoute, &original, id, answer);
        };
        let mut exchange = Exchange {
            id,
            uri: original.uri.clone(),
            original: Arc::new(original),
            route: Arc::clone(&route),
            method,
            headers,
            payload,
            variables: found,
            host: HostHeader::Target,
            target: Target::Open,
            instance: None,
            balancer: None,
            earlier: Vec::new(),
            prefixed: false,
            answer,
            failure: None,
            forwards: 0,
            upgrade,
            principal,
        };
        if let Some(guard) = &snapshot.guard {
            guard.prepare(&mut exchange);
        }
        let outcome = route.chain.run(&mut exchange, self).await;
        let answer = std::mem::take(&mut exchange.answer);
        let mut response = match outcome {
            Ok(mut reply) => {
                append(&mut reply.headers, answer);
                reply.into_response()
            }
            Err(error) => {
                log(&error, &exchange);
                self.failed(&error, &exchange.original, id, answer)
            }
        };
        if self.platform.watch.is_on() {
            response.extensions_mut().insert(Told::of(&exchange));
        }
        route.meters.record(&exchange.method, response.status(), started);
        response
    }

    /// The guard's answer; that its keeper of keys is away is an error of the server.
    fn refused(
        &self,
        (refusal, mut response): (Refused, Response<Body>),
        original: &Original,
        id: RequestId,
        answer: HeaderMap,
    ) -> Response<Body> {
        if let Refused::Unavailable(_) = refusal {
            return self.failed(&Error::Status(StatusCode::INTERNAL_SERVER_ERROR), original, id, answer);
        }
        append(response.headers_mut(), answer);
        response
    }

    /// Takes a request apart; what cannot be routed at all is refused with an empty answer.
    fn admit(&self, mut request: Request, caller: Caller) -> Result<Inbound, Refusal> {
        let Caller { peer, certificate } = caller;
        let uri = admission::check(&request)?;
        let upgrade = websocket::is_upgrade(request.method(), request.headers())
            .then(|| hyper::upgrade::on(&mut request));
        let authority = request.uri().authority().cloned();
        let (mut parts, body) = request.into_parts();
        if parts.version == Version::HTTP_2 {
            of_http2(&mut parts.headers);
        }
        let mut original = Original {
            uri,
            // HTTP/2 names the host in its authority; an absolute target of HTTP/1.1 does not replace the Host header.
            host: match parts.headers.get(HOST) {
                None => authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok()),
                host => host.cloned(),
            },
            peer: plain(peer.remote),
            local: plain(peer.local),
            secure: peer.secure,
            version: parts.version,
            accept: parts.headers.get(ACCEPT).cloned(),
            certificate: certificate.map(|shown| shown.0),
        };
        if self.config.believes_forwarded {
            believed::apply(&mut original, &parts.headers);
        }
        Ok(Inbound {
            id: self.ids.next(peer.remote),
            method: parts.method,
            headers: parts.headers,
            payload: Payload::of(body),
            original,
            upgrade,
        })
    }

    fn failed(&self, error: &Error, original: &Original, id: RequestId, answer: HeaderMap) -> Response<Body> {
        let text = error.to_string();
        let message = (self.config.error_message == Always::Always).then_some(text.as_str());
        let mut response =
            page::response(error.status(), original.uri.path(), original.accept.as_ref(), id, message);
        append(response.headers_mut(), answer);
        response.extensions_mut().insert(spans::thrown(error, original.uri.path()));
        if matches!(error, Error::NoRoute) {
            response.extensions_mut().insert(Template(Arc::clone(&self.unmatched)));
        }
        response
    }

    /// The end of every chain: where the exchange goes.
    pub async fn send(&self, exchange: &mut Exchange) -> Result<Reply, Error> {
        let (origin, websocket) = match std::mem::take(&mut exchange.target) {
            Target::Upstream { origin, websocket } => (origin, websocket),
            Target::Elsewhere { tls, host, port, websocket } => {
                (self.platform.upstreams.origin(tls, &host, port), websocket)
            }
            Target::Forward => {
                let path = exchange.uri.clone();
                return self.forward(exchange, &path).await;
            }
            Target::Nowhere => {
                let headers = std::mem::take(&mut exchange.answer);
                return Ok(Reply::new(StatusCode::OK, headers, Body::empty()));
            }
            Target::Open => return Err(Error::Unroutable("no step has chosen a target".to_owned())),
            Target::Balanced | Target::Service(_) => {
                return Err(Error::Unroutable("the load balancer is switched off".to_owned()));
            }
        };
        self.call(exchange, &origin, websocket).await
    }

    /// Dispatches the exchange once more, as a request for `path`. Its answer is final for everything around it.
    pub fn forward<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        path: &'a PathAndQuery,
    ) -> BoxFuture<'a, Result<Reply, Error>> {
        Box::pin(async move {
            if exchange.forwards >= MOST_FORWARDS {
                return Err(Error::Unroutable(format!("forward: loops at {}", path.path())));
            }
            exchange.forwards += 1;
            let snapshot = self.snapshot.load_full();
            let mut found = Variables::default();
            let original = Arc::clone(&exchange.original);
            let route =
                find(&snapshot.table, &exchange.method, path, &exchange.headers, &original, &mut found)
                    .ok_or(Error::NoRoute)?;
            let outer = std::mem::replace(&mut exchange.route, Arc::clone(&route));
            exchange.uri = path.clone();
            exchange.variables = found;
            exchange.target = Target::Open;
            let outcome = route.chain.run(exchange, self).await;
            exchange.route = outer;
            let mut reply = outcome?;
            reply.committed = true;
            Ok(reply)
        })
    }

    /// Makes the headers those that the upstream gets.
    pub(crate) fn prepare(&self, exchange: &mut Exchange, origin: &Origin) {
        trusted::apply(exchange, &self.config);
        hop_by_hop::remove(&mut exchange.headers, &self.config.hop_by_hop);
        hop_by_hop::keep_trailers_for_grpc(&mut exchange.headers);
        let host = match &exchange.host {
            HostHeader::Target => Some(origin.host_header.clone()),
            HostHeader::Preserve => exchange.original.host.clone(),
            HostHeader::Set(value) => Some(value.clone()),
        };
        exchange.headers.insert(HOST, host.unwrap_or_else(|| origin.host_header.clone()));
    }

    async fn call(&self, exchange: &mut Exchange, origin: &Arc<Origin>, ws: bool) -> Result<Reply, Error> {
        let route = Arc::clone(&exchange.route);
        let tunnel = exchange.upgrade.is_some() || ws;
        self.prepare(exchange, origin);
        let body = exchange.payload.send()?;
        let mut request = http::Request::new(body);
        *request.method_mut() = exchange.method.clone();
        *request.uri_mut() = http::Uri::from(exchange.uri.clone());
        // Whoever wants to send again has kept a copy.
        *request.headers_mut() = std::mem::take(&mut exchange.headers);
        let traced = self.platform.spans.begin(exchange, request.headers_mut());
        if tunnel {
            let upgrade = exchange.upgrade.take();
            let opening = self.platform.upstreams.websocket(origin, request, upgrade, route.connect_timeout);
            let opened = Box::pin(opening).await;
            traced.end(opened.as_ref().map(|reply| reply.status));
            let mut reply = opened?;
            if reply.status != StatusCode::SWITCHING_PROTOCOLS {
                hop_by_hop::remove(&mut reply.headers, &self.config.hop_by_hop);
            }
            append(&mut reply.headers, std::mem::take(&mut exchange.answer));
            return Ok(reply);
        }
        let answered = self.answer(exchange, origin, request, &route).await;
        traced.end(answered.as_ref().map(Response::status));
        let response = answered?;
        let (head, body) = response.into_parts();
        let mut headers = head.headers;
        hop_by_hop::remove(&mut headers, &self.config.hop_by_hop);
        if !exchange.answer.is_empty() {
            let mut first = std::mem::take(&mut exchange.answer);
            append(&mut first, headers);
            headers = first;
        }
        Ok(Reply::new(head.status, headers, Body::new(body)))
    }

    /// The answer of the target, or of another instance of its service when the chosen one cannot be reached.
    async fn answer(
        &self,
        exchange: &mut Exchange,
        origin: &Arc<Origin>,
        mut request: http::Request<Outgoing>,
        route: &Route,
    ) -> Result<Response<Answer>, Error> {
        let timeouts = Timeouts { connect: route.connect_timeout, response: route.response_timeout };
        let upstreams = &self.platform.upstreams;
        let (Some(balancer), Some(mut instance)) = (exchange.balancer.take(), exchange.instance.clone())
        else {
            return upstreams.call(origin, &mut request, timeouts).await;
        };
        let mut origin = Arc::clone(origin);
        let mut others = if self.config.failover { MOST_OTHERS } else { 0 };
        loop {
            let counted = Counted::begin(Arc::clone(&balancer), instance.clone());
            let error = match upstreams.call(&origin, &mut request, timeouts).await {
                Ok(mut response) => {
                    let failed = response.status().is_server_error();
                    response.body_mut().count(counted, if failed { Ended::Failed } else { Ended::Answered });
                    return Ok(response);
                }
                Err(error) => error,
            };
            counted.end(Ended::Failed, error.phase() == "connect");
            if others == 0 || !may_move(&error, &request) {
                return Err(error);
            }
            others -= 1;
            let again = pick::Request {
                headers: Some(request.headers()),
                previous: Some(&instance),
                ..Default::default()
            };
            let Some(next) =
                balancer.choose(&again).filter(|next| next.instance_id() != instance.instance_id())
            else {
                return Err(error);
            };
            tracing::debug!(route = %route.id, from = instance.instance_id(), to = next.instance_id(), %error, "request moved");
            origin = upstreams.origin(origin.tls, next.host(), Some(next.port()));
            if exchange.host == HostHeader::Target {
                request.headers_mut().insert(HOST, origin.host_header.clone());
            }
            exchange.instance = Some(next.clone());
            instance = next;
        }
    }
}

fn find(
    table: &Table,
    method: &Method,
    uri: &PathAndQuery,
    headers: &HeaderMap,
    original: &Original,
    found: &mut Variables,
) -> Option<Arc<Route>> {
    let host = original.host.as_ref().map(|host| match std::str::from_utf8(host.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(host.as_bytes()),
    });
    let ask = Ask {
        method,
        path: uri.path(),
        query: uri.query(),
        headers,
        host: host.as_ref().map(Cow::as_ref),
        peer: original.peer.ip(),
        now: OnceCell::new(),
        drawn: RefCell::default(),
    };
    table.find(&ask, found).map(Arc::clone)
}

/// Could the request go to another instance without being done twice?
fn may_move(error: &Error, request: &http::Request<Outgoing>) -> bool {
    !request.body().has_begun()
        && match error {
            Error::Connect { .. } | Error::ConnectTimeout { .. } => true,
            Error::Broken { safe, .. } => *safe || request.method().is_idempotent(),
            _ => false,
        }
}

/// HTTP/2 may send cookies one by one; HTTP/1.1 has one line.
fn of_http2(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<Cow<'_, str>> = crate::filter::texts(headers, &COOKIE).collect();
    if let Some(value) = header_value(&lines.join("; ")) {
        headers.insert(COOKIE, value);
    }
}

fn append(to: &mut HeaderMap, from: HeaderMap) {
    let mut last = None;
    for (name, value) in from {
        if let Some(name) = name {
            last = Some(name);
        }
        if let Some(name) = &last {
            to.append(name.clone(), value);
        }
    }
}

/// A listener of both families shows IPv4 peers as `::ffff:a.b.c.d`; people write patterns for `a.b.c.d`.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn log(error: &Error, exchange: &Exchange) {
    let status = error.status().as_u16();
    let route = &exchange.route;
    let upstream = exchange.upstream();
    let upstream = upstream.as_deref().unwrap_or(&route.shown_uri);
    if status >= 500 {
        tracing::warn!(route = %route.id, path = exchange.original.uri.path(), phase = error.phase(), upstream, status, %error, "exchange failed");
    } else {
        tracing::debug!(route = %route.id, path = exchange.original.uri.path(), phase = error.phase(), upstream, status, %error, "exchange refused");
    }
}
