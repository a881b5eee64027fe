//! `/topology`: who calls whom, as the gateway's routes, the config server's clients, the members of the bus and, when asked
//! for, the services' own metrics show it.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract;
use wellspring_wire::Millis;

use super::State;
use super::calls::{self, Asked, Call};
use super::paging::{self, Query};
use super::refusal::Refusal;
use super::routes::{Routes, Scope, at};
use crate::access::Actor;
use crate::domain::Domain;
use crate::federation::Others;
use crate::resilience::Patterns;
use crate::routes::{GatewayRoute, RouteTable};
use crate::schema::view;
use crate::services::Service;

view! {
    /// Who calls whom.
    pub(super) struct Topology {
        /// Gateways, services, and addresses that routes lead to.
        nodes: Vec<Node>,
        /// Calls between them.
        edges: Vec<Edge>,
        /// Instances that were asked for their own metrics, if any were.
        asked: Option<Asked>,
    }
}

view! {
    /// Somebody who calls or is called.
    pub(super) struct Node {
        /// The service's or the daemon's name, or an address.
        name: String,
        /// gateway, service or address.
        kind: String,
        /// Instances that are UP.
        up: usize,
        /// All instances.
        total: usize,
    }
}

view! {
    /// Calls from one to another.
    pub(super) struct Edge {
        /// Who calls.
        from: String,
        /// Who is called.
        to: String,
        /// Calls per second.
        rps: f64,
        /// Percent of the calls that were answered with 5xx, since the start.
        errors: f64,
        /// 99 of 100 took no longer; the slowest route's.
        p99_ms: Option<f64>,
        /// The worst state of the breakers on the way.
        breaker: Option<String>,
        /// The routes that lead there.
        routes: Vec<String>,
        /// Calls since the start.
        requests: u64,
        /// What says so: routes, config server, bus, or own metrics.
        source: String,
        /// The last call; of own metrics, when they were asked.
        at: Option<Millis>,
    }
}

pub(super) fn mount(routes: &mut Routes) {
    let topology = at("/topology", "Who calls whom, how often, and how well").scope(Scope::Listed);
    let topology = topology.query(&[(
        "clients",
        "boolean",
        "true: instances are asked what they call, up to five of each service",
    )]);
    routes.get::<Topology, _, _>(topology.prefers(Domain::Registry), shown);
}

async fn shown(
    extract::State(state): extract::State<State>,
    actor: Actor,
    query: Query,
) -> Result<Json<Topology>, Refusal> {
    let ask = match paging::text(&query, "clients") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::parameter("clients", "true or false")),
    };
    let services: Vec<Service> =
        state.admin.services().into_iter().filter(|service| actor.reaches(&service.name)).collect();
    // Also where another one passed this on: gateways are not asked for what they know of others.
    let there = state.admin.federation().others(&state.admin).await;
    let (tables, patterns) = known(&state, &actor, &there).await;
    let mut drawn = drawn(&services, tables, &patterns, &actor);
    drawn.join(calls::noted(&state, &actor, &services, &there).await);
    if ask {
        let (told, asked) = calls::told(&state, &services).await;
        drawn.join(told);
        drawn.asked = Some(asked);
    }
    Ok(Json(drawn))
}

/// Routes of all gateways, and the breakers of everybody.
async fn known(state: &State, actor: &Actor, there: &Others) -> (Vec<RouteTable>, Patterns) {
    let mut tables: Vec<_> = state.admin.gateway().map(|gateway| gateway.routes()).into_iter().collect();
    let mut patterns = super::resilience::own(state);
    let gateways: Vec<_> = there.there.iter().filter(|other| other.has(Domain::Gateway)).cloned().collect();
    let federation = state.admin.federation();
    let asked = federation.ask_all::<RouteTable>(&state.admin, &gateways, actor, "/api/v1/routes");
    let limited = federation.ask_all::<Patterns>(&state.admin, &gateways, actor, "/api/v1/resilience");
    let (asked, limited) = tokio::join!(asked, limited);
    tables.extend(asked.into_iter().map(|(_, table)| table));
    for (_, theirs) in limited {
        patterns.breakers.extend(theirs.breakers);
    }
    (tables, patterns)
}

fn drawn(services: &[Service], tables: Vec<RouteTable>, patterns: &Patterns, actor: &Actor) -> Topology {
    let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
    for service in services {
        let name = service.name.to_lowercase();
        let node =
            Node { name: name.clone(), kind: "service".to_owned(), up: service.up, total: service.total };
        nodes.insert(name, node);
    }
    let mut edges: BTreeMap<(String, String), Edge> = BTreeMap::new();
    for table in tables {
        let gateway = table.daemon.to_lowercase();
        nodes.entry(gateway.clone()).or_insert_with(|| node(&gateway, "gateway", 1)).kind =
            "gateway".to_owned();
        for route in table.items.iter().filter(|route| route.enabled) {
            let (to, kind) = target(route);
            if kind == "service" && !actor.reaches(&to) {
                continue;
            }
            nodes.entry(to.clone()).or_insert_with(|| node(&to, kind, 0));
            let edge = edges.entry((gateway.clone(), to.clone())).or_default();
            (edge.from, edge.to, edge.source) = (gateway.clone(), to, "routes".to_owned());
            edge.at = edge.at.max(route.last_hit);
            add(edge, route, patterns, &table.daemon);
        }
    }
    Topology { nodes: nodes.into_values().collect(), edges: edges.into_values().collect(), asked: None }
}

