//! An unchanged Spring Boot application (`spring-app/`) lives on the platform: it is configured, found, called, calls, and leaves.
//!
//! Needs a JDK and Maven; without them it says so and is left out (in CI it fails). The jar is built once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, Repository, http1, poll, port, spring, tools};

/// Shorter than a lease, so that who is gone has said so.
const SOON: Duration = Duration::from_secs(80);

/// Registry, config server, gateway and a Rust service, each a process.
struct Platform {
    registry: Daemon,
    config: Daemon,
    gateway: Daemon,
    inventory: Daemon,
    repository: Repository,
}

impl Platform {
    fn start() -> Self {
        let repository = Repository::with(&[
            ("application.yml", "shared: by all\n"),
            ("greeter.yml", "greeting: Hello\n"),
            ("greeter-loud.yml", "greeting: HELLO\n"),
            ("inventory.yml", "inventory.warehouse: Delft\n"),
        ])
        .unwrap();
        let registry = Launch::new("wellspring-registry")
            .yaml(
                "
                eureka:
                  client: { register-with-eureka: false, fetch-registry: false }
                  server: { use-read-only-response-cache: false }
                ",
            )
            .start();
        let config = member("wellspring-config-server", "configserver", &registry)
            .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.uri())
            .start();
        let inventory = member("inventory", "inventory", &registry)
            .var("SPRING_CLOUD_CONFIG_URI", config.url(""))
            .start();
        let gateway = member("wellspring-gateway", "gateway", &registry)
            .yaml(
                "
                spring.cloud.gateway.server.webflux.routes:
                  - id: greeter
                    uri: lb://greeter
                    predicates: [ 'Path=/greeter/**' ]
                    filters: [ StripPrefix=1 ]
                ",
            )
            .start();
        Self { registry, config, gateway, inventory, repository }
    }

    /// The Spring application; only addresses and short intervals are set.
    fn greeter(&self) -> Launch {
        // Spring takes a map's key from a variable in small letters, and would look for `defaultzone`: hence an argument.
        spring::launch(&spring::jar())
            .arg(format!("--eureka.client.service-url.defaultZone={}", self.registry.url("/eureka/")))
            .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
            .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
            .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
            .var("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "1")
            .var("SPRING_CLOUD_LOADBALANCER_CACHE_TTL", "1s")
    }

    /// The application's entry in the registry.
    fn entry(&self) -> Option<Value> {
        let found = get(&self.registry, "/eureka/apps/GREETER").status == 200;
        found.then(|| json_of(&self.registry, "/eureka/apps/GREETER")["application"]["instance"][0].clone())
    }

    fn is_up(&self) -> bool {
        self.entry().is_some_and(|instance| instance["status"] == "UP")
    }
}

/// A Rust process that registers under a name and looks at the registry every second.
fn member(program: &str, name: &str, registry: &Daemon) -> Launch {
    Launch::new(program)
        .var("SPRING_APPLICATION_NAME", name)
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "1")
        .var("SPRING_CLOUD_LOADBALANCER_CACHE_TTL", "1s")
}

#[track_caller]
fn get(daemon: &Daemon, path: &str) -> http1::Reply {
    http1::get(daemon.port(), path).unwrap()
}

/// The registry answers in XML unless asked otherwise.
fn json_of(registry: &Daemon, path: &str) -> Value {
    http1::Request::new("GET", path)
        .header("Accept", "application/json")
        .send(registry.port())
        .unwrap()
        .json()
}

