//! A cluster of original Eureka servers is exchanged node by node, and no client notices; then an original joins ours.
//!
//! Needs a JDK and Maven; without them it says so and is left out (in CI it fails). Intervals are seconds instead of minutes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::eureka::{self, Herd, Member};
use wellspring_test_support::{Daemon, Launch, http1, poll, port, tools};

const INSTANCES: usize = 200;
const SOON: Duration = Duration::from_secs(180);
const GRACE: Duration = Duration::from_secs(60);
/// Seconds between renewals and of a lease, as in [`eureka::BRISK`].
const LEASE: [u32; 2] = [3, 10];

fn call(port: u16, method: &str, path: &str) -> http1::Reply {
    let request = http1::Request::new(method, path).header("Accept", "application/json");
    let request = if method == "GET" { request } else { request.header("Content-Length", "0") };
    request.send(port).unwrap()
}

/// Everything that a registry lists, by instance id.
fn listed(port: u16) -> BTreeMap<String, Value> {
    let reply = http1::Request::new("GET", "/eureka/apps/").header("Accept", "application/json").send(port);
    let Ok(reply) = reply else { return BTreeMap::new() };
    if reply.status != 200 {
        return BTreeMap::new();
    }
    let list = reply.json();
    let apps = list["applications"]["application"].as_array().cloned().unwrap_or_default();
    let instances = apps.iter().flat_map(|app| app["instance"].as_array().cloned().unwrap_or_default());
    instances.map(|instance| (instance["instanceId"].as_str().unwrap().to_owned(), instance)).collect()
}

/// What must be equal in every registry.
fn essence(instance: &Value) -> Value {
    let fields =
        ["app", "status", "overriddenStatus", "metadata", "lastDirtyTimestamp", "port", "vipAddress"];
    fields.iter().map(|field| instance[field].clone()).collect()
}

/// One instance as a registry answers it, without any cache; null when it is not there.
fn entry(port: u16, member: &Member) -> Value {
    let reply = call(port, "GET", &member.path());
    if reply.status == 200 { reply.json()["instance"].take() } else { Value::Null }
}

#[track_caller]
fn until(what: &str, done: impl FnMut() -> bool) {
    poll::until(what, SOON, done);
}

/// The servers and the application that polls them.
struct Cluster {
    /// Those of the two originals, then ours.
    ports: [u16; 3],
    originals: [Daemon; 2],
    poller: Daemon,
    members: Vec<Member>,
}

impl Cluster {
    /// Two originals that know each other and the place of a third, and the application.
    fn start() -> Self {
        let ports = [port::free(), port::free(), port::free()];
        let [first, second, third] = std::thread::scope(|scope| {
            let launches = [
                eureka::original(ports[0], &ports),
                eureka::original(ports[1], &ports),
                eureka::poller(&ports),
            ];
            launches.map(|launch| scope.spawn(|| launch.start())).map(|thread| thread.join().unwrap())
        });
        let members = (0..INSTANCES)
            .map(|number| {
                let app = format!("SERVICE{}", number % 20);
                let id = format!("host{number}:service{}:8080", number % 20);
                // Every client has all three in its list, and begins with one that is there.
                let homes = if number % 2 == 0 { ports } else { [ports[1], ports[2], ports[0]] };
                Member {
                    metadata: json!({"management.port": "8080", "build": number.to_string()}),
                    lease: LEASE,
                    ..Member::new(&app, &id, &homes)
                }
            })
            .collect();
        Self { ports, originals: [first, second], poller: third, members }
    }

    fn register_all(&self) -> Herd {
        for member in &self.members {
            assert_eq!(member.register_at(member.homes[0]).unwrap(), 204, "{}", member.id);
        }
        Herd::keep(&self.members, Duration::from_secs(LEASE[0].into()))
    }

