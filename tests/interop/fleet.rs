//! A mixed fleet: two Spring Boot services and two Rust services find and call each other by name, through one registry.
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

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, Repository, http1, poll, spring, tools};

const SOON: Duration = Duration::from_secs(120);

fn rust(program: &str, registry: &Daemon) -> Launch {
    Launch::new(program)
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
}

/// Its own greeting; everything else is as the application has it.
fn jvm(jar: &Path, name: &str, registry: &Daemon, config: &Daemon) -> Launch {
    spring::launch(jar)
        .arg(format!("--eureka.client.service-url.defaultZone={}", registry.url("/eureka/")))
        .arg(format!("--spring.application.name={name}"))
        .var("SPRING_CLOUD_CONFIG_URI", config.url(""))
        .arg(format!("--greeting=Hello from {name}"))
        .var("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "1")
        .var("SPRING_CLOUD_LOADBALANCER_CACHE_TTL", "1s")
}

fn json(daemon: &Daemon, path: &str) -> Value {
    http1::get(daemon.port(), path).unwrap().json()
}

/// `state` of the breaker that the page's service has around `greeter`.
fn is(bff: &Daemon, state: &str) -> bool {
    let path =
        format!("/actuator/metrics/resilience4j.circuitbreaker.state?tag=name:greeter&tag=state:{state}");
    let reply = http1::get(bff.port(), &path).unwrap();
    reply.status == 200 && reply.json()["measurements"][0]["value"] == json!(1.0)
}

fn make_ill(greeter: &Daemon, ill: bool) {
    let reply = http1::Request::new("PUT", &format!("/ill/{ill}")).send(greeter.port()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn spring_and_rust_services_call_each_other_and_a_breaker_guards_a_failing_one() {
    if !tools::present(
        "spring_and_rust_services_call_each_other_and_a_breaker_guards_a_failing_one",
        &["java"],
    ) {
        return;
    }
    let registry = Launch::new("wellspring-registry")
        .yaml("eureka.client: { register-with-eureka: false, fetch-registry: false }")
        .start();
    let repository = Repository::with(&[("application.yml", "shared: by all\n")]).unwrap();
    let config = Launch::new("wellspring-config-server")
        .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.uri())
        .start();
    let jar = spring::jar();
    // Both virtual machines start at the same time.
    let (greeter, welcomer) = std::thread::scope(|scope| {
        let second = scope.spawn(|| jvm(&jar, "welcomer", &registry, &config).start());
        (jvm(&jar, "greeter", &registry, &config).start(), second.join().unwrap())
    });
    let inventory = rust("inventory", &registry).start();
    let bff = rust("bff", &registry)
        .arg("--resilience4j.timelimiter.instances.greeter.timeout-duration=60s")
        .arg("--resilience4j.circuitbreaker.instances.greeter.sliding-window-size=10")
        .arg("--resilience4j.circuitbreaker.instances.greeter.minimum-number-of-calls=5")
        .arg("--resilience4j.circuitbreaker.instances.greeter.wait-duration-in-open-state=1s")
        .arg("--resilience4j.circuitbreaker.instances.greeter.permitted-number-of-calls-in-half-open-state=3")
        .start();

    // Rust calls both kinds.
    poll::until("the page is whole", SOON, || {
        let page = json(&bff, "/pages/Ada/tea");
        page["greeting"] == "Hello from greeter, Ada" && page["stock"]["sku"] == "tea"
    });
    // Spring calls both kinds, each service from another one.
    for (caller, callee, path, answer) in [
        (&greeter, "inventory", "/stock/tea", r#""sku":"tea""#),
        (&greeter, "bff", "/pages/Bob/tea", "Hello from greeter, Bob"),
        (&greeter, "welcomer", "/greeting/Cy", "Hello from welcomer, Cy"),
        (&welcomer, "greeter", "/greeting/Di", "Hello from greeter, Di"),
        (&welcomer, "bff", "/pages/Ed/tea", "Hello from greeter, Ed"),
    ] {
        let relay = format!("/relay/{callee}?path={path}");
        poll::until(&format!("{callee} answers {relay}"), SOON, || {
            http1::get(caller.port(), &relay)
                .is_ok_and(|reply| reply.status == 200 && reply.text().contains(answer))
        });
    }

    // A Spring service that fails: the page goes without it, and after a few calls it is not asked any more.
    // Calls before everybody was found may have opened it: calls that succeed close it.
    poll::until("the breaker is closed", SOON, || {
        json(&bff, "/pages/Ada/tea")["greeting"] == "Hello from greeter, Ada" && is(&bff, "closed")
    });
    make_ill(&greeter, true);
    poll::until("the breaker opens", SOON, || {
        assert_eq!(json(&bff, "/pages/Ada/tea")["greeting"], Value::Null);
        is(&bff, "open")
    });
    assert_eq!(json(&bff, "/pages/Ada/tea")["stock"]["sku"], "tea", "the rest of the page stands");
    // Healed: trial calls close it.
    make_ill(&greeter, false);
    poll::until("the breaker closes", SOON, || {
        let greeting = &json(&bff, "/pages/Ada/tea")["greeting"];
        *greeting == "Hello from greeter, Ada" && is(&bff, "closed")
    });
    drop((welcomer, inventory));
}
