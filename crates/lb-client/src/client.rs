//! `Client`: what an application holds. Discovery, balanced calls and its own registration in one clone.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::Method;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use wellspring_properties::{Environment, Problem};
use wellspring_resilience::circuit_breaker::CircuitBreakerConfig;
use wellspring_resilience::{CircuitBreaker, Invalid};
use wellspring_telemetry::Meters;

use crate::Instance;
use crate::balancer::Balancer;
use crate::codes;
use crate::config::Refresher;
use crate::discovery::{Composite, Discovery, Remote, Simple, remote};
use crate::eureka::{ClientSettings, Connection, HealthHandler, Own, Registration, Status};
use crate::guard::{Guard, Guards};
use crate::http::{Budget, CallError, Options, RequestBuilder, balance};
use crate::load::nanos;
use crate::metrics::Instruments;
use crate::settings::{Configuration, LoadBalancerSettings, ServiceSettings};
use crate::supplier::HealthChecked;

/// Calls services by name, and registers this process where a registry is configured. Cloning shares everything.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    discovery: Arc<dyn Discovery>,
    http: reqwest::Client,
    settings: LoadBalancerSettings,
    services: ArcSwap<HashMap<String, Arc<Service>>>,
    making: Mutex<()>,
    eureka: Option<Connection>,
    remotes: Vec<Arc<Remote>>,
    instruments: Instruments,
    guards: Guards,
    registration: ArcSwapOption<Registration>,
    stop: CancellationToken,
}

/// What calls to one service need.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) balancer: Arc<Balancer>,
    pub(crate) settings: ServiceSettings,
    pub(crate) budget: Budget,
}

impl Client {
    /// A client over a discovery source and an HTTP client of yours, with Spring's defaults and no registry.
    pub fn new(discovery: Arc<dyn Discovery>, http: reqwest::Client) -> Self {
        let stop = CancellationToken::new();
        Self::assemble(
            discovery,
            http,
            LoadBalancerSettings::default(),
            (None, Vec::new()),
            (&Meters::default(), Guards::default()),
            stop,
        )
    }

    /// From `eureka.client.*`, `spring.cloud.discovery.*` and `spring.cloud.loadbalancer.*`, and the settings of the sources that are
    /// compiled in. With a registry configured it starts to fetch at once, so it must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When a setting has the wrong type, an unknown word, or a URL that is none.
    pub fn from_env(env: &Environment, meters: &Meters) -> Result<Self, Problem> {
        let http = crate::http::client(Options::default()).map_err(|error| http_problem(&error))?;
        let settings = LoadBalancerSettings::from_env(env)?;
        let eureka = ClientSettings::from_env(env)?;
        let stop = CancellationToken::new();
        let mut sources: Vec<Arc<dyn Discovery>> = Vec::new();
        let mut connection = None;
        let mut remotes = Vec::new();
        if env.get_as("spring.cloud.discovery.enabled")?.unwrap_or(true) {
            if env.contains("spring.cloud.discovery.client.simple.instances") {
                sources.push(Arc::new(Simple::from_env(env)?));
            }
            if eureka.is_configured() {
                let open = Connection::open(env, eureka, &stop)?;
                sources.push(open.discovery());
                connection = Some(open);
            }
            remotes = remote::from_env(env, &stop)?;
            sources.extend(remotes.iter().map(|remote| Arc::clone(remote) as Arc<dyn Discovery>));
        }
        let discovery: Arc<dyn Discovery> = match sources.pop() {
            Some(only) if sources.is_empty() => only,
            None => Arc::new(Simple::default()),
            Some(last) => {
                sources.push(last);
                Arc::new(Composite::new(sources))
            }
        };
        let around = (meters, Guards::from_env(env, meters)?);
        Ok(Self::assemble(discovery, http, settings, (connection, remotes), around, stop))
    }