impl Topology {
    /// Adds what is not known yet.
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    fn join(&mut self, calls: Vec<Call>) {
        for Call { from, to, requests, failed, source, at } in calls {
            if self.edges.iter().any(|edge| edge.from == from && edge.to == to) {
                continue;
            }
            if self.nodes.iter().all(|known| known.name != to) {
                self.nodes.push(node(&to, "daemon", 1));
            }
            let errors = if requests == 0 { 0.0 } else { failed as f64 * 100.0 / requests as f64 };
            let source = source.to_owned();
            self.edges.push(Edge { from, to, requests, errors, source, at, ..Edge::default() });
        }
    }
}

fn node(name: &str, kind: &str, instances: usize) -> Node {
    Node { name: name.to_owned(), kind: kind.to_owned(), up: instances, total: instances }
}

fn target(route: &GatewayRoute) -> (String, &'static str) {
    if let Some(service) = &route.service {
        return (service.to_lowercase(), "service");
    }
    let uri = route.uri.split_once("://").map_or(route.uri.as_str(), |(_, rest)| rest);
    let host = uri.split(['/', '?']).next().unwrap_or_default();
    // What stands before an @ is nobody's business.
    (host.rsplit('@').next().unwrap_or_default().to_owned(), "address")
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn add(edge: &mut Edge, route: &GatewayRoute, patterns: &Patterns, daemon: &str) {
    let failed = edge.errors / 100.0 * edge.requests as f64 + route.errors as f64;
    edge.requests += route.requests;
    edge.errors = if edge.requests == 0 { 0.0 } else { failed * 100.0 / edge.requests as f64 };
    edge.rps += route.rps;
    edge.p99_ms = match (edge.p99_ms, route.p99_ms) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (a, b) => a.or(b),
    };
    edge.routes.push(route.id.clone());
    let on_the_way = patterns
        .breakers
        .iter()
        .filter(|breaker| breaker.daemon == daemon && route.breakers.contains(&breaker.name));
    let worst = on_the_way.map(|breaker| breaker.state.clone()).chain(edge.breaker.take());
    edge.breaker = worst.max_by_key(|state| severity(state));
}

fn severity(state: &str) -> u8 {
    match state {
        "FORCED_OPEN" => 4,
        "OPEN" => 3,
        "HALF_OPEN" => 2,
        "CLOSED" => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::Breaker;

    #[test]
    fn routes_to_one_service_are_one_edge_with_the_worst_of_each() {
        let route = |id: &str, requests, errors, p99_ms, breakers: &[&str]| GatewayRoute {
            id: id.to_owned(),
            service: Some("ORDERS".to_owned()),
            enabled: true,
            breakers: breakers.iter().map(|name| (*name).to_owned()).collect(),
            requests,
            errors,
            rps: 1.5,
            p99_ms,
            ..GatewayRoute::default()
        };
        let plain = GatewayRoute {
            uri: "http://user:pw@example.org:80/x".to_owned(),
            enabled: true,
            ..GatewayRoute::default()
        };
        let items = vec![route("a", 90, 0, Some(3.0), &["x"]), route("b", 10, 5, Some(9.0), &["y"]), plain];
        let table = RouteTable { daemon: "gateway".to_owned(), items, ..RouteTable::default() };
        let breaker = |name: &str, state: &str| Breaker {
            daemon: "gateway".to_owned(),
            name: name.to_owned(),
            state: state.to_owned(),
            ..Breaker::default()
        };
        let breakers = vec![breaker("x", "OPEN"), breaker("y", "CLOSED")];
        let patterns = Patterns { breakers, ..Patterns::default() };
        let drawn = drawn(&[], vec![table], &patterns, &Actor::default());
        let names: Vec<_> = drawn.nodes.iter().map(|node| (node.name.as_str(), node.kind.as_str())).collect();
        assert_eq!(names, [("example.org:80", "address"), ("gateway", "gateway"), ("orders", "service")]);
        let edge = drawn.edges.iter().find(|edge| edge.to == "orders").unwrap();
        assert_eq!((edge.requests, edge.rps, edge.p99_ms), (100, 3.0, Some(9.0)));
        assert!((edge.errors - 5.0).abs() < 1e-9, "{edge:?}");
        assert_eq!(edge.breaker.as_deref(), Some("OPEN"));
    }
}
