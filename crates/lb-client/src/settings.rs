//! `spring.cloud.loadbalancer.*`: global values, and per service under `clients.<service>`, laid over key by key.
//!
//! Pickers beyond Spring's are chosen by `wellspring.loadbalancer.picker` and `….clients.<service>.picker`.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use wellspring_properties::value;
use wellspring_properties::{Environment, Problem};

use crate::codes;
use crate::http::BudgetSettings;
use crate::http::retry::{Backoff, RetryPolicy};
use crate::pick::HashKey;
use crate::supplier::EjectionSettings;

/// One layer: what is absent is the business of the layer below.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Layer {
    enabled: Option<bool>,
    configurations: Option<String>,
    zone: Option<String>,
    hint: IndexMap<String, String>,
    hint_header_name: Option<String>,
    health_check: HealthCheckLayer,
    retry: RetryLayer,
    sticky_session: StickyLayer,
    subset: SubsetLayer,
    x_forwarded: ForwardedLayer,
    clients: IndexMap<String, Self>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct HealthCheckLayer {
    #[serde(with = "value::duration_millis::option")]
    initial_delay: Option<Duration>,
    #[serde(with = "value::duration_millis::option")]
    interval: Option<Duration>,
    path: IndexMap<String, String>,
    port: Option<u16>,
    repeat_health_check: Option<bool>,
    update_results_list: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct RetryLayer {
    enabled: Option<bool>,
    max_retries_on_same_service_instance: Option<u32>,
    max_retries_on_next_service_instance: Option<u32>,
    retry_on_all_operations: Option<bool>,
    retry_on_all_exceptions: Option<bool>,
    retryable_status_codes: Option<Vec<u16>>,
    avoid_previous_instance: Option<bool>,
    backoff: BackoffLayer,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct BackoffLayer {
    enabled: Option<bool>,
    #[serde(with = "value::duration_millis::option")]
    min_backoff: Option<Duration>,
    #[serde(with = "value::duration_millis::option")]
    max_backoff: Option<Duration>,
    jitter: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct StickyLayer {
    instance_id_cookie_name: Option<String>,
    add_service_instance_cookie: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct SubsetLayer {
    instance_id: Option<String>,
    size: Option<usize>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct ForwardedLayer {
    enabled: Option<bool>,
}

/// A ready chain of list steps, by the names of `configurations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Configuration {
    /// The list as it is.
    Default,
    /// Own zone first.
    ZonePreference,
    /// Instances whose health answers.
    HealthCheck,
    /// The instance named by the cookie.
    StickySession,
    /// The first one chosen.
    SameInstance,
    /// By metadata `weight`.
    Weighted,
    /// A fixed part of the list.
    Subset,
}

impl Configuration {
    const NAMES: [(&str, Self); 7] = [
        ("default", Self::Default),
        ("zone-preference", Self::ZonePreference),
        ("health-check", Self::HealthCheck),
        ("request-based-sticky-session", Self::StickySession),
        ("same-instance-preference", Self::SameInstance),
        ("weighted", Self::Weighted),
        ("subset", Self::Subset),
    ];
}

/// What holds for the calls to one service.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The chain of list steps.
    pub configuration: Configuration,
    /// Our own zone.
    pub zone: Option<String>,
    /// The hint of calls that bring none.
    pub hint: Option<String>,
    /// Header that brings a hint.
    pub hint_header: String,
    /// How instances are checked, for the chain that does.
    pub health_check: HealthCheck,
    /// Retry over instances.
    pub retry: RetryPolicy,
    /// Cookie that names an instance.
    pub sticky_cookie: String,
    /// Add that cookie to outgoing requests.
    pub add_sticky_cookie: bool,
    /// The caller's id and the size of its part of the list.
    pub subset: (String, usize),
    /// Add `X-Forwarded-Host` and `-Proto`.
    pub x_forwarded: bool,
    /// Name of the picker.
    pub picker: String,
    /// What the consistent hash goes by.
    pub hash_key: HashKey,
    /// How long an instance that came later gets fewer calls than the others.
    pub slow_start: Option<Duration>,
    /// When instances are left out.
    pub ejection: EjectionSettings,
    /// How many retries may be made in all.
    pub retry_budget: BudgetSettings,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            configuration: Configuration::Default,
            zone: None,
            hint: None,
            hint_header: "X-SC-LB-Hint".to_owned(),
            health_check: health_check("", &HealthCheckLayer::default(), &HealthCheckLayer::default()),
            retry: RetryPolicy::default(),
            sticky_cookie: crate::supplier::DEFAULT_COOKIE.to_owned(),
            add_sticky_cookie: false,
            subset: (String::new(), crate::supplier::DEFAULT_SIZE),
            x_forwarded: false,
            picker: "round-robin".to_owned(),
            hash_key: HashKey::None,
            slow_start: None,
            ejection: EjectionSettings::default(),
            retry_budget: BudgetSettings::default(),
        }
    }
}

/// How instances are checked.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Before the first check.
    pub initial_delay: Duration,
    /// Between checks, and the longest wait for one.
    pub interval: Duration,
    /// Empty: always alive.
    pub path: String,
    /// Instead of the instance's own.
    pub port: Option<u16>,
    /// Off: only after each change of the list.
    pub repeat: bool,
    /// Publish after each answer, not only when all have answered.
    pub update_results_list: bool,
}

