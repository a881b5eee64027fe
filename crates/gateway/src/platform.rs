//! What all routes of a gateway share for its whole life: upstream connections, balancers, instruments.
//!
//! A route set is replaced many times; nothing here is.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use wellspring_lb_client::{Balancer, Client};
use wellspring_properties::{Environment, Problem};
use wellspring_redis::Redis;
use wellspring_telemetry::Meters;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::rate_limit::local::Local;
use crate::rate_limit::verdicts;
use crate::resilience::Breakers;
use crate::spans::Spans;
use crate::upstream::Upstreams;
use crate::watch::Watch;

/// How long a request waits for Redis, unless the settings say; the original waits a minute.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shared by reference.
#[derive(Debug)]
pub struct Platform {
    pub upstreams: Upstreams,
    pub client: Client,
    pub metrics: Metrics,
    pub meters: Meters,
    pub breakers: Breakers,
    pub local_limits: Arc<Local>,
    pub verdicts: verdicts::All,
    pub watch: Watch,
    pub spans: Spans,
    redis: Mutex<Option<Redis>>,
}

impl Platform {
    pub fn new(config: &Config, env: &Environment, client: Client, meters: &Meters) -> Result<Self, Problem> {
        Ok(Self {
            upstreams: Upstreams::new(config.http.clone())?,
            breakers: Breakers::Shared(client.clone()),
            client,
            metrics: Metrics::new(meters, env),
            meters: meters.clone(),
            local_limits: Arc::default(),
            verdicts: verdicts::All::default(),
            watch: Watch::read(env, meters)?,
            spans: Spans::read(env),
            redis: Mutex::default(),
        })
    }

    /// For routes that serve nobody: their breakers are nobody else's.
    #[must_use]
    pub fn apart(self) -> Self {
        Self { breakers: Breakers::Apart, ..self }
    }

    /// The balancer of a service, always the same for a name.
    pub fn balancer(&self, service: &str) -> Arc<Balancer> {
        self.client.balancer(service)
    }

    /// The connection to Redis, made for the first route that needs it.
    pub fn redis(&self, env: &Environment) -> Result<Redis, Problem> {
        let mut redis = self.redis.lock();
        match &*redis {
            Some(known) => Ok(known.clone()),
            None => Ok(redis.insert(Redis::read(env, PATIENCE)?).clone()),
        }
    }
}
