//! `lb://service`: an instance of the service takes the place of its name. Each try of a retry chooses anew.

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use wellspring_lb_client::pick::Request;
use wellspring_lb_client::{Balancer, Instance};

use crate::error::Error;
use crate::exchange::{Exchange, Target};
use crate::filter::{Edit, Halt, header_value};
use crate::platform::Platform;
use crate::route::Destination;
use crate::route::compile::Setup;

pub(crate) const ORDER: i32 = 10_150;

#[derive(Debug)]
pub(crate) struct LoadBalance {
    platform: Arc<Platform>,
    no_instance: StatusCode,
    /// The cookie that tells the upstream which instance was chosen.
    sticky_cookie: Option<String>,
}

impl LoadBalance {
    pub(crate) fn new(setup: &Setup<'_>) -> Self {
        Self {
            platform: Arc::clone(setup.platform),
            no_instance: setup.config.no_instance,
            sticky_cookie: setup.config.sticky_cookie.clone(),
        }
    }

    fn choose(&self, exchange: &Exchange, balancer: &Balancer) -> Result<Instance, Error> {
        let previous = exchange.instance.as_ref();
        let caller = || exchange.original.peer.ip().to_string();
        let key = balancer.hash_key().of(&exchange.headers, exchange.original.uri.path(), caller);
        let request =
            Request { headers: Some(&exchange.headers), previous, key: key.as_deref(), ..Request::default() };
        balancer.choose(&request).ok_or_else(|| Error::NoInstance {
            service: balancer.service().to_owned(),
            status: self.no_instance,
        })
    }
}

impl Edit for LoadBalance {
    fn request(&self, exchange: &mut Exchange) -> Result<(), Halt> {
        let route = Arc::clone(&exchange.route);
        let (balancer, scheme) = match (&exchange.target, &route.destination) {
            (Target::Balanced, Destination::Balanced { balancer, scheme, .. }) => {
                (Arc::clone(balancer), scheme.as_deref())
            }
            (Target::Service(service), _) => (self.platform.balancer(service), None),
            _ => return Ok(()),
        };
        let instance = self.choose(exchange, &balancer)?;
        tracing::debug!(service = balancer.service(), instance = instance.instance_id(), "instance chosen");
        let scheme = scheme.or(instance.scheme());
        let tls =
            scheme.map_or(instance.secure(), |scheme| matches!(scheme, "https" | "wss") || instance.secure());
        let origin = self.platform.upstreams.origin(tls, instance.host(), Some(instance.port()));
        exchange.target =
            Target::Upstream { origin, websocket: scheme.is_some_and(|scheme| scheme.starts_with("ws")) };
        if let Some(name) = &self.sticky_cookie {
            add_cookie(exchange, name, instance.instance_id());
        }
        exchange.instance = Some(instance);
        exchange.balancer = Some(balancer);
        Ok(())
    }
}

/// One `Cookie` line with the instance added to it.
fn add_cookie(exchange: &mut Exchange, name: &str, instance: &str) {
    let mine = format!("{name}={instance}");
    let others: Vec<String> = crate::filter::texts(&exchange.headers, &http::header::COOKIE)
        .flat_map(|line| line.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>())
        .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(name))
        .collect();
    let line = others.into_iter().chain([mine]).collect::<Vec<_>>().join("; ");
    let value: Option<HeaderValue> = header_value(&line);
    if let Some(value) = value {
        exchange.headers.insert(http::header::COOKIE, value);
    }
}