    fn assemble(
        discovery: Arc<dyn Discovery>,
        http: reqwest::Client,
        settings: LoadBalancerSettings,
        (eureka, remotes): (Option<Connection>, Vec<Arc<Remote>>),
        (meters, guards): (&Meters, Guards),
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            discovery,
            http,
            settings,
            services: ArcSwap::default(),
            making: Mutex::new(()),
            eureka,
            remotes,
            instruments: Instruments::new(meters.clone()),
            guards,
            registration: ArcSwapOption::empty(),
            stop,
        }))
    }

    /// Where instances come from.
    pub fn discovery(&self) -> Arc<dyn Discovery> {
        Arc::clone(&self.0.discovery)
    }

    /// The HTTP client, for addresses that are not balanced.
    pub fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// The balancer of a service, made on first use and then always the same.
    pub fn balancer(&self, service: &str) -> Arc<Balancer> {
        Arc::clone(&self.service(service).balancer)
    }

    /// What holds for calls to a service: retry, sticky cookie, forwarded headers.
    pub fn settings(&self, service: &str) -> ServiceSettings {
        self.service(service).settings.clone()
    }

    /// The resilience patterns of a name: state, metrics, transitions by hand.
    pub fn guard(&self, name: &str) -> Arc<Guard> {
        self.0.guards.of(name)
    }

    /// The breaker of a name: the one of the settings, else one with these settings, always the same.
    ///
    /// # Errors
    /// The first setting that it cannot work with.
    pub fn breaker(&self, name: &str, config: CircuitBreakerConfig) -> Result<CircuitBreaker, Invalid> {
        self.0.guards.breaker(name, config)
    }

    /// Every breaker of this application, sorted by name.
    pub fn breakers(&self) -> Vec<CircuitBreaker> {
        self.0.guards.breakers()
    }

    /// Calls `watch` with every breaker there is, and with each that is made later.
    pub fn on_breaker(&self, watch: impl Fn(&CircuitBreaker) + Send + Sync + 'static) {
        self.0.guards.watch(Box::new(watch));
    }

    /// Calls `watch` with guards that hold every retry, limiter, time limiter and bulkhead there is, and with those that a
    /// refresh adds.
    pub fn on_patterns(&self, watch: impl Fn(&Guard) + Send + Sync + 'static) {
        self.0.guards.watch_patterns(Box::new(watch));
    }

    /// Instances that are left out for a while because calls to them failed: service, instance.
    pub fn ejected(&self) -> Vec<(String, Instance)> {
        let now = nanos(Instant::now());
        let services = self.0.services.load();
        let all = services.iter().flat_map(|(service, known)| {
            let instances = known.balancer.listing().instances();
            let ejected: Vec<Instance> =
                instances.iter().filter(|instance| instance.load().is_ejected(now)).cloned().collect();
            ejected.into_iter().map(|instance| (service.clone(), instance))
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by(|(one, a), (other, b)| (one, a.instance_id()).cmp(&(other, b.instance_id())));
        all
    }

    /// Takes `resilience4j.*` anew after each refresh that changed it; states and counts go on.
    pub fn follow(&self, refresher: &Refresher) {
        let inner = Arc::downgrade(&self.0);
        refresher.follow(move |env| {
            let Some(inner) = inner.upgrade() else { return };
            if let Err(problem) = inner.guards.reload(env) {
                warn!(problem = problem.line(), "new value refused, the old one stays");
            }
        });
    }

    /// All names that the settings have patterns for, sorted.
    pub fn guards(&self) -> Vec<(String, Arc<Guard>)> {
        self.0.guards.all()
    }

    pub(crate) fn instruments(&self) -> &Instruments {
        &self.0.instruments
    }

    pub(crate) fn service(&self, service: &str) -> Arc<Service> {
        if let Some(known) = self.0.services.load().get(service) {
            return Arc::clone(known);
        }
        let service = service.to_lowercase();
        let _making = self.0.making.lock();
        let all = self.0.services.load();
        if let Some(known) = all.get(&service) {
            return Arc::clone(known);
        }
        // Every service's words were checked when the client was made; a service of its own none are known for has
        // the global ones.
        let settings = self.0.settings.service(&service).unwrap_or_else(|_| ServiceSettings::default());
        let mut listing = self.0.discovery.listing(&service);
        if settings.configuration == Configuration::HealthCheck {
            listing =
                HealthChecked::start(listing, settings.health_check.clone(), &self.0.http, &self.0.stop);
        }
        let balancer = Arc::new(Balancer::of_settings(&*service, listing, &settings));
        let budget = Budget::new(settings.retry_budget);
        let made = Arc::new(Service { balancer, settings, budget });
        let mut more = HashMap::clone(&all);
        more.insert(service, Arc::clone(&made));
        self.0.services.store(Arc::new(more));
        made
    }

    pub(crate) fn balanced_service(&self, address: &str) -> Result<Option<String>, CallError> {
        let known = |service: &str| self.0.settings.enabled() && self.0.discovery.has(service);
        balance::service_in(address, known)
    }

    /// Whether this process is to register itself: a registry is configured and nothing says no.
    pub fn registers(&self) -> bool {
        self.0.eureka.as_ref().is_some_and(Connection::registers)
    }

    /// Registers this process and keeps the lease until `deregister`. Does nothing where no registry is
    /// configured. A registry that is away is tried again until it is there.
    ///
    /// # Errors
    /// Only with `should-enforce-registration-at-init`: when the first attempt fails.
    pub async fn register(&self, own: Own) -> Result<(), Problem> {
        let Some(eureka) = self.0.eureka.as_ref().filter(|eureka| eureka.registers()) else { return Ok(()) };
        let registration = Arc::new(eureka.register(own));
        if let Some(earlier) = self.0.registration.swap(Some(Arc::clone(&registration))) {
            earlier.leave().await;
        }
        if eureka.settings().should_enforce_registration_at_init {
            registration.first_attempt().await.map_err(|error| registry_problem(&error))?;
        }
        Ok(())
    }

    /// Waits for the end of the first fetch, and until every other server of lists was read once.
    ///
    /// # Errors
    /// Only with `should-enforce-fetch-registry-at-init`: when it fails.
    pub async fn first_fetch(&self) -> Result<(), Problem> {
        for remote in &self.0.remotes {
            remote.first_read().await;
        }
        let Some(eureka) = &self.0.eureka else { return Ok(()) };
        let Some(fetched) = eureka.fetched() else { return Ok(()) };
        match fetched.first_attempt().await {
            Err(error) if eureka.settings().should_enforce_fetch_registry_at_init => {
                Err(registry_problem(&error))
            }
            _ => Ok(()),
        }
    }

    /// Reports another status to the registry.
    pub fn set_status(&self, status: Status) {
        if let Some(registration) = &*self.0.registration.load() {
            registration.set_status(status);
        }
    }

    /// Reports what `handler` says from now on, when `eureka.client.healthcheck.enabled` is true.
    pub fn set_health_handler(&self, handler: HealthHandler) {
        let enabled = self.0.eureka.as_ref().is_some_and(|eureka| eureka.settings().healthcheck.enabled);
        if let Some(registration) = self.0.registration.load().as_ref().filter(|_| enabled) {
            registration.set_health(handler);
        }
    }

    /// The status that the registry has for this process; overrides show here.
    pub fn remote_status(&self) -> Option<Status> {
        let registration = self.0.registration.load();
        let (application, id) = registration.as_ref()?.identity();
        self.0.eureka.as_ref()?.fetched()?.status_of(application, id)
    }

    /// Leaves the registry, best effort, within a few seconds.
    pub async fn deregister(&self) {
        if let Some(registration) = self.0.registration.swap(None) {
            registration.leave().await;
        }
    }

    /// Leaves the registry and stops fetching. Calls still work with the last list.
    pub async fn close(&self) {
        self.deregister().await;
        self.0.stop.cancel();
    }

    /// A call to `lb://service/path`, or to any address.
    pub fn request(&self, method: Method, address: impl Into<String>) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, address.into())
    }

    /// A GET.
    pub fn get(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::GET, address)
    }

    /// A HEAD.
    pub fn head(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::HEAD, address)
    }

    /// A POST.
    pub fn post(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::POST, address)
    }

    /// A PUT.
    pub fn put(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::PUT, address)
    }

    /// A PATCH.
    pub fn patch(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::PATCH, address)
    }

    /// A DELETE.
    pub fn delete(&self, address: impl Into<String>) -> RequestBuilder {
        self.request(Method::DELETE, address)
    }
}

/// The tasks end with the last clone.
impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("services", &self.0.discovery.services()).finish_non_exhaustive()
    }
}

fn http_problem(error: &reqwest::Error) -> Problem {
    Problem::new(codes::HTTP_CLIENT, format!("no HTTP client can be made: {error}"))
}

fn registry_problem(error: &str) -> Problem {
    Problem::new(codes::REGISTRY, format!("the registry does not answer: {error}"))
        .hint("check eureka.client.service-url.defaultZone, or leave out should-enforce-…-at-init")
}
