//! Instances behind `lb://`, through a real registry: leaving in good order costs nothing, a sudden death next to nothing.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wellspring_test_support::http1::Request;
use wellspring_test_support::{Daemon, Launch, long, poll};

use crate::caller::{Caller, Load};
use crate::upstream::{Manners, Upstream, UpstreamProcess};

const SOON: Duration = Duration::from_secs(120);

struct Platform {
    registry: Daemon,
    gateway: Daemon,
}

impl Platform {
    fn start(instances: &[u16]) -> Self {
        Self::with(instances, "")
    }

    fn with(instances: &[u16], more: &str) -> Self {
        let registry = Launch::new("wellspring-registry").start();
        for port in instances {
            register(&registry, *port);
        }
        let yaml = format!(
            "eureka.client:\n  service-url.defaultZone: {}\n  registry-fetch-interval-seconds: 1\n  register-with-eureka: false\n{more}spring.cloud.gateway.routes:\n- id: orders\n  uri: lb://orders\n  predicates: [Path=/**]\n",
            registry.url("/eureka/")
        );
        let gateway = Launch::new("wellspring-gateway").yaml(&yaml).start();
        poll::until("the gateway knows the instances", SOON, || {
            Request::new("GET", "/x").send(gateway.port()).is_ok_and(|reply| reply.status == 200)
        });
        Self { registry, gateway }
    }
}

fn id(port: u16) -> String {
    format!("127.0.0.1:orders:{port}")
}

fn register(registry: &Daemon, port: u16) {
    let instance = json!({"instance": {"instanceId": id(port), "hostName": "127.0.0.1", "app": "ORDERS",
        "ipAddr": "127.0.0.1", "status": "UP", "vipAddress": "orders", "port": {"$": port, "@enabled": "true"},
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"}}});
    let reply = Request::new("POST", "/eureka/apps/ORDERS").json(&instance).send(registry.port()).unwrap();
    assert_eq!(reply.status, 204);
}

fn deregister(registry: &Daemon, port: u16) {
    let path = format!("/eureka/apps/ORDERS/{}", id(port));
    assert_eq!(Request::new("DELETE", &path).send(registry.port()).unwrap().status, 200);
}

/// None of many requests in a row came here: whoever knew the instance has heard that it left.
fn until_quiet(upstream: &Upstream, load: &Load) {
    let mut last = (upstream.requests(), load.sent(), Duration::ZERO);
    poll::until("requests cease", SOON, || {
        let (here, sent) = (upstream.requests(), load.sent());
        if here != last.0 {
            last = (here, sent, Duration::ZERO);
        }
        last.2 += Duration::from_millis(25);
        sent > last.1 + 300 && last.2 >= Duration::from_millis(750)
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_a_rolling_restart_fails_no_request() {
    let mut instances: Vec<Upstream> = (0..3).map(|_| Upstream::start(Manners::default())).collect();
    let platform = Platform::start(&instances.iter().map(|one| one.port).collect::<Vec<_>>());
    let load = Load::start(platform.gateway.port(), 8, "/orders", 4 << 10);
    for _ in 0..3 {
        let old = instances.remove(0);
        let port = old.port;
        deregister(&platform.registry, port);
        until_quiet(&old, &load);
        old.drain();
        drop(old);
        // On another port: a POST on a kept connection to the one before, which nobody has noticed to be dead yet, cannot be repeated.
        instances.push(Upstream::start(Manners::default()));
        let new = instances.last().unwrap();
        register(&platform.registry, new.port);
        poll::until("the new instance works", SOON, || new.requests() > 0);
    }
    let tally = load.finish().await;
    assert_eq!(tally.failed, [], "of {} requests; {}", tally.sent, platform.gateway.log());
    println!("three instances restarted under {} requests: nothing failed", tally.sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_a_killed_instance_costs_only_what_was_sent_and_is_not_safe_to_repeat() {
    let (rounds, mut failed, mut sent) = (long::cases(1, 10), Vec::new(), 0);
    for _ in 0..rounds {
        let mut instances: Vec<UpstreamProcess> = (0..3).map(|_| UpstreamProcess::start()).collect();
        let ports: Vec<u16> = instances.iter().map(|instance| instance.port).collect();
        let platform = Platform::start(&ports);
        let load = Load::start(platform.gateway.port(), 8, "/orders", 4 << 10);
        let flows = |count: usize| {
            let before = load.sent();
            poll::until("there is load", SOON, || load.sent() > before + count);
        };
        flows(200);
        instances[0].kill();
        // It is everybody's turn many times over: the gateway has met the dead one.
        flows(500);
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Whoever listens there now is a stranger: the registry still has the instance, the gateway must know better.
        let stranger = Upstream::on(instances[0].port, Manners::default());
        flows(500);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stranger.requests(), 0, "requests went there a second after the death");
        let tally = load.finish().await;
        let gets = tally.failed.iter().filter(|(method, _)| *method == "GET").count();
        // At most one request per connection was on its way; there are eight callers.
        assert!(gets == 0 && tally.failed.len() <= 8, "{:?} of {}", tally.failed, tally.sent);
        sent += tally.sent;
        failed.extend(tally.failed);
    }
    println!("{rounds} times one of three processes killed under {sent} requests: failed {failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_joins_gets_its_share_slowly() {
    let old: Vec<Upstream> = (0..2).map(|_| Upstream::start(Manners::default())).collect();
    let platform = Platform::with(
        &old.iter().map(|one| one.port).collect::<Vec<_>>(),
        "wellspring.loadbalancer.slow-start: 6s\n",
    );
    let new = Upstream::start(Manners::default());
    let mut caller = Caller::new(platform.gateway.port());
    let mut ask = async |count: usize| {
        let before = new.requests();
        for _ in 0..count {
            assert_eq!(caller.call("GET", "/x", b"").await.unwrap().0, 200);
        }
        new.requests() - before
    };
    assert_eq!(ask(30).await, 0);
    let joined = Instant::now();
    register(&platform.registry, new.port);
    // A tenth of its share at first: it comes into play, and not with a third of all.
    let deadline = Instant::now() + SOON;
    while ask(1).await == 0 {
        assert!(Instant::now() < deadline, "it never got a request");
    }
    let first = ask(150).await as f64;
    // What it may have had at most by now, and some more for chance: a slow machine takes its time for these 150.
    let weight = (joined.elapsed().as_secs_f64() / 6.0).clamp(0.1, 1.0);
    let most = 150.0 * weight / (2.0 + weight) + 15.0;
    assert!(first < most, "{first} of 150 at once, {weight} of its weight");
    let deadline = Instant::now() + SOON;
    while ask(150).await < 42 {
        assert!(Instant::now() < deadline, "it never got its share");
    }
}
