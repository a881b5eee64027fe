//! `spring.cloud.gateway.requests` and the number of routes. Handles are bound per route and status, not looked up per request.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use tokio::time::Instant;
use wellspring_properties::Environment;
use wellspring_telemetry::names::Name;
use wellspring_telemetry::{Gauge, Meters, Timer, names};

use crate::config::PREFIX;
use crate::error::enum_name;
use crate::figures::{self, Figures};
use crate::tree::Tree;

/// Pairs of method and status whose timers are kept at hand, of each route.
const MOST_TIMERS: usize = 128;

/// Makes the instruments.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `None` with `metrics.enabled=false`.
    meters: Option<Meters>,
    requests: Name,
    /// `metrics.tags.*`: tags of the user's own.
    tags: Vec<(&'static str, String)>,
    with_path: bool,
    routes: Gauge,
    figures: figures::All,
}

/// The timers of one route, by method and status.
#[derive(Debug)]
pub struct RouteMeters {
    metrics: Metrics,
    route: String,
    uri: String,
    path: Option<String>,
    /// A few: searching them costs less than hashing.
    timers: ArcSwap<Vec<(Method, StatusCode, Timer)>>,
    pub figures: Arc<Figures>,
}

impl Metrics {
    #[must_use]
    pub fn new(meters: &Meters, env: &Environment) -> Self {
        let enabled = env.get(&format!("{PREFIX}.metrics.enabled")).as_deref() != Some("false");
        let at = |name: &str| env.get(&format!("{PREFIX}.metrics.{name}")).filter(|text| !text.is_empty());
        // Names and tag keys live as long as the process; there are as many as the settings have.
        let (requests, count) = match at("prefix") {
            None => (names::GATEWAY_REQUESTS, names::GATEWAY_ROUTES_COUNT),
            Some(prefix) => {
                (renamed(names::GATEWAY_REQUESTS, &prefix), renamed(names::GATEWAY_ROUTES_COUNT, &prefix))
            }
        };
        let mut tags = Vec::new();
        if let Ok(Some(Tree::Map(members))) = Tree::from_env(env, &format!("{PREFIX}.metrics.tags")) {
            for (key, value) in members {
                if let (Some(value), true) = (value.as_text(), key != "path") {
                    tags.push((leaked(&key), value));
                }
            }
        }
        Self {
            meters: enabled.then(|| meters.clone()),
            requests,
            tags,
            with_path: at("tags.path.enabled").as_deref() == Some("true"),
            routes: meters.gauge(count, &[]),
            figures: figures::All::default(),
        }
    }

    /// Instruments of a route; `path` is its pattern.
    #[must_use]
    pub fn route(&self, id: &str, uri: &str, path: Option<&str>) -> RouteMeters {
        RouteMeters {
            metrics: self.clone(),
            route: id.to_owned(),
            uri: uri.to_owned(),
            path: self.with_path.then(|| path.unwrap_or("/**").to_owned()),
            timers: ArcSwap::default(),
            figures: self.figures.of(id),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 routes")]
    pub fn set_routes(&self, count: usize) {
        self.routes.set(count as f64);
        self.figures.sweep();
    }
}

impl RouteMeters {
    pub fn record(&self, method: &Method, status: StatusCode, started: Instant) {
        let took = started.elapsed();
        self.figures.record(started, took, status);
        let Some(meters) = &self.metrics.meters else { return };
        let known = self.timers.load();
        let same = |(m, s, _): &&(Method, StatusCode, Timer)| *s == status && m == method;
        if let Some((_, _, timer)) = known.iter().find(same) {
            timer.record(took);
            return;
        }
        let timer = self.bind(meters, method, status);
        timer.record(took);
        // Methods come from clients: the list must not grow with what they invent.
        if known.len() < MOST_TIMERS {
            self.timers.rcu(|timers| {
                let mut more = Vec::clone(timers);
                if !more.iter().any(|one| same(&one)) {
                    more.push((method.clone(), status, timer.clone()));
                }
                more
            });
        }
    }

    fn bind(&self, meters: &Meters, method: &Method, status: StatusCode) -> Timer {
        let outcome = match status.as_u16() / 100 {
            1 => "INFORMATIONAL",
            2 => "SUCCESSFUL",
            3 => "REDIRECTION",
            4 => "CLIENT_ERROR",
            5 => "SERVER_ERROR",
            _ => "CUSTOM",
        };
        let name = enum_name(status);
        let name = if name.is_empty() { status.as_str() } else { &name };
        let known = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::PATCH,
            Method::HEAD,
            Method::OPTIONS,
        ];
        let method = if known.contains(method) { method.as_str() } else { "OTHER" };
        let mut tags = vec![
            ("httpMethod", method),
            ("httpStatusCode", status.as_str()),
            ("outcome", outcome),
            ("routeId", &self.route),
            ("routeUri", &self.uri),
            ("status", name),
        ];
        tags.extend(self.path.as_deref().map(|path| ("path", path)));
        tags.extend(self.metrics.tags.iter().map(|(key, value)| (*key, value.as_str())));
        meters.timer(self.metrics.requests, &tags)
    }
}

fn renamed(name: Name, prefix: &str) -> Name {
    let last = name.id.strip_prefix("spring.cloud.gateway").unwrap_or(name.id);
    Name::custom(leaked(&format!("{prefix}{last}")), name.unit, name.help)
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}