#[test]
fn a_spring_application_lives_on_the_platform() {
    if !tools::present("a_spring_application_lives_on_the_platform", &["java"]) {
        return;
    }
    let mut platform = Platform::start();
    let mut greeter = platform.greeter().var("SPRING_CLOUD_CONFIG_URI", platform.config.url("")).start();

    // Configured by the config server, found by URL.
    assert_eq!(get(&greeter, "/greeting/Ada").json()["text"], "Hello, Ada");

    // In the registry, as any Eureka client sees it.
    poll::until("the application is UP", SOON, || platform.is_up());
    let instance = platform.entry().unwrap();
    assert_eq!(instance["app"], "GREETER");
    assert_eq!(instance["ipAddr"], "127.0.0.1");
    assert_eq!(instance["port"], json!({"$": greeter.port(), "@enabled": "true"}));
    assert_eq!(instance["metadata"]["management.port"], greeter.port().to_string());
    // Lists are cached, and a heartbeat does not change them; one instance is always read fresh.
    let own = format!("/eureka/instances/{}", instance["instanceId"].as_str().unwrap());
    let renewed =
        || json_of(&platform.registry, &own)["instance"]["leaseInfo"]["lastRenewalTimestamp"].as_i64();
    let first = renewed();
    poll::until("heartbeats arrive", SOON, || renewed() > first);

    // Called through the gateway by name.
    poll::until("the gateway finds it", SOON, || {
        get(&platform.gateway, "/greeter/greeting/Bob").status == 200
    });
    assert_eq!(get(&platform.gateway, "/greeter/greeting/Bob").json()["text"], "Hello, Bob");

    // Calls a Rust service by name.
    poll::until("it finds the Rust service", SOON, || {
        get(&greeter, "/peers/inventory").json().as_array().is_some_and(|peers| peers.len() == 1)
    });
    assert_eq!(get(&greeter, "/peers/inventory").json()[0]["uri"], platform.inventory.url(""));
    // The list that calls are made by is another one, a second old at most.
    let relay = || get(&greeter, "/relay/inventory?path=/stock/tea");
    poll::until("calls find it too", SOON, || relay().status == 200);
    let relayed = relay();
    assert_eq!((&relayed.json()["sku"], &relayed.json()["warehouse"]), (&json!("tea"), &json!("Delft")));

    // A commit reaches it by a refresh.
    platform.repository.put("greeter.yml", "greeting: Good day\n").unwrap();
    let refreshed = http1::Request::new("POST", "/actuator/refresh").send(greeter.port()).unwrap();
    let keys = refreshed.json();
    assert!(keys.as_array().is_some_and(|keys| keys.contains(&json!("greeting"))), "{keys}");
    assert_eq!(get(&greeter, "/greeting/Eve").json()["text"], "Good day, Eve");
    // A refresh makes Spring's client leave the registry and join again.
    poll::until("the gateway finds it again", SOON, || {
        let reply = get(&platform.gateway, "/greeter/greeting/Eve");
        reply.status == 200 && reply.json()["text"] == "Good day, Eve"
    });

    // Leaves when it stops, and the gateway notices.
    greeter.stop(SOON);
    poll::until("it has left the registry", SOON, || platform.entry().is_none());
    poll::until("the gateway has no instance", SOON, || {
        get(&platform.gateway, "/greeter/greeting/Bob").status == 503
    });
    assert!(platform.config.is_running() && platform.gateway.is_running() && platform.registry.is_running());
}

