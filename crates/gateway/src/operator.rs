//! The gateway as the admin API shows and changes it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::Method;
use tokio::time::Instant;
use wellspring_daemon::admin::Denied;
use wellspring_daemon::admin::resilience::RequestLimiter;
use wellspring_daemon::admin::routes::{
    AppliedRoutes, Gateway, GatewayRoute, RefusedRoutes, Replay, ReplayOrder, RouteDiff, RouteTable,
    RouteTrace, TraceOrder,
};
use wellspring_properties::{Environment, Problem};
use wellspring_wire::Millis;

use crate::config::PREFIX;
use crate::offline::placed;
use crate::problem::BAD_ROUTE;
use crate::rate_limit::verdicts::{Limiter, Verdicts};
use crate::replay::{self, record};
use crate::route::definition::Step;
use crate::route::operated::{Applied, Switch, applicable};
use crate::route::refresh::{Refresh, State};
use crate::route::{Definition, Destination, Route, difference};
use crate::trace::{self, Described, Unreadable};
use crate::tree::Tree;

/// Hands the API what it asks for.
pub(crate) struct Operator {
    pub(crate) refresh: Arc<Refresh>,
    pub(crate) daemon: String,
}

impl Gateway for Operator {
    fn daemon(&self) -> String {
        self.daemon.clone()
    }

    fn routes(&self) -> RouteTable {
        let (snapshot, state) = (self.refresh.proxy().snapshot(), self.refresh.state());
        let now = Instant::now();
        let mut items: Vec<GatewayRoute> =
            snapshot.table.routes().iter().map(|route| self.shown(route, &state, now)).collect();
        items.extend(state.off.iter().map(|definition| self.switched_off(definition, &state)));
        let applied = state.changes.applied.as_ref();
        let source = match applied {
            Some(applied) => format!("applied by {}", applied.by),
            None => "configuration".to_owned(),
        };
        let refused = state.refused.map(|(since, problems)| RefusedRoutes {
            problem: problems.first().cloned().unwrap_or_default(),
            problems,
            since,
        });
        RouteTable {
            daemon: self.daemon(),
            revision: state.revision,
            since: state.since,
            source,
            applied_at: applied.map(|applied| applied.at),
            kept: state.kept,
            items,
            refused,
            left_out: state.left_out,
            recording: self.refresh.proxy().platform.watch.recorder.state(),
        }
    }

    fn limiters(&self) -> Vec<RequestLimiter> {
        let shown = |(limiter, verdicts): (Limiter, Arc<Verdicts>)| RequestLimiter {
            daemon: self.daemon(),
            route: limiter.route,
            kept_in: if limiter.shared { "redis" } else { "local" }.to_owned(),
            key: limiter.key.counts_by().to_owned(),
            replenish: limiter.bucket.rate,
            burst: limiter.bucket.capacity,
            requested: limiter.bucket.requested,
            allowed: verdicts.allowed.load(Relaxed),
            refused: verdicts.refused.load(Relaxed),
            nameless: verdicts.nameless.load(Relaxed),
            unasked: verdicts.unasked.load(Relaxed),
            last_refused: verdicts.last_refused(),
        };
        self.refresh.proxy().platform.verdicts.in_force().into_iter().map(shown).collect()
    }

    fn trace(&self, order: TraceOrder) -> Result<RouteTrace, Denied> {
        let routes = order.routes.clone().filter(|text| !text.trim().is_empty());
        let described = Described::try_from(order).map_err(|unreadable| wrong(&unreadable))?;
        let proxy = self.refresh.proxy();
        let traced = match routes {
            None => trace::trace(proxy, &described),
            Some(text) => self.compiled(&text)?.trace(&described),
        };
        traced.map_err(|unreadable| wrong(&unreadable))
    }

    fn replay(&self, order: ReplayOrder) -> Result<Replay, Denied> {
        let (proxy, recorder) =
            (self.refresh.proxy(), Arc::clone(&self.refresh.proxy().platform.watch.recorder));
        let after = self.compiled(&order.routes)?;
        let requests = match order.requests.filter(|text| !text.trim().is_empty()) {
            Some(text) => record::read(&text),
            None => {
                recorder.ask();
                recorder.kept()
            }
        };
        let compared = replay::compare(
            requests,
            |described| trace::trace(proxy, described),
            |described| after.trace(described),
        );
        Ok(Replay { recording: recorder.state(), ..compared })
    }

    fn diff(&self, proposed: &str) -> Result<RouteDiff, Denied> {
        let after = self.compiled(proposed)?;
        Ok(difference::between(&self.in_force(), &after.routes()))
    }

    fn enable(&self, id: &str, enabled: bool, actor: &str) -> Result<(GatewayRoute, GatewayRoute), Denied> {
        let find = || self.routes().items.into_iter().find(|route| route.id == id);
        let unknown = || Denied::Unknown("route", id.to_owned());
        let before = find().ok_or_else(unknown)?;
        let switch = Switch { enabled, by: actor.to_owned(), at: Millis::now() };
        self.refresh.switch(id, switch).map_err(refused)?;
        Ok((before, find().ok_or_else(unknown)?))
    }

