//! The four daemons and two services of ours, each a process that registers itself; the registry does too.

use serde_json::Value;
use wellspring_test_support::{Daemon, Launch, Repository, http1, port};

/// All of it, by the names in the registry.
pub(crate) struct Platform {
    pub(crate) registry: Daemon,
    pub(crate) config: Daemon,
    pub(crate) gateway: Daemon,
    pub(crate) bus: Daemon,
    pub(crate) orders: Daemon,
    pub(crate) inventory: Daemon,
    _repository: Repository,
}

impl Platform {
    /// `more` is said to each of them.
    pub(crate) fn start(more: &[(&str, &str)]) -> Self {
        let repository = Repository::with(&[("application.yml", "shared: by all\n")]).unwrap();
        let own = port::free();
        let at = format!("http://127.0.0.1:{own}/eureka/");
        let member = |program: &str| {
            let launch = Launch::new(program)
                .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", &at)
                .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
                .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
                .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
                .var("MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE", "*")
                .var("MANAGEMENT_ENDPOINT_HEALTH_SHOWDETAILS", "always")
                .var("MANAGEMENT_INFO_PROCESS_ENABLED", "true");
            more.iter().fold(launch, |launch, (key, value)| launch.arg(format!("--{key}={value}")))
        };
        let registry = member("wellspring-registry")
            .port(own)
            .arg("--eureka.server.use-read-only-response-cache=false")
            .start();
        let config = member("wellspring-config-server")
            .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.uri())
            .start();
        let gateway = member("wellspring-gateway")
            .yaml(
                "
                spring.cloud.gateway.server.webflux.routes:
                  - id: orders
                    uri: lb://orders
                    predicates: [ 'Path=/orders/**' ]
                    filters: [ { name: CircuitBreaker, args: { name: orders } } ]
                ",
            )
            .start();
        let bus = member("wellspring-bus").start();
        let breaker = "--resilience4j.circuitbreaker.instances.inventory.sliding-window-size=20";
        let orders = member("orders")
            .var("SPRING_CLOUD_CONFIG_URI", config.url(""))
            .arg(breaker)
            .arg("--resilience4j.retry.instances.inventory.max-attempts=2")
            .arg("--resilience4j.ratelimiter.instances.inventory.limit-for-period=1000000")
            .arg("--resilience4j.timelimiter.instances.inventory.timeout-duration=2s")
            .arg("--resilience4j.bulkhead.instances.inventory.max-concurrent-calls=20")
            .start();
        let inventory = member("inventory").var("SPRING_CLOUD_CONFIG_URI", config.url("")).start();
        Self { registry, config, gateway, bus, orders, inventory, _repository: repository }
    }

    /// With the names they have in the registry.
    pub(crate) fn members(&self) -> [(&'static str, &Daemon); 6] {
        [
            ("REGISTRY", &self.registry),
            ("CONFIGSERVER", &self.config),
            ("GATEWAY", &self.gateway),
            ("BUS", &self.bus),
            ("ORDERS", &self.orders),
            ("INVENTORY", &self.inventory),
        ]
    }

    /// An order through the gateway; `None` while somebody on the way is not known yet.
    pub(crate) fn order(&self, id: u32) -> Option<Value> {
        let reply = http1::get(self.gateway.port(), &format!("/orders/{id}")).unwrap();
        (reply.status == 200).then(|| reply.json())
    }
}
