//! What the embedded client adds to a service that does nothing: it knows a thousand instances and keeps its own lease.

use serde_json::json;
use wellspring_test_support::{Daemon, Launch, http1, long, poll};

use crate::{SOON, member, registered, registry};

const APPLICATIONS: usize = 50;
const INSTANCES: usize = 20;
/// KiB; the bare service is measured in the same run. The goal is 3 MiB; this is what must not become worse.
const MOST: u64 = 8 * 1024;
/// The same on machines of any kind: threads and what the allocator keeps for each of them count too.
const ANYWHERE: u64 = 24 * 1024;
/// The smallest of a few says what the program needs.
const STARTS: usize = 3;

/// As a Spring application registers, with a lease that outlives the test.
fn register(registry: &Daemon, application: usize, number: usize) {
    let name = format!("service-{application}");
    let (app, port) = (name.to_uppercase(), 10_000 + number);
    let host = format!("10.0.{application}.{number}");
    let instance = json!({"instance": {
        "instanceId": format!("{host}:{name}:{port}"), "hostName": host, "app": app, "ipAddr": host, "status": "UP",
        "overriddenstatus": "UNKNOWN", "port": {"$": port, "@enabled": "true"}, "securePort": {"$": 443, "@enabled": "false"},
        "countryId": 1,
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 9000},
        "metadata": {"management.port": port.to_string(), "zone": "zone-1"},
        "homePageUrl": format!("http://{host}:{port}/"), "statusPageUrl": format!("http://{host}:{port}/actuator/info"),
        "healthCheckUrl": format!("http://{host}:{port}/actuator/health"),
        "vipAddress": name, "secureVipAddress": name, "isCoordinatingDiscoveryServer": "false",
    }});
    let path = format!("/eureka/apps/{app}");
    let reply = http1::Request::new("POST", &path).json(&instance).send(registry.port()).unwrap();
    assert_eq!(reply.status, 204, "{}", reply.text());
}

fn shown(launch: Launch) -> Daemon {
    launch.arg("--management.endpoint.health.show-details=always").start()
}

fn settled(daemon: &Daemon) -> u64 {
    // What a start needed for a moment has been given back, or will not be.
    let mut last = 0;
    poll::until("memory is settled", SOON, || {
        let now = daemon.resident_kib().unwrap();
        std::mem::replace(&mut last, now) == now
    });
    last
}

#[test]
fn a_thousand_known_instances_cost_an_idle_service_little() {
    let registry = registry();
    for application in 0..APPLICATIONS {
        for number in 0..INSTANCES {
            register(&registry, application, number);
        }
    }
    let knows_all = |daemon: &Daemon| {
        let health = http1::get(daemon.port(), "/actuator/health").unwrap().json();
        let services =
            &health["components"]["discoveryComposite"]["components"]["discoveryClient"]["details"];
        services["services"].as_array().is_some_and(|names| names.len() > APPLICATIONS)
    };
    let (mut bare, mut client) = (u64::MAX, u64::MAX);
    for _ in 0..STARTS {
        let alone = shown(Launch::new("shop").arg("--eureka.client.enabled=false"));
        assert_eq!(http1::get(alone.port(), "/actuator/health").unwrap().status, 200);
        bare = bare.min(settled(&alone));
        let known = shown(member("shop", &registry));
        poll::until("it knows everybody, and itself", SOON, || {
            knows_all(&known) && registered(&registry, "shop") == 1
        });
        client = client.min(settled(&known));
    }
    println!("\nreport: embedded client with 1,000 known instances: {client} KiB resident, {bare} without");
    let most = if long::wanted() { MOST } else { ANYWHERE };
    assert!(client <= bare + most, "{client} KiB with the client, {bare} without");
}
