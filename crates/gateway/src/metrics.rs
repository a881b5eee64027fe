//! `spring.cloud.gateway.requests` and the number of routes. Handles are bound per route and status, not looked up per request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Method, StatusCode};
use wellspring_properties::Environment;
use wellspring_telemetry::{Gauge, Meters, Timer, names};

use crate::config::PREFIX;
use crate::error::enum_name;

/// Makes the instruments.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// `None` with `metrics.enabled=false`.
    meters: Option<Meters>,
    routes: Gauge,
}

/// The timers of one route, by method and status.
#[derive(Debug)]
pub struct RouteMeters {
    meters: Option<Meters>,
    route: String,
    uri: String,
    timers: ArcSwap<HashMap<(Method, StatusCode), Timer>>,
}

impl Metrics {
    #[must_use]
    pub fn new(meters: &Meters, env: &Environment) -> Self {
        let enabled = env.get(&format!("{PREFIX}.metrics.enabled")).as_deref() != Some("false");
        let routes = meters.gauge(names::GATEWAY_ROUTES_COUNT, &[]);
        Self { meters: enabled.then(|| meters.clone()), routes }
    }

    /// Instruments of a route.
    #[must_use]
    pub fn route(&self, id: &str, uri: &str) -> RouteMeters {
        RouteMeters {
            meters: self.meters.clone(),
            route: id.to_owned(),
            uri: uri.to_owned(),
            timers: ArcSwap::default(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 routes")]
    pub fn set_routes(&self, count: usize) {
        self.routes.set(count as f64);
    }
}

impl RouteMeters {
    pub fn record(&self, method: &Method, status: StatusCode, took: Duration) {
        let Some(meters) = &self.meters else { return };
        if let Some(timer) = self.timers.load().get(&(method.clone(), status)) {
            timer.record(took);
            return;
        }
        let timer = self.bind(meters, method, status);
        timer.record(took);
        self.timers.rcu(|timers| {
            let mut more = HashMap::clone(timers);
            // Methods come from clients: the map must not grow with what they invent.
            if more.len() < 256 {
                more.insert((method.clone(), status), timer.clone());
            }
            Arc::new(more)
        });
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
        meters.timer(
            names::GATEWAY_REQUESTS,
            &[
                ("httpMethod", method),
                ("httpStatusCode", status.as_str()),
                ("outcome", outcome),
                ("routeId", &self.route),
                ("routeUri", &self.uri),
                ("status", name),
            ],
        )
    }
}
