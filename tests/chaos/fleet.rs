//! The whole platform on hosts of its own: two registries, config server, bus, two gateways, three services twice each.
//!
//! Two services are Rust programs, one is an unchanged Spring application. The broker and Redis stand outside, behind a proxy.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;
use wellspring_test_support::broker::{Rabbit, Redis};
use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::{FaultProxy, Repository, spring};

use crate::member::{Member, Program, Recipe};
use crate::network::Network;

/// A start under load, JVM included.
const PATIENCE: Duration = Duration::from_secs(240);

pub(crate) struct Fleet {
    pub(crate) members: Vec<Member>,
    pub(crate) rabbit: RefCell<Rabbit>,
    pub(crate) redis: RefCell<Redis>,
    pub(crate) to_rabbit: FaultProxy,
    to_redis: FaultProxy,
    repository: RefCell<Repository>,
    greetings: RefCell<usize>,
    network: Network,
    folder: TempDir,
}

/// What a member is part of, by its name.
pub(crate) const REGISTRIES: [&str; 2] = ["registry-1", "registry-2"];
pub(crate) const GATEWAYS: [&str; 2] = ["gateway-1", "gateway-2"];

const ROUTES: &str = "
spring.cloud.gateway.server.webflux:
  httpclient: { connect-timeout: 500, response-timeout: 2s }
  default-filters:
  - { name: Retry, args: { retries: 2, methods: GET } }
  routes:
  - id: orders
    uri: lb://orders
    predicates: [ Path=/orders/** ]
    filters:
    - name: RequestRateLimiter
      args: { key-resolver: '#{@remoteAddrKeyResolver}', redis-rate-limiter.replenishRate: 10000, redis-rate-limiter.burstCapacity: 20000 }
  - id: inventory
    uri: lb://inventory
    predicates: [ Path=/inventory/** ]
    filters: [ StripPrefix=1 ]
  - id: greeter
    uri: lb://greeter
    predicates: [ Path=/greeter/** ]
    filters: [ StripPrefix=1 ]
";

impl Fleet {
    /// Starts everything; `None` when a server of others is missing. Without a Spring application when `jvm` is false.
    pub(crate) async fn start(test: &str, jvm: bool) -> Option<Self> {
        let jar = if jvm { Some(spring::jar()) } else { None };
        let (rabbit, redis) = (Rabbit::start(test)?, Redis::start(test)?);
        let network = Network::new();
        let outside = network.address().into();
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let to_rabbit = FaultProxy::start_at(outside, local(rabbit.port()));
        let to_redis = FaultProxy::start_at(outside, local(redis.port()));
        let folder = tempfile::Builder::new().prefix("wellspring-chaos-").tempdir().unwrap();
        let repository = Repository::with(&[
            ("application.yml", "management.endpoint.health.show-details: always\n"),
            ("orders.yml", "orders.greeting: Hello 0\n"),
            ("inventory.yml", "inventory.warehouse: Delft\n"),
            ("greeter.yml", "greeting: Hello\n"),
        ])
        .unwrap();
        let mut fleet = Self {
            members: Vec::new(),
            rabbit: RefCell::new(rabbit),
            redis: RefCell::new(redis),
            to_rabbit,
            to_redis,
            repository: RefCell::new(repository),
            greetings: RefCell::new(0),
            network,
            folder,
        };
        fleet.recruit(jar.as_deref());
        // In the order in which they need each other.
        for rank in ["registry", "config", "bus", "orders", "inventory", "greeter", "gateway"] {
            let of_rank = |member: &&mut Member| member.name.starts_with(rank);
            fleet.members.iter_mut().filter(of_rank).for_each(Member::start);
            fleet.healthy(rank).await;
        }
        Some(fleet)
    }

    fn recruit(&mut self, jar: Option<&Path>) {
        use Program::Rust;
        let names = ["orders-1", "orders-2", "inventory-1", "inventory-2", "greeter-1", "greeter-2"];
        let parts = [
            ("registry-1", Rust("wellspring-registry")),
            ("registry-2", Rust("wellspring-registry")),
            ("config", Rust("wellspring-config-server")),
            ("bus", Rust("wellspring-bus")),
            ("gateway-1", Rust("wellspring-gateway")),
            ("gateway-2", Rust("wellspring-gateway")),
        ];
        for (name, program) in parts {
            self.add(name, program);
        }
        for name in names {
            let program = match (name.split('-').next(), jar) {
                (Some("orders"), _) => Rust("orders"),
                (Some("inventory"), _) => Rust("inventory"),
                (_, Some(jar)) => Program::Jar(jar.to_owned()),
                (_, None) => continue,
            };
            self.add(name, program);
        }
        // Everyone needs the addresses of the registries, which are known only now.
        let homes = REGISTRIES.map(|name| self.member(name).url("/eureka/"));
        let config = self.member("config").url("");
        let rabbit = self.to_rabbit.address();
        let redis = self.to_redis.address();
        let uri = self.repository.borrow().uri();
        for member in &mut self.members {
            let id = member.name;
            let mut set = |name: &str, value: &str| member.set(name, value);
            // Host names are those of the machine, the same everywhere.
            set("EUREKA_INSTANCE_INSTANCEID", id);
            // Spring reads the keys of a map from the environment in lower case, and knows no `defaultzone`.
            let homes = serde_json::json!({ "eureka.client.service-url.defaultZone": homes.join(",") });
            set("SPRING_APPLICATION_JSON", &homes.to_string());
            set("SPRING_CLOUD_CONFIG_URI", &config);
            set("SPRING_RABBITMQ_HOST", &rabbit.ip().to_string());
            set("SPRING_RABBITMQ_PORT", &rabbit.port().to_string());
            set("SPRING_DATA_REDIS_HOST", &redis.ip().to_string());
            set("SPRING_DATA_REDIS_PORT", &redis.port().to_string());
            set("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", &uri);
        }
    }

    fn add(&mut self, name: &'static str, program: Program) {
        let kind = name.split('-').next().unwrap_or(name);
        let yaml = match kind {
            "gateway" => ROUTES.to_owned(),
            "registry" => "wellspring.registry.state-directory: state\n".to_owned(),
            "bus" => "wellspring.bus.acks.file: acks.jsonl\n".to_owned(),
            "config" => "spring.cloud.config.server.git: { basedir: mirror, refresh-rate: 5 }\n".to_owned(),
            _ => String::new(),
        };
        let variables = [
            ("EUREKA_INSTANCE_PREFERIPADDRESS", "true"),
            ("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "5"),
            ("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "5"),
            ("SPRING_CLOUD_CONFIG_FAILFAST", "false"),
            ("MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE", "*"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let recipe = Recipe { name, program, variables, yaml };
        self.members.push(Member::new(recipe, &self.network, self.folder.path()));
    }

    pub(crate) fn member(&self, name: &str) -> &Member {
        self.members.iter().find(|member| member.name == name).unwrap()
    }

    pub(crate) fn member_mut(&mut self, name: &str) -> &mut Member {
        self.members.iter_mut().find(|member| member.name == name).unwrap()
    }

    pub(crate) fn gateways(&self) -> [SocketAddr; 2] {
        GATEWAYS.map(|name| self.member(name).address())
    }

    pub(crate) fn has_jvm(&self) -> bool {
        self.members.iter().any(Member::is_jvm)
    }

    /// A new commit with a new greeting for `orders`.
    pub(crate) fn commit(&self) {
        let mut number = self.greetings.borrow_mut();
        *number += 1;
        let text = format!("orders.greeting: Hello {number}\n");
        self.repository.borrow_mut().put("orders.yml", &text).unwrap();
    }

    /// What `orders` says since the newest commit.
    pub(crate) fn greeting(&self) -> String {
        format!("Hello {}", self.greetings.borrow())
    }

    async fn healthy(&self, rank: &str) {
        let deadline = Instant::now() + PATIENCE;
        for member in self.members.iter().filter(|member| member.name.starts_with(rank)) {
            while ask(member.address(), "/actuator/health").await.is_none_or(|(status, _)| status != 200) {
                assert!(Instant::now() < deadline, "{} is not healthy:\n{}", member.name, member.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// What is not as it should be, or `None` when all is well: everybody healthy, the registries agree and have all, both
    /// gateways answer every route several times in a row, and the newest commit is served.
    pub(crate) async fn complaint(&self) -> Option<String> {
        for member in &self.members {
            match ask(member.address(), "/actuator/health").await {
                Some((200, _)) => {}
                Some((status, body)) => return Some(format!("{}: health {status} {body}", member.name)),
                None => return Some(format!("{}: no health", member.name)),
            }
        }
        let expected: BTreeSet<String> =
            (self.members.iter()).map(|member| member.address().ip().to_string()).collect();
        for name in REGISTRIES {
            let Some((_, body)) = ask(self.member(name).address(), "/eureka/apps").await else {
                return Some(format!("{name}: no list"));
            };
            let known = up(&body);
            if known != expected {
                let missing: Vec<_> = expected.difference(&known).collect();
                return Some(format!("{name} misses {missing:?}"));
            }
        }
        let greeting = self.greeting();
        let config = self.member("config").address();
        let served = ask(config, "/orders/default").await.unwrap_or_default().1;
        if !served.contains(&greeting) {
            return Some(format!("config does not serve `{greeting}`: {served}"));
        }
        for gateway in self.gateways() {
            for path in crate::load::paths(self.has_jvm()).into_iter().cycle().take(12) {
                match ask(gateway, path).await {
                    Some((200, _)) => {}
                    answer => return Some(format!("{gateway}{path}: {answer:?}")),
                }
            }
        }
        None
    }
}

/// Addresses of the instances that are UP.
fn up(list: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).unwrap_or_default();
    let applications = list["applications"]["application"].as_array().cloned().unwrap_or_default();
    let instances = applications.iter().flat_map(|application| application["instance"].as_array().cloned());
    let up = instances.flatten().filter(|instance| instance["status"] == "UP");
    up.filter_map(|instance| Some(instance["ipAddr"].as_str()?.to_owned())).collect()
}

/// Status and body of one GET on a connection of its own, or `None` within two seconds.
pub(crate) async fn ask(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let answered = tokio::time::timeout(Duration::from_secs(2), async {
        let mut connection = Connection::to(address).await?;
        let request = Request::get(path, &[("Accept", "application/json")]);
        let status = connection.status(&request).await?;
        std::io::Result::Ok((status, String::from_utf8_lossy(connection.body()).into_owned()))
    });
    answered.await.ok()?.ok()
}
