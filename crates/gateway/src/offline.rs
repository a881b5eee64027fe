//! Routes compiled beside the ones that serve, or without a gateway at all: to list them, to trace requests, to compare.
//!
//! Nothing is sent, logged or measured from here; breakers and buckets are the copy's own.

use std::sync::Arc;

use serde_json::{Value, json};
use wellspring_daemon::admin::routes::RouteTrace;
use wellspring_lb_client::Client;
use wellspring_lb_client::discovery::Simple;
use wellspring_lb_client::http::{Options, client};
use wellspring_properties::{Environment, Problem, PropertySource};
use wellspring_telemetry::Meters;

use crate::config::{Config, with_both_prefixes};
use crate::cors::Cors;
use crate::platform::Platform;
use crate::problem::{BAD_SETTING, bad};
use crate::proxy::{Proxy, Snapshot};
use crate::route::source::properties;
use crate::route::table::Table;
use crate::route::{Definition, Route, compile};
use crate::security::Guard;
use crate::trace::{Described, Unreadable, trace};

/// A set of routes that serves nobody.
#[derive(Debug)]
pub struct Offline {
    proxy: Proxy,
    /// What is wrong with routes that are not in it.
    pub problems: Vec<Problem>,
}

impl Offline {
    /// Compiles the routes of these settings; services have no instances. Wants a tokio runtime around it.
    pub fn load(env: &Environment) -> Result<Self, Problem> {
        let http =
            client(Options::default()).map_err(|error| bad(BAD_SETTING, error.to_string(), "", None))?;
        Self::with(env, Client::new(Arc::new(Simple::default()), http), Ok)
    }

    /// As `load`, with the services that `client` knows; `complete` makes of the configuration's routes all that there are.
    pub(crate) fn with(
        env: &Environment,
        client: Client,
        complete: impl FnOnce(Vec<Definition>) -> Result<Vec<Definition>, Problem>,
    ) -> Result<Self, Problem> {
        let quiet = [("wellspring.gateway.access-log.enabled", "false")];
        let env = with_both_prefixes(&env.with_first(PropertySource::of_pairs("offline", quiet)));
        let config = Config::read(&env)?;
        let platform = Arc::new(Platform::new(&config, &env, client, &Meters::default())?.apart());
        let read = properties::read(&env)?;
        let mut problems = read.problems;
        let definitions = complete(read.definitions)?;
        let (routes, refused) = compile::all(&definitions, &read.defaults, &config, &env, &platform);
        problems.extend(refused);
        let cors = Cors::read(&env)?.with_routes(&routes)?;
        let guard = Guard::read(&env, &config, &platform, &routes, None)?;
        let proxy = Proxy::new(config, platform);
        proxy.replace(Snapshot { table: Table::new(routes), cors, guard });
        Ok(Self { proxy, problems })
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.proxy.snapshot().table.routes().len()
    }

    /// The routes as `/actuator/gateway/routes` shows them, with the place each stands at.
    #[must_use]
    pub fn routes(&self) -> Vec<Value> {
        self.proxy.snapshot().table.routes().iter().map(|route| placed(route)).collect()
    }

    /// What would become of a request.
    pub fn trace(&self, described: &Described) -> Result<RouteTrace, Unreadable> {
        trace(&self.proxy, described)
    }
}

/// A route as the actuator shows it, with its place.
pub(crate) fn placed(route: &Route) -> Value {
    let mut value = crate::actuator::shown(route);
    if let (Value::Object(members), Some(place)) = (&mut value, &route.definition.origin) {
        members.insert("place".to_owned(), json!(place.to_string()));
    }
    value
}
