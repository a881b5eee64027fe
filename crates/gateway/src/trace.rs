//! The decision trace of a described request: which route and why not the others, what each filter would change, and
//! where it would go. Nothing is sent; filters that wait, count or repeat are named and not run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use serde::{Deserialize, Serialize};
use wellspring_pattern::Variables;
use wellspring_wire::Millis;

use crate::exchange::{Exchange, HostHeader, Original, RequestIds, Target};
use crate::filter::Halt;
use crate::predicate::Ask;
use crate::proxy::Proxy;
use crate::route::Route;
use crate::upstream::body::Payload;

/// A request as somebody describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Described {
    pub method: String,
    /// Path with query.
    pub path: String,
    pub headers: BTreeMap<String, Values>,
    /// The client's address.
    pub peer: IpAddr,
    pub secure: bool,
}

/// One header value, or several lines.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Values {
    One(String),
    Many(Vec<String>),
}

impl Default for Described {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: BTreeMap::new(),
            peer: IpAddr::from([127, 0, 0, 1]),
            secure: false,
        }
    }
}

/// What the gateway would do.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    /// The route that wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Routes in the order they are tried, up to the winner.
    pub tried: Vec<Tried>,
    pub steps: Vec<Step>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Why that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why_instance: Option<String>,
    /// Why it would not be sent: a filter's answer, an error, no route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<String>,
}

/// One route's verdict.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    pub route: String,
    pub matched: bool,
    /// The first predicate that does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// One filter and what it changed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub filter: &'static str,
    pub changes: Vec<String>,
    /// Named only: it would wait, count or repeat.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub not_run: bool,
}

/// A description that is no request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Traces a request against the routes in force.
pub fn trace(proxy: &Proxy, described: &Described) -> Result<Trace, Unreadable> {
    let mut headers = HeaderMap::new();
    for (name, values) in &described.headers {
        let known: HeaderName = name.parse().map_err(|_| Unreadable(format!("no header name: {name}")))?;
        let values = match values {
            Values::One(value) => std::slice::from_ref(value),
            Values::Many(values) => values,
        };
        for value in values {
            let value =
                HeaderValue::from_str(value).map_err(|_| Unreadable(format!("no header value: {value}")))?;
            headers.append(known.clone(), value);
        }
    }
    let method = Method::from_bytes(described.method.as_bytes())
        .map_err(|_| Unreadable(format!("no method: {}", described.method)))?;
    let uri: PathAndQuery =
        described.path.parse().map_err(|_| Unreadable(format!("no path: {}", described.path)))?;
    let original = Original {
        uri,
        host: headers.get(HOST).cloned(),
        peer: SocketAddr::new(described.peer, 0),
        local: SocketAddr::from(([127, 0, 0, 1], 0)),
        secure: described.secure,
        version: Version::HTTP_11,
        accept: None,
        certificate: None,
    };
    let mut found = Variables::default();
    let (route, tried) = choose(proxy, &method, &headers, &original, &mut found);
    let mut trace = Trace {
        route: route.as_ref().map(|route| route.id.to_string()),
        tried,
        steps: Vec::new(),
        target: None,
        instance: None,
        why_instance: None,
        ends_with: None,
    };
    let Some(route) = route else {
        trace.ends_with = Some("404: no route".to_owned());
        return Ok(trace);
    };
    let mut exchange = Exchange {
        id: RequestIds::default().next(original.peer),
        uri: original.uri.clone(),
        original: Arc::new(original),
        route: Arc::clone(&route),
        method,
        headers,
        payload: Payload::Empty,
        variables: found,
        host: HostHeader::Target,
        target: Target::Open,
        instance: None,
        balancer: None,
        earlier: Vec::new(),
        prefixed: false,
        answer: HeaderMap::new(),
        failure: None,
        forwards: 0,
        upgrade: None,
        principal: None,
    };
    walk(&route, &mut exchange, &mut trace);
    trace.why_instance = why(proxy, &exchange);
    trace.instance = exchange.instance.as_ref().map(|instance| instance.instance_id().to_owned());
    Ok(trace)
}

/// How the load balancer came to its choice.
fn why(proxy: &Proxy, exchange: &Exchange) -> Option<String> {
    let (balancer, chosen) = (exchange.balancer.as_ref()?, exchange.instance.as_ref()?);
    let listed = proxy.platform.client.discovery().instances(balancer.service()).len();
    let request = wellspring_lb_client::pick::Request {
        headers: Some(&exchange.headers),
        ..wellspring_lb_client::pick::Request::default()
    };
    let candidates = balancer.candidates(&request);
    let names: Vec<&str> = candidates.iter().map(|instance| instance.instance_id()).collect();
    let picker = proxy.platform.client.settings(balancer.service()).picker;
    Some(format!(
        "{picker} chose {} of {} instances that may be asked ({listed} listed): {}",
        chosen.instance_id(),
        names.len(),
        names.join(", ")
    ))
}

fn choose(
    proxy: &Proxy,
    method: &Method,
    headers: &HeaderMap,
    original: &Original,
    found: &mut Variables,
) -> (Option<Arc<Route>>, Vec<Tried>) {
    let host = original.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let ask = Ask {
        method,
        path: original.uri.path(),
        query: original.uri.query(),
        headers,
        host: host.as_deref(),
        peer: original.peer.ip(),
        now: Millis::now().0,
        drawn: RefCell::default(),
    };
    let mut tried = Vec::new();
    for route in proxy.snapshot().table.routes() {
        found.clear();
        let failed = route.predicates.iter().find(|predicate| !predicate.test(&ask, found));
        let failed = failed.map(|predicate| predicate.describe());
        let matched = failed.is_none();
        tried.push(Tried { route: route.id.to_string(), matched, failed });
        if matched {
            return (Some(Arc::clone(route)), tried);
        }
    }
    (None, tried)
}

fn walk(route: &Route, exchange: &mut Exchange, trace: &mut Trace) {
    for (name, edit) in route.chain.edits() {
        let Some(edit) = edit.filter(|edit| edit.is_pure()) else {
            trace.steps.push(Step { filter: name, changes: Vec::new(), not_run: true });
            continue;
        };
        let before = exchange.save();
        let outcome = edit.request(exchange);
        trace.steps.push(Step { filter: name, changes: before.changes(exchange), not_run: false });
        match outcome {
            Ok(()) => {}
            Err(Halt::Reply(reply)) => {
                trace.ends_with = Some(format!("{}: answered by {name}", reply.status.as_u16()));
                return;
            }
            Err(Halt::Failed(error)) => {
                trace.ends_with = Some(format!("{}: {error}", error.status().as_u16()));
                return;
            }
        }
    }
    trace.target = match &exchange.target {
        Target::Upstream { origin, .. } => {
            let scheme = if origin.tls { "https" } else { "http" };
            Some(format!("{scheme}://{}{}", origin.shown, exchange.uri))
        }
        Target::Elsewhere { tls, host, port, .. } => {
            let scheme = if *tls { "https" } else { "http" };
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            Some(format!("{scheme}://{host}{port}{}", exchange.uri))
        }
        Target::Forward => Some(format!("forward:{}", exchange.uri)),
        Target::Open | Target::Balanced | Target::Service(_) | Target::Nowhere => None,
    };
}