/// All of `spring.cloud.loadbalancer.*`.
#[derive(Debug, Clone, Default)]
pub struct LoadBalancerSettings {
    global: Layer,
    pickers: Pickers,
    zone: Option<String>,
    caller: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Pickers {
    picker: Option<String>,
    hash_key: Option<String>,
    #[serde(with = "value::duration_millis::option")]
    slow_start: Option<Duration>,
    ejection: EjectionSettings,
    retry_budget: BudgetSettings,
    clients: IndexMap<String, Picker>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Picker {
    picker: Option<String>,
    hash_key: Option<String>,
    #[serde(with = "value::duration_millis::option")]
    slow_start: Option<Duration>,
}

impl LoadBalancerSettings {
    /// Reads and checks everything, the values of single services too.
    ///
    /// # Errors
    /// When a value has the wrong type or is none of the known words.
    pub fn from_env(env: &Environment) -> Result<Self, Problem> {
        let text = |key: &str| env.get(key).filter(|text| !text.trim().is_empty());
        let global: Layer = env.bind("spring.cloud.loadbalancer")?;
        let approximate: bool = env
            .get_as("spring.cloud.loadbalancer.eureka.approximate-zone-from-hostname")?
            .unwrap_or_default();
        let domain = || {
            let host = text("eureka.instance.hostname").filter(|_| approximate)?;
            host.split_once('.').map(|(_, domain)| domain.to_owned())
        };
        let settings = Self {
            zone: global.zone.clone().or_else(|| text("eureka.instance.metadata-map.zone")).or_else(domain),
            caller: caller(env, global.subset.instance_id.as_deref()),
            pickers: own(env)?,
            global,
        };
        let services = settings.global.clients.keys().chain(settings.pickers.clients.keys());
        for service in std::iter::once("").chain(services.map(String::as_str)) {
            settings.service(service).map_err(|problem| settings.placed(env, service, problem))?;
        }
        Ok(settings)
    }

    fn placed(&self, env: &Environment, service: &str, problem: Problem) -> Problem {
        let keys = ["spring.cloud.loadbalancer", "wellspring.loadbalancer"].map(|root| {
            let leaf = if root.starts_with('s') { "configurations" } else { "picker" };
            [format!("{root}.clients.{service}.{leaf}"), format!("{root}.{leaf}")]
        });
        let place =
            keys.iter().flatten().find_map(|key| env.origin(key).filter(|_| env.get(key) == problem.found));
        problem.at(place)
    }

    /// Whether addresses are balanced at all.
    pub fn enabled(&self) -> bool {
        self.global.enabled.unwrap_or(true)
    }

    /// What holds for one service.
    ///
    /// # Errors
    /// When a word is unknown.
    pub fn service(&self, service: &str) -> Result<ServiceSettings, Problem> {
        let global = &self.global;
        let none = Layer::default();
        let own = global
            .clients
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(service))
            .map_or(&none, |(_, l)| l);
        let picker = self.pickers.clients.iter().find(|(name, _)| name.eq_ignore_ascii_case(service));
        let client = picker.map(|(_, own)| own);
        let hash_key = client.and_then(|own| own.hash_key.as_ref()).or(self.pickers.hash_key.as_ref());
        let hash_key = match hash_key {
            None => HashKey::None,
            Some(text) => HashKey::parse(text)
                .ok_or_else(|| unknown("hash-key", text, "ip, path, header:NAME, cookie:NAME"))?,
        };
        let slow_start = client.and_then(|own| own.slow_start).or(self.pickers.slow_start);
        let picker = client.and_then(|own| own.picker.clone()).or_else(|| self.pickers.picker.clone());
        let picker = picker.unwrap_or_else(|| "round-robin".to_owned());
        if crate::pick::named(&picker).is_none() {
            let known = crate::pick::NAMES.join(", ");
            return Err(unknown("picker", &picker, &known));
        }
        let hints = [&own.hint, &global.hint];
        let hint = |key: &str| hints.iter().find_map(|layer| layer.get(key).cloned());
        Ok(ServiceSettings {
            configuration: configuration(own.configurations.as_ref().or(global.configurations.as_ref()))?,
            zone: own.zone.clone().or_else(|| self.zone.clone()),
            hint: hint(service).or_else(|| hint("default")),
            hint_header: pick(&own.hint_header_name, &global.hint_header_name)
                .unwrap_or_else(|| "X-SC-LB-Hint".to_owned()),
            health_check: health_check(service, &own.health_check, &global.health_check),
            retry: retry(&own.retry, &global.retry),
            sticky_cookie: pick(
                &own.sticky_session.instance_id_cookie_name,
                &global.sticky_session.instance_id_cookie_name,
            )
            .unwrap_or_else(|| crate::supplier::DEFAULT_COOKIE.to_owned()),
            add_sticky_cookie: pick(
                &own.sticky_session.add_service_instance_cookie,
                &global.sticky_session.add_service_instance_cookie,
            )
            .unwrap_or_default(),
            subset: (
                own.subset.instance_id.clone().unwrap_or_else(|| self.caller.clone()),
                pick(&own.subset.size, &global.subset.size).unwrap_or(crate::supplier::DEFAULT_SIZE),
            ),
            x_forwarded: pick(&own.x_forwarded.enabled, &global.x_forwarded.enabled).unwrap_or_default(),
            picker,
            hash_key,
            slow_start,
            ejection: self.pickers.ejection.clone(),
            retry_budget: self.pickers.retry_budget,
        })
    }
}

/// `wellspring.loadbalancer.*` is ours alone: a key that means nothing is a slip of the pen.
fn own(env: &Environment) -> Result<Pickers, Problem> {
    let (own, unknown) = env.bind_checked("wellspring.loadbalancer");
    unknown.into_iter().next().map_or(own, Err)
}

fn pick<T: Clone>(own: &Option<T>, global: &Option<T>) -> Option<T> {
    own.clone().or_else(|| global.clone())
}

fn configuration(name: Option<&String>) -> Result<Configuration, Problem> {
    let Some(name) = name else { return Ok(Configuration::Default) };
    let known = Configuration::NAMES.iter().find(|(known, _)| known == name);
    let names = || Configuration::NAMES.map(|(name, _)| name).join(", ");
    known.map(|(_, configuration)| *configuration).ok_or_else(|| unknown("configuration", name, &names()))
}

fn unknown(what: &str, found: &str, known: &str) -> Problem {
    Problem::new(codes::LOAD_BALANCER, format!("no such load-balancer {what}"))
        .found(found)
        .hint(format!("one of {known}"))
}

fn health_check(service: &str, own: &HealthCheckLayer, global: &HealthCheckLayer) -> HealthCheck {
    let path = |key: &str| own.path.get(key).or_else(|| global.path.get(key)).cloned();
    HealthCheck {
        initial_delay: pick(&own.initial_delay, &global.initial_delay).unwrap_or_default(),
        interval: pick(&own.interval, &global.interval).unwrap_or(Duration::from_secs(25)),
        path: path(service).or_else(|| path("default")).unwrap_or_else(|| "/actuator/health".to_owned()),
        port: pick(&own.port, &global.port),
        repeat: pick(&own.repeat_health_check, &global.repeat_health_check).unwrap_or(true),
        update_results_list: pick(&own.update_results_list, &global.update_results_list).unwrap_or(true),
    }
}

fn retry(own: &RetryLayer, global: &RetryLayer) -> RetryPolicy {
    let base = RetryPolicy::default();
    let backoff = Backoff {
        min: pick(&own.backoff.min_backoff, &global.backoff.min_backoff).unwrap_or(Duration::from_millis(5)),
        max: pick(&own.backoff.max_backoff, &global.backoff.max_backoff).unwrap_or(Duration::MAX),
        jitter: pick(&own.backoff.jitter, &global.backoff.jitter).unwrap_or(0.5),
    };
    RetryPolicy {
        enabled: pick(&own.enabled, &global.enabled).unwrap_or(base.enabled),
        max_retries_on_same_service_instance: pick(
            &own.max_retries_on_same_service_instance,
            &global.max_retries_on_same_service_instance,
        )
        .unwrap_or(base.max_retries_on_same_service_instance),
        max_retries_on_next_service_instance: pick(
            &own.max_retries_on_next_service_instance,
            &global.max_retries_on_next_service_instance,
        )
        .unwrap_or(base.max_retries_on_next_service_instance),
        retry_on_all_operations: pick(&own.retry_on_all_operations, &global.retry_on_all_operations)
            .unwrap_or(base.retry_on_all_operations),
        retry_on_all_exceptions: pick(&own.retry_on_all_exceptions, &global.retry_on_all_exceptions)
            .unwrap_or(base.retry_on_all_exceptions),
        retryable_status_codes: pick(&own.retryable_status_codes, &global.retryable_status_codes)
            .unwrap_or_default(),
        backoff: pick(&own.backoff.enabled, &global.backoff.enabled).unwrap_or_default().then_some(backoff),
        avoid_previous_instance: pick(&own.avoid_previous_instance, &global.avoid_previous_instance)
            .unwrap_or(base.avoid_previous_instance),
    }
}

/// The caller's id for the subset: the given one, the platform's, else `host:application:port` without empty parts.
fn caller(env: &Environment, given: Option<&str>) -> String {
    let text = |key: &str| env.get(key).filter(|text| !text.is_empty());
    given.map(str::to_owned).or_else(|| text("vcap.application.instance_id")).unwrap_or_else(|| {
        let last = text("spring.application.instance_id").or_else(|| text("server.port"));
        let parts = [text("spring.cloud.client.hostname"), text("spring.application.name"), last];
        parts.into_iter().flatten().collect::<Vec<_>>().join(":")
    })
}

#[cfg(test)]
mod tests {
    use wellspring_properties::PropertySource;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], vec![])
    }

    #[test]
    fn a_service_is_laid_over_the_global_values_key_by_key() {
        let settings = LoadBalancerSettings::from_env(&env(&[
            ("spring.cloud.loadbalancer.retry.max-retries-on-next-service-instance", "3"),
            ("spring.cloud.loadbalancer.retry.retryable-status-codes", "503,502"),
            ("spring.cloud.loadbalancer.clients.orders.retry.max-retries-on-next-service-instance", "0"),
            ("spring.cloud.loadbalancer.clients.orders.configurations", "weighted"),
            ("spring.cloud.loadbalancer.hint.default", "cpu"),
            ("eureka.instance.metadata-map.zone", "z1"),
            ("wellspring.loadbalancer.clients.stock.picker", "random"),
        ]))
        .unwrap();
        let orders = settings.service("ORDERS").unwrap();
        assert_eq!(orders.retry.max_retries_on_next_service_instance, 0);
        assert_eq!(orders.retry.retryable_status_codes, [503, 502]);
        assert_eq!(orders.configuration, Configuration::Weighted);
        let stock = settings.service("stock").unwrap();
        assert_eq!(stock.retry.max_retries_on_next_service_instance, 3);
        assert_eq!((stock.picker.as_str(), stock.hint.as_deref()), ("random", Some("cpu")));
        assert_eq!(stock.zone.as_deref(), Some("z1"));
    }

    #[test]
    fn an_unknown_word_is_a_problem_that_names_the_known_ones() {
        let problem =
            LoadBalancerSettings::from_env(&env(&[("spring.cloud.loadbalancer.configurations", "zone")]));
        let problem = problem.unwrap_err();
        assert_eq!((problem.code, problem.found.as_deref()), (codes::LOAD_BALANCER, Some("zone")));
        assert!(problem.hint.unwrap().contains("zone-preference"));
        let slip = LoadBalancerSettings::from_env(&env(&[("wellspring.loadbalancer.pikcer", "random")]));
        assert!(slip.is_err());
    }
}