#[test]
fn a_spring_application_waits_for_its_configuration_and_decrypts_it() {
    if !tools::present("a_spring_application_waits_for_its_configuration_and_decrypts_it", &["java"]) {
        return;
    }
    // Nobody is there: what fails fast ends, and says why.
    let gone = port::free();
    let ended = alone(gone).var("SPRING_CLOUD_CONFIG_RETRY_MAXATTEMPTS", "1").try_start().unwrap_err();
    assert_eq!(ended.status.map(|status| status.success()), Some(false), "{ended}");
    assert!(ended.log.contains("Could not locate PropertySource"), "{ended}");

    // Two branches, three files, a value that the server decrypts, and one that it leaves to the client.
    let key = "a key that both know";
    let mut repository = Repository::with(&[("application.yml", "greeting: wrong\n")]).unwrap();
    let open = config_server(&repository, key).start();
    let encrypted = |text: &str| {
        let request = http1::Request::new("POST", "/encrypt")
            .header("Content-Type", "text/plain")
            .header("Authorization", LOGIN)
            .body(text);
        format!("greeting: '{{cipher}}{}'\n", request.send(open.port()).unwrap().text())
    };
    repository.branch("release/1").unwrap();
    repository.write("greeter.yml", "greeting: plain\n").unwrap();
    repository.write("greeter-loud.yml", "greeting: LOUD\n").unwrap();
    repository.put("greeter-dutch.yml", &encrypted("Goedendag")).unwrap();

    // It asks again until there is somebody.
    let port = port::free();
    let early = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut greeter = alone(port)
        .var("SPRING_CLOUD_CONFIG_RETRY_INITIALINTERVAL", "300")
        .var("SPRING_CLOUD_CONFIG_RETRY_MAXATTEMPTS", "200")
        .var("SPRING_CLOUD_CONFIG_USERNAME", "ada")
        .var("SPRING_CLOUD_CONFIG_PASSWORD", "lovelace")
        .var("SPRING_CLOUD_CONFIG_LABEL", "release/1")
        .var("SPRING_PROFILES_ACTIVE", "loud,dutch")
        .var("ENCRYPT_KEY", key)
        .spawn();
    for _ in 0..2 {
        drop(early.accept().unwrap());
    }
    drop(early);
    let server = config_server(&repository, key).port(port).start();
    poll::until("the application is up", Duration::from_secs(300), || {
        assert!(greeter.is_running(), "{}", greeter.log());
        http1::get(greeter.port(), "/actuator/health").is_ok_and(|reply| reply.status == 200)
    });
    assert_eq!(get(&greeter, "/greeting/Ada").json()["text"], "Goedendag, Ada");
    let refused = http1::get(port, "/greeter/dutch").unwrap();
    assert_eq!(refused.status, 401, "the server wants a password");

    // A server that leaves ciphers as they are: the client has the key.
    repository.put("greeter-dutch.yml", &encrypted("Hallo")).unwrap();
    drop(server);
    let server = config_server(&repository, key)
        .var("SPRING_CLOUD_CONFIG_SERVER_ENCRYPT_ENABLED", "false")
        .port(port)
        .start();
    let served = http1::Request::new("GET", "/greeter/dutch/release(_)1").header("Authorization", LOGIN);
    assert!(served.send(server.port()).unwrap().text().contains("{cipher}"));
    let refreshed = http1::Request::new("POST", "/actuator/refresh").send(greeter.port()).unwrap().json();
    assert!(refreshed.as_array().is_some_and(|keys| keys.contains(&json!("greeting"))), "{refreshed}");
    assert_eq!(get(&greeter, "/greeting/Ada").json()["text"], "Hallo, Ada");
    greeter.stop(SOON);
}

/// User `ada`, password `lovelace`.
const LOGIN: &str = "Basic YWRhOmxvdmVsYWNl";

/// The Spring application without a registry, which fails fast.
fn alone(config_port: u16) -> Launch {
    spring::launch(&spring::jar())
        .var("SPRING_CLOUD_CONFIG_URI", format!("http://127.0.0.1:{config_port}"))
        .var("SPRING_CLOUD_CONFIG_FAILFAST", "true")
        .var("EUREKA_CLIENT_ENABLED", "false")
}

fn config_server(repository: &Repository, key: &str) -> Launch {
    Launch::new("wellspring-config-server")
        .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.uri())
        .var("SPRING_SECURITY_USER_NAME", "ada")
        .var("SPRING_SECURITY_USER_PASSWORD", "lovelace")
        .var("ENCRYPT_KEY", key)
}

#[test]
fn a_spring_application_finds_the_config_server_by_discovery() {
    if !tools::present("a_spring_application_finds_the_config_server_by_discovery", &["java"]) {
        return;
    }
    let platform = Platform::start();
    let path = "/eureka/apps/CONFIGSERVER";
    poll::until("the config server is registered", SOON, || get(&platform.registry, path).status == 200);
    let greeter = platform
        .greeter()
        .var("SPRING_CLOUD_CONFIG_DISCOVERY_ENABLED", "true")
        .var("SPRING_PROFILES_ACTIVE", "loud")
        .start();
    assert_eq!(get(&greeter, "/greeting/Ada").json()["text"], "HELLO, Ada");
    poll::until("the application is UP", SOON, || platform.is_up());
}