    /// What operators set: two overrides, at either node, and metadata.
    fn set_overrides(&self) {
        let [out, down, blue] = self.chosen();
        let [first, second, _] = self.ports;
        let status = |port: u16, member: &Member, value: &str| {
            // An instance is known at the other node only when it was replicated.
            until("both know it", || entry(port, member) != Value::Null);
            let path = format!("{}/status?value={value}", member.path());
            assert_eq!(call(port, "PUT", &path).status, 200);
        };
        status(first, out, "OUT_OF_SERVICE");
        status(second, down, "DOWN");
        until("both know it", || entry(first, blue) != Value::Null);
        assert_eq!(call(first, "PUT", &format!("{}/metadata?colour=blue", blue.path())).status, 200);
    }

    /// The members that are out of service, down, and blue.
    fn chosen(&self) -> [&Member; 3] {
        [&self.members[0], &self.members[1], &self.members[2]]
    }

    /// What the application sees of the chosen ones.
    fn overrides_hold(&self) -> bool {
        let seen = self.get("/instances");
        let [out, down, blue] = self.chosen().map(|member| &seen[member.id.as_str()]);
        out["status"] == "OUT_OF_SERVICE"
            && out["overridden"] == "OUT_OF_SERVICE"
            && down["status"] == "DOWN"
            && down["overridden"] == "DOWN"
            && blue["metadata"]["colour"] == "blue"
            && blue["metadata"]["build"] == "2"
    }

    fn get(&self, path: &str) -> Value {
        http1::get(self.poller.port(), path).unwrap().json()
    }

