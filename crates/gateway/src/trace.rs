//! The decision trace of a described request: which route and why not the others, what each filter would change, and
//! where it would go. Nothing is sent; filters that wait, count or repeat are named and not run.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use wellspring_daemon::admin::routes::{
    RouteTrace, SentRequest, TraceOrder, TracedCondition, TracedFilter, TracedInstance, TriedRoute,
};
use wellspring_lb_client::{Instance, nanos, pick};
use wellspring_pattern::Variables;

use crate::exchange::{Exchange, HostHeader, Original, RequestIds, Target};
use crate::filter::Halt;
use crate::predicate::Ask;
use crate::proxy::Proxy;
use crate::route::Route;
use crate::upstream::body::Payload;
use crate::watch::entry::is_secret;

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

impl TryFrom<TraceOrder> for Described {
    type Error = Unreadable;

    fn try_from(order: TraceOrder) -> Result<Self, Unreadable> {
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(Unreadable(format!("no header value: {other}"))),
        };
        let values = |value: &Value| match value {
            Value::Array(lines) => lines.iter().map(text).collect::<Result<_, _>>().map(Values::Many),
            one => text(one).map(Values::One),
        };
        let headers = order.headers.iter().map(|(name, value)| Ok((name.clone(), values(value)?)));
        let peer = order.remote_address.as_deref().map(|text| {
            text.parse().map_err(|_| Unreadable(format!("remoteAddress is no IP address: {text}")))
        });
        let described = Self {
            path: order.path,
            headers: headers.collect::<Result<_, Unreadable>>()?,
            secure: order.secure,
            ..Self::default()
        };
        Ok(Self {
            method: if order.method.is_empty() {
                described.method
            } else {
                order.method.to_ascii_uppercase()
            },
            peer: peer.transpose()?.unwrap_or(described.peer),
            ..described
        })
    }
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