    fn apply(&self, text: &str, actor: &str) -> Result<AppliedRoutes, Denied> {
        let (old, before) = (self.in_force(), self.refresh.state().revision);
        let ignored = if text.trim().is_empty() {
            self.refresh.apply(None).map_err(refused)?;
            Vec::new()
        } else {
            let (_, own) = self.proposed(text)?;
            let (settings, ignored) = applicable(&own);
            let (by, at) = (actor.to_owned(), Millis::now());
            let applied = Applied { settings, text: text.to_owned(), by, at };
            self.refresh.apply(Some(applied)).map_err(refused)?;
            ignored
        };
        let (after, state) = (self.in_force(), self.refresh.state());
        Ok(AppliedRoutes {
            revision: state.revision,
            kept: state.kept,
            before,
            routes: after.len(),
            diff: difference::between(&old, &after),
            ignored,
        })
    }
}

impl Operator {
    fn in_force(&self) -> Vec<serde_json::Value> {
        self.refresh.proxy().snapshot().table.routes().iter().map(|route| placed(route)).collect()
    }

    /// The settings in force with those of a file over them, and the file's own; it must have routes.
    fn proposed(&self, text: &str) -> Result<(Environment, Environment), Denied> {
        let (all, own) = replay::proposed(&self.refresh.effective(), text).map_err(one)?;
        if own.contains(&format!("{PREFIX}.routes")) {
            return Ok((all, own));
        }
        let problem = Problem::new(BAD_ROUTE, "there are no routes in it");
        Err(one(problem
            .hint("spring.cloud.gateway.server.webflux.routes: [...], routes: [...], or a list of routes")))
    }

    fn compiled(&self, text: &str) -> Result<crate::Offline, Denied> {
        let (all, _) = self.proposed(text)?;
        replay::compiled(&all, &self.refresh).map_err(refused)
    }

    fn source(&self, definition: &Definition) -> String {
        match &definition.origin {
            Some(origin) => origin.to_string(),
            None if self.refresh.memory.has(&definition.id) => "api".to_owned(),
            None => "discovery".to_owned(),
        }
    }

    fn shown(&self, route: &Route, state: &State, now: Instant) -> GatewayRoute {
        let figures = route.meters.figures.look(now);
        let switch = state.changes.switched.get(&*route.id);
        let metadata = (!route.metadata.is_empty()).then(|| Tree::Map(route.metadata.clone()).to_json());
        GatewayRoute {
            id: route.id.to_string(),
            order: route.order.into(),
            uri: route.shown_uri.clone(),
            predicates: route.predicates.iter().map(|predicate| predicate.describe()).collect(),
            filters: route.chain.shown().iter().map(|(text, _)| plain(text)).collect(),
            source: self.source(&route.definition),
            enabled: true,
            switched: switch.is_some(),
            switched_by: switch.map(|switch| switch.by.clone()),
            switched_at: switch.map(|switch| switch.at),
            service: match &route.destination {
                Destination::Balanced { service, .. } => Some(service.to_string()),
                _ => None,
            },
            breakers: route.chain.breakers().map(str::to_owned).collect(),
            metadata,
            requests: figures.requests,
            errors: figures.errors,
            rps: figures.rate,
            p99_ms: figures.p99.map(|time| time.as_secs_f64() * 1e3),
            last_hit: figures.last,
        }
    }

    fn switched_off(&self, definition: &Definition, state: &State) -> GatewayRoute {
        let switch = state.changes.switched.get(&definition.id);
        GatewayRoute {
            id: definition.id.clone(),
            order: definition.order.into(),
            uri: definition.uri.clone(),
            predicates: definition.predicates.iter().map(written).collect(),
            filters: definition.filters.iter().map(written).collect(),
            source: self.source(definition),
            enabled: false,
            switched: switch.is_some(),
            switched_by: switch.map(|switch| switch.by.clone()),
            switched_at: switch.map(|switch| switch.at),
            ..GatewayRoute::default()
        }
    }
}

/// Without the brackets that the actuator has around a filter.
fn plain(text: &str) -> String {
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).to_owned()
}

/// A step that is not compiled, as one writes it.
fn written(step: &Step) -> String {
    let args = step.args.iter().map(|(name, tree)| {
        let value = tree.as_text().unwrap_or_else(|| tree.to_json().to_string());
        if name.starts_with("_genkey_") { value } else { format!("{name}: {value}") }
    });
    let args: Vec<String> = args.collect();
    if args.is_empty() { step.name.clone() } else { format!("{}={}", step.name, args.join(",")) }
}

fn one(problem: Problem) -> Denied {
    refused(vec![problem])
}

/// The first problem, and how many more there are.
fn refused(problems: Vec<Problem>) -> Denied {
    let more = problems.len().saturating_sub(1);
    let Some(problem) = problems.into_iter().next() else {
        return Denied::Failed("the routes were refused".to_owned());
    };
    let mut message = match &problem.found {
        Some(found) => format!("{}: {found}", problem.message),
        None => problem.message.clone(),
    };
    if more > 0 {
        message = format!("{message} (and {more} more)");
    }
    Denied::Refused {
        code: problem.code.to_string(),
        message,
        place: problem.place.as_ref().map(ToString::to_string),
        hint: problem.hint.clone(),
    }
}

fn wrong(unreadable: &Unreadable) -> Denied {
    Denied::Wrong("request", format!("{unreadable}; {} /path with headers is described", Method::GET))
}