    fn post(&self, path: &str) {
        let reply = call(self.poller.port(), "POST", path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }

    /// The application looks another `polls` times, 200 ms apart, and misses nothing.
    #[track_caller]
    fn looks_on(&self, polls: u64, phase: &str) {
        let begun = self.get("/seen")["polls"].as_u64().unwrap();
        until("the application polls", || self.get("/seen")["polls"].as_u64().unwrap() >= begun + polls);
        let seen = self.get("/seen");
        assert_eq!(seen["lost"], json!([]), "{phase}: {seen}");
        assert!(self.overrides_hold(), "{phase}: {}", self.get("/instances"));
        println!("{phase}: {seen}");
    }
}

#[test]
fn a_cluster_is_exchanged_node_by_node_and_an_original_joins_again() {
    let name = "a_cluster_is_exchanged_node_by_node_and_an_original_joins_again";
    if !tools::present(name, &["java"]) {
        return;
    }
    let mut cluster = Cluster::start();
    let [first, second, third] = cluster.ports;
    let herd = cluster.register_all();
    cluster.set_overrides();
    until("the application sees all", || {
        cluster.get("/seen")["now"].as_u64().unwrap() >= INSTANCES as u64 + 3 && cluster.overrides_hold()
    });
    cluster.post("/watch");
    for node in [first, second] {
        // They leave on purpose.
        cluster.post(&format!("/unwatch/node-{node}"));
    }

    let mut ours = eureka::ours(third, &cluster.ports).start();
    until("the newcomer knows what the others know", || {
        let (theirs, own) = (listed(first), listed(third));
        theirs.len() >= INSTANCES
            && theirs.iter().all(|(id, it)| own.get(id).map(essence) == Some(essence(it)))
    });
    cluster.looks_on(15, "three nodes");

    cluster.originals[0].stop(GRACE);
    cluster.looks_on(25, "one original left");
    cluster.originals[1].stop(GRACE);
    cluster.looks_on(25, "no original left");
    let alone = cluster.get("/seen")["polls"].as_u64().unwrap();
    assert!(listed(third).len() > INSTANCES && ours.is_running());

    let fresh = Member::new("FRESH", "fresh:1", &[third]);
    assert_eq!(fresh.register_at(third).unwrap(), 204);
    until("a fresh registration is seen", || cluster.get("/services/fresh") == json!(["fresh:1"]));

    joins_again(&mut cluster, &ours);
    // Longer than a renewed lease lasts: who did not renew at ours would be gone.
    until("22 s have passed", || cluster.get("/seen")["polls"].as_u64().unwrap() > alone + 110);
    cluster.looks_on(1, "an original is back");

    let report = herd.home();
    println!("{} heartbeats, {} moved to another server", report.renewed, report.moved);
    assert_eq!((report.failed, report.registered_again), (Vec::new(), Vec::new()));
}

/// An original starts as a peer of ours, and both tell each other everything.
fn joins_again(cluster: &mut Cluster, ours: &Daemon) {
    let [original, _, third] = cluster.ports;
    let far = far(original);
    cluster.originals[0] = eureka::original(original, &cluster.ports)
        .arg(format!("--eureka.server.remote-region-urls-with-name.far={}", eureka::urls(&[far.port()])))
        .arg("--eureka.server.remote-region-registry-fetch-interval=1")
        .start();
    until("the original has copied everything", || {
        let (theirs, own) = (listed(original), listed(third));
        own.len() > INSTANCES && own.iter().all(|(id, it)| theirs.get(id).map(essence) == Some(essence(it)))
    });
    assert!(ours.log().contains("peer added"), "{}", ours.log());
    for (from, to, name) in [(original, third, "THERE"), (third, original, "HERE")] {
        replicates(from, to, name);
        heals(from, to, &format!("{name}2"));
    }
    shows_each_other(original, far.port());
}

/// One of ours that stands alone and has the registry at `near` as its remote region, which is not there yet.
fn far(near: u16) -> Daemon {
    Launch::new("wellspring-registry")
        .arg("--eureka.client.register-with-eureka=false")
        .arg("--eureka.client.fetch-registry=false")
        .arg(format!("--eureka.server.remote-region-urls-with-name.near={}", eureka::urls(&[near])))
        .arg("--eureka.server.remote-region-registry-fetch-interval=1")
        .start()
}

/// An original and one of ours, each the remote region of the other: both list everybody, and nobody who is gone.
fn shows_each_other(original: u16, far: u16) {
    let here = Member::new("REGIONAL", "of-original:1", &[original]);
    let there = Member::new("REGIONAL", "of-ours:1", &[far]);
    assert_eq!(here.register_at(original).unwrap(), 204);
    assert_eq!(there.register_at(far).unwrap(), 204);
    let stirring = Member::new("STIRRING", "stirring:1", &[original]);
    // The original makes its lists anew when something of its own changes, not for a remote region.
    let eventually = |what: &str, holds: &dyn Fn() -> bool| {
        until(what, || stirring.register_at(original).is_ok_and(|status| status == 204) && holds());
    };
    let shows = |port: u16, path: &str, id: &str| {
        let reply = call(port, "GET", path);
        reply.status == 200 && reply.text().contains(&format!("\"{id}\""))
    };
    for (port, region, missing) in [(far, "near", &here), (original, "far", &there)] {
        let id = missing.id.as_str();
        eventually(&format!("{id} is listed in the other region"), &|| listed(port).contains_key(id));
        eventually("it is found by its id", &|| shows(port, &format!("/eureka/instances/{id}"), id));
        eventually("the region is asked for", &|| {
            shows(port, &format!("/eureka/apps/?regions={region}"), id)
        });
        assert!(!shows(port, "/eureka/apps/?regions=nowhere", id), "{id} at {port}");
        let twice = listed_twice(port);
        assert!(twice.is_empty(), "listed twice at {port}: {twice:?}");
    }
    // An override and a cancellation on either side are seen on the other.
    let set = format!("{}/status?value=OUT_OF_SERVICE", here.path());
    assert_eq!(call(original, "PUT", &set).status, 200);
    eventually("the override in the other region", &|| {
        listed(far).get(&here.id).is_some_and(|it| it["status"] == "OUT_OF_SERVICE")
    });
    for (port, other, gone) in [(original, far, &here), (far, original, &there)] {
        assert_eq!(call(port, "DELETE", &gone.path()).status, 200);
        eventually("gone in both regions", &|| {
            [port, other].iter().all(|port| !listed(*port).contains_key(&gone.id))
        });
    }
}

/// Ids that stand in a list more than once.
fn listed_twice(port: u16) -> Vec<String> {
    let list = call(port, "GET", "/eureka/apps/").json();
    let apps = list["applications"]["application"].as_array().cloned().unwrap_or_default();
    let instances = apps.iter().flat_map(|app| app["instance"].as_array().cloned().unwrap_or_default());
    let mut ids: Vec<String> =
        instances.map(|instance| instance["instanceId"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    let repeated = ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone());
    repeated.collect()
}

/// Every kind of change made at one node reaches the other.
fn replicates(from: u16, to: u16, app: &str) {
    let mut member = Member::new(app, &format!("{app}:1"), &[from]);
    let field = |name: &str| entry(to, &Member::new(app, &format!("{app}:1"), &[]))[name].clone();
    let change = |method: &str, rest: &str| {
        let path = format!("/eureka/apps/{app}/{app}:1{rest}");
        assert_eq!(call(from, method, &path).status, 200, "{method} {path}");
    };
    assert_eq!(member.register_at(from).unwrap(), 204);
    until("registration", || field("status") == "UP");
    assert_eq!(essence(&entry(from, &member)), essence(&entry(to, &member)));

    // A lease that nobody renews is over after ten seconds; a renewal moves it, and the move is shown.
    let shown = || field("leaseInfo")["lastRenewalTimestamp"].as_u64();
    let before = shown();
    assert_eq!(member.renew_at(from).unwrap(), 200);
    until("heartbeat", || shown() > before);

    change("PUT", "/status?value=OUT_OF_SERVICE");
    until("status", || field("status") == "OUT_OF_SERVICE" && field("overriddenStatus") == "OUT_OF_SERVICE");
    // The override holds although the instance says UP.
    assert_eq!(member.renew_at(from).unwrap(), 200);
    member.stamp += 1;
    assert_eq!(member.register_at(from).unwrap(), 204);
    until("registration again", || field("lastDirtyTimestamp") == json!(member.stamp.to_string()));
    assert_eq!(field("status"), "OUT_OF_SERVICE");

    change("DELETE", "/status?value=UP");
    until("lifted override", || field("status") == "UP" && field("overriddenStatus") == "UNKNOWN");
    change("PUT", "/metadata?colour=green");
    until("metadata", || field("metadata")["colour"] == "green");
    change("DELETE", "");
    until("cancellation", || field("status") == Value::Null);
}

/// What a node lacks, or knows worse, it gets by a heartbeat at the other.
fn heals(from: u16, to: u16, app: &str) {
    let member = Member::new(app, &format!("{app}:1"), &[from]);
    let told_only = |port: u16, member: &Member| {
        let request = http1::Request::new("POST", &format!("/eureka/apps/{app}"))
            .header("x-netflix-discovery-replication", "true")
            .json(&member.body());
        assert_eq!(request.send(port).unwrap().status, 204);
    };
    // Came as a replication and went no further: the other lacks it, answers 404, and gets it.
    told_only(from, &member);
    assert_eq!(member.renew_at(from).unwrap(), 200);
    until("404 brings a registration", || entry(to, &member)["status"] == "UP");

    // The other knows a newer state: it answers 409 with it, and the sender takes it over.
    let newer = Member {
        stamp: member.stamp + 5,
        metadata: json!({"management.port": "8080", "newer": "yes"}),
        ..member.clone()
    };
    told_only(to, &newer);
    assert_eq!(member.renew_at(from).unwrap(), 200);
    until("409 brings the newer state", || entry(from, &member)["metadata"]["newer"] == "yes");

    // The sender knows a newer state: 404 again, and the other takes it over.
    let newest = Member { stamp: member.stamp + 9, metadata: json!({"newest": "yes"}), ..member.clone() };
    told_only(from, &newest);
    assert_eq!(newest.renew_at(from).unwrap(), 200);
    until("404 brings the newest state", || entry(to, &member)["metadata"]["newest"] == "yes");
    assert_eq!(call(from, "DELETE", &member.path()).status, 200);
    until("gone everywhere", || entry(to, &member) == Value::Null);
}