/// A description that is no request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// Traces a request against the routes in force.
pub fn trace(proxy: &Proxy, described: &Described) -> Result<RouteTrace, Unreadable> {
    let began = Instant::now();
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
    let id = route.as_ref().map(|route| route.id.to_string());
    let mut trace = RouteTrace { route: id, tried, ..RouteTrace::default() };
    let Some(route) = route else {
        trace.ends_with = Some("404: no route".to_owned());
        trace.micros = micros(began);
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
    walk(proxy, &route, &mut exchange, &mut trace);
    instances(proxy, &exchange, &mut trace);
    trace.micros = micros(began);
    Ok(trace)
}

fn micros(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e6
}

/// Who was chosen, who might have been, and how the load balancer came to it.
fn instances(proxy: &Proxy, exchange: &Exchange, trace: &mut RouteTrace) {
    let (Some(balancer), Some(chosen)) = (&exchange.balancer, &exchange.instance) else { return };
    let client = &proxy.platform.client;
    let listed = client.discovery().instances(balancer.service());
    let request = pick::Request { headers: Some(&exchange.headers), ..pick::Request::default() };
    let candidates = balancer.candidates(&request);
    let names: Vec<&str> = candidates.iter().map(|instance| instance.instance_id()).collect();
    let picker = client.settings(balancer.service()).picker;
    trace.why = Some(format!(
        "{picker} chose {} of {} instances that may be asked ({} listed): {}",
        chosen.instance_id(),
        names.len(),
        listed.len(),
        names.join(", ")
    ));
    trace.instance = Some(shown(chosen));
    let others = listed.iter().filter(|other| other.instance_id() != chosen.instance_id());
    trace.alternatives = others.map(shown).collect();
}

fn shown(instance: &Instance) -> TracedInstance {
    TracedInstance {
        id: instance.instance_id().to_owned(),
        address: format!("{}:{}", instance.host(), instance.port()),
        zone: instance.zone().map(str::to_owned),
        in_flight: instance.load().in_flight().into(),
        ejected: instance.load().is_ejected(nanos(Instant::now())),
    }
}

fn choose(
    proxy: &Proxy,
    method: &Method,
    headers: &HeaderMap,
    original: &Original,
    found: &mut Variables,
) -> (Option<Arc<Route>>, Vec<TriedRoute>) {
    let host = original.host.as_ref().map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    let ask = Ask {
        method,
        path: original.uri.path(),
        query: original.uri.query(),
        headers,
        host: host.as_deref(),
        peer: original.peer.ip(),
        now: OnceCell::new(),
        drawn: RefCell::default(),
    };
    let mut tried = Vec::new();
    for route in proxy.snapshot().table.routes() {
        found.clear();
        let one = attempt(route, &ask, found);
        let matched = one.matched;
        tried.push(one);
        if matched {
            return (Some(Arc::clone(route)), tried);
        }
    }
    (None, tried)
}

/// Up to the first condition that does not hold, as the table does it.
fn attempt(route: &Route, ask: &Ask<'_>, found: &mut Variables) -> TriedRoute {
    let began = Instant::now();
    let mut conditions = Vec::with_capacity(route.predicates.len());
    for (predicate, written) in route.predicates.iter().zip(&route.definition.predicates) {
        let held = predicate.test(ask, found);
        let place = written.origin.as_ref().map(ToString::to_string);
        conditions.push(TracedCondition { text: predicate.describe(), held, place });
        if !held {
            break;
        }
    }
    let failed = conditions.last().filter(|last| !last.held);
    let place = match failed {
        Some(failed) => failed.place.clone(),
        None => route.definition.origin.as_ref().map(ToString::to_string),
    };
    TriedRoute {
        id: route.id.to_string(),
        matched: failed.is_none(),
        failed: failed.map(|failed| failed.text.clone()),
        place,
        micros: micros(began),
        conditions,
    }
}

fn walk(proxy: &Proxy, route: &Route, exchange: &mut Exchange, trace: &mut RouteTrace) {
    for step in route.chain.steps() {
        let mut filter = TracedFilter {
            name: step.name.to_owned(),
            text: step.text.unwrap_or(step.name).to_owned(),
            place: step.origin.map(ToString::to_string),
            ..TracedFilter::default()
        };
        let Some(edit) = step.edit.filter(|edit| edit.is_pure()) else {
            filter.not_run = true;
            trace.incomplete = true;
            trace.filters.push(filter);
            continue;
        };
        let before = exchange.save();
        let began = Instant::now();
        let outcome = edit.request(exchange);
        filter.micros = micros(began);
        filter.changes = before.changes(exchange);
        trace.filters.push(filter);
        match outcome {
            Ok(()) => {}
            Err(Halt::Reply(reply)) => {
                trace.ends_with = Some(format!("{}: answered by {}", reply.status.as_u16(), step.name));
                return;
            }
            Err(Halt::Failed(error)) => {
                trace.ends_with = Some(format!("{}: {error}", error.status().as_u16()));
                return;
            }
        }
    }
    let scheme = |tls: bool| if tls { "https" } else { "http" };
    let origin = match &exchange.target {
        Target::Upstream { origin, .. } => {
            trace.target = Some(format!("{}://{}{}", scheme(origin.tls), origin.shown, exchange.uri));
            Arc::clone(origin)
        }
        Target::Elsewhere { tls, host, port, .. } => {
            let shown = port.map(|port| format!(":{port}")).unwrap_or_default();
            trace.target = Some(format!("{}://{host}{shown}{}", scheme(*tls), exchange.uri));
            proxy.platform.upstreams.origin(*tls, host, *port)
        }
        Target::Forward => {
            trace.target = Some(format!("forward:{}", exchange.uri));
            return;
        }
        Target::Open | Target::Balanced | Target::Service(_) | Target::Nowhere => return,
    };
    proxy.prepare(exchange, &origin);
    trace.sent = Some(sent(exchange));
}

fn sent(exchange: &Exchange) -> SentRequest {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &exchange.headers {
        let shown = if is_secret(name) {
            "******".to_owned()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        headers.entry(name.as_str().to_owned()).or_default().push(shown);
    }
    SentRequest { method: exchange.method.to_string(), path: exchange.uri.to_string(), headers }
}
