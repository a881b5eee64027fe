//! Two registries as peers of each other: what clients tell one, the other knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use std::time::Duration;

use serde_json::{Value, json};
use started::{Started, instance};
use tokio::time::Instant;
use wellspring_test_support::{long, port};

/// Two nodes that have each other's URL.
async fn pair() -> (Started, Started) {
    let (a, b) = (port::free(), port::free());
    let urls = format!("http://127.0.0.1:{a}/eureka/,http://127.0.0.1:{b}/eureka/");
    let node = |port: u16| {
        let (urls, mine) = (urls.clone(), format!("http://127.0.0.1:{port}/eureka/"));
        async move {
            Started::with(&[
                ("server.port", &port),
                ("eureka.client.service-url.defaultZone", &urls),
                ("eureka.client.register-with-eureka", &false),
                ("eureka.server.my-url", &mine),
                ("eureka.server.peer-node-read-timeout-ms", &2000),
                ("wellspring.registry.comparison-interval", &"200ms"),
            ])
            .await
        }
    };
    (node(a).await, node(b).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_is_told_the_other_knows() {
    let (a, b) = pair().await;
    a.register(instance("FOO", "i1")).await;
    b.eventually("apps/FOO/i1", "status", "UP").await;

    a.put("apps/FOO/i1/status?value=OUT_OF_SERVICE").send().await.unwrap();
    b.eventually("apps/FOO/i1", "overriddenStatus", "OUT_OF_SERVICE").await;
    b.delete("apps/FOO/i1/status?value=UP").send().await.unwrap();
    a.eventually("apps/FOO/i1", "overriddenStatus", "UNKNOWN").await;

    a.put("apps/FOO/i1/metadata?colour=blue").send().await.unwrap();
    b.until("metadata", async || b.json("apps/FOO/i1").await["instance"]["metadata"]["colour"] == "blue")
        .await;

    b.delete("apps/FOO/i1").send().await.unwrap();
    a.eventually_status("apps/FOO/i1", 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_brings_what_the_peer_lacks() {
    let (a, b) = pair().await;
    // As if the registration had been lost on the way: it came as a replication and went no further.
    let body = json!({ "instance": instance("FOO", "i1") }).to_string();
    a.post("apps/FOO", body).header("x-netflix-discovery-replication", "true").send().await.unwrap();
    a.put("apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000").send().await.unwrap();
    b.eventually("apps/FOO/i1", "status", "UP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_exactly_true_marks_a_replication() {
    let (a, b) = pair().await;
    for word in ["TRUE", "True", "yes", "1", "true,true"] {
        let body = json!({ "instance": instance("FOO", word) }).to_string();
        a.post("apps/FOO", body).header("x-netflix-discovery-replication", word).send().await.unwrap();
        let path = format!("apps/FOO/{word}");
        b.eventually(&path, "status", "UP").await;
        // A client that is behind is told nothing; a peer would get what is known here.
        let late = a.put(&format!("{path}?lastDirtyTimestamp=1600000000000"));
        assert_eq!(late.header("x-netflix-discovery-replication", word).send().await.unwrap().status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_batch_left_apart_is_healed() {
    let (a, b) = pair().await;
    // Nobody is told of these two: they come as replications, and go no further.
    for id in ["i1", "i2"] {
        let body = json!({ "instance": instance("FOO", id) }).to_string();
        a.post("apps/FOO", body).header("x-netflix-discovery-replication", "true").send().await.unwrap();
    }
    b.eventually("apps/FOO/i1", "status", "UP").await;
    let lost = a.put("apps/FOO/i2/status?value=DOWN").header("x-netflix-discovery-replication", "true");
    lost.send().await.unwrap();
    b.eventually("apps/FOO/i2", "overriddenStatus", "DOWN").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_newer_wins_on_both_sides() {
    let (a, b) = pair().await;
    let replicated = |node: &Started, stamp: &str, host: &str| {
        let mut newer = instance("FOO", "i1");
        newer["lastDirtyTimestamp"] = stamp.into();
        newer["hostName"] = host.into();
        let body = json!({ "instance": newer }).to_string();
        node.post("apps/FOO", body).header("x-netflix-discovery-replication", "true").send()
    };
    replicated(&a, "1700000000000", "old").await.unwrap();
    replicated(&b, "1700000000009", "new").await.unwrap();
    // The heartbeat at the one who knows less comes back with what the other knows.
    a.put("apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000").send().await.unwrap();
    a.eventually("apps/FOO/i1", "hostName", "new").await;
    assert_eq!(b.json("apps/FOO/i1").await["instance"]["hostName"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_known_to_the_peer_within_a_moment() {
    let (a, b) = pair().await;
    a.register(instance("WARM", "i0")).await;
    b.eventually("apps/WARM/i0", "status", "UP").await;
    let begun = Instant::now();
    a.register(instance("FOO", "i1")).await;
    b.eventually("apps/FOO/i1", "status", "UP").await;
    let took = begun.elapsed();
    assert!(!long::wanted() || took < Duration::from_millis(400), "took {took:?}: not a half-second batch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_peer_delays_nobody_and_is_told_when_it_comes_back() {
    let free = port::free();
    let url = format!("http://127.0.0.1:{free}/eureka/");
    let a = Started::with(&[
        ("eureka.client.service-url.defaultZone", &url),
        ("eureka.client.register-with-eureka", &false),
        ("eureka.server.peer-node-read-timeout-ms", &2000),
        ("eureka.instance.hostname", &"elsewhere"),
    ])
    .await;
    let begun = Instant::now();
    a.register(instance("FOO", "i1")).await;
    assert!(!long::wanted() || begun.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(700)).await; // at least one attempt has failed
    let b = Started::with(&[("server.port", &free)]).await;
    b.eventually("apps/FOO/i1", "status", "UP").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_starts_with_what_its_peer_knows() {
    let a = Started::plain().await;
    for id in ["i1", "i2", "i3"] {
        a.register(instance("FOO", id)).await;
    }
    a.put("apps/FOO/i2/status?value=DOWN").send().await.unwrap();
    let url = format!("{}/", a.base());
    let b = Started::with(&[
        ("eureka.client.service-url.defaultZone", &url),
        ("eureka.client.register-with-eureka", &false),
        ("eureka.server.registry-sync-retries", &3),
        ("eureka.instance.hostname", &"elsewhere"),
    ])
    .await;
    b.eventually("apps/FOO/i2", "overriddenStatus", "DOWN").await;
    assert_eq!(b.json("apps").await["applications"]["apps__hashcode"], "DOWN_1_UP_2_");
}

#[tokio::test(flavor = "multi_thread")]
async fn items_of_a_batch_are_answered_one_by_one() {
    let node = Started::plain().await;
    let batch = async |items: Value| {
        let body = json!({ "replicationList": items }).to_string();
        let answer = node.post("peerreplication/batch/", body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        let codes: Vec<u64> = body["responseList"]
            .as_array()
            .map(|list| list.iter().map(|answer| answer["statusCode"].as_u64().unwrap()).collect())
            .unwrap_or_default();
        (status, codes, body)
    };
    let register = json!({"appName": "foo", "id": "i1", "lastDirtyTimestamp": 1_700_000_000_000_i64, "status": "UP",
        "instanceInfo": instance("FOO", "i1"), "action": "Register"});
    let mut invalid = register.clone();
    invalid["instanceInfo"]["hostName"] = Value::Null;
    let (status, codes, _) = batch(json!([
        {"appName": "FOO", "id": "i1", "action": "Heartbeat"},
        register,
        invalid,
        {"appName": "FOO", "id": "i1", "action": "Register"},
        {"appName": "FOO", "id": "i1", "lastDirtyTimestamp": 1_700_000_000_001_i64, "action": "Heartbeat"},
        {"appName": "FOO", "id": "i1", "action": "StatusUpdate"},
        {"appName": "FOO", "id": "i1", "status": "up", "action": "StatusUpdate"},
        {"appName": "FOO", "id": "x", "status": "UP", "action": "StatusUpdate"},
        {"appName": "FOO", "id": "i1", "status": "DOWN", "action": "StatusUpdate"},
        {"appName": "FOO", "id": "i1", "status": "UP", "action": "DeleteStatusOverride"},
        {"appName": "FOO", "id": "i1", "lastDirtyTimestamp": 1, "status": "UP", "action": "DeleteStatusOverride"},
        {"id": "i1", "action": "Cancel"},
        {"appName": "FOO", "id": "i1"},
        null,
        {"appName": "FOO", "id": "i1", "action": "Cancel"},
        {"appName": "FOO", "id": "i1", "action": "Cancel"},
    ]))
    .await;
    assert_eq!(status, 200);
    assert_eq!(codes, [404, 200, 200, 500, 404, 500, 500, 404, 200, 500, 200, 500, 500, 500, 200, 404]);

    batch(json!([register])).await;
    let (_, codes, body) =
        batch(json!([{"appName": "FOO", "id": "i1", "lastDirtyTimestamp": 1_600_000_000_000_i64, "action": "Heartbeat"}])).await;
    assert_eq!(codes, [409]);
    assert_eq!(body["responseList"][0]["responseEntity"]["instanceId"], "i1");

    assert_eq!(batch(json!([])).await.1, Vec::<u64>::new());
    assert_eq!(batch(Value::Null).await.0, 500);
    assert_eq!(batch(json!([{"appName": "FOO", "action": "heartbeat"}])).await.0, 400);
    assert_eq!(batch(json!([{"appName": "FOO", "new": 1}])).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_brings_new_peers() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("application.yml");
    let settings = |urls: &str| {
        format!(
            "eureka: {{client: {{register-with-eureka: false, service-url: {{defaultZone: \"{urls}\"}}}}, instance: {{hostname: elsewhere}}}}\n"
        )
    };
    let (first, second) = (Started::plain().await, Started::plain().await);
    std::fs::write(&file, settings(&format!("{}/", first.base()))).unwrap();
    let path = directory.path().display().to_string();
    let node = Started::with_config(&path, &[("management.endpoints.web.exposure.include", &"*")]).await;
    node.register(instance("FOO", "i1")).await;
    first.eventually("apps/FOO/i1", "status", "UP").await;
    std::fs::write(&file, settings(&format!("{}/,{}/", first.base(), second.base()))).unwrap();
    let refresh = format!("http://{}/actuator/refresh", node.running.local_addr());
    assert_eq!(node.http.post(refresh).send().await.unwrap().status(), 200);
    second
        .until("the new peer has it", async || {
            node.put("apps/FOO/i1?status=UP&lastDirtyTimestamp=1700000000000").send().await.unwrap();
            second.status("apps/FOO/i1").await == 200
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_are_found_by_text_records_of_region_and_zones() {
    let (first, second) = (Started::plain().await, Started::plain().await);
    // All nodes of a zone have one port in DNS, so the second node stands in another region.
    let names = wellspring_test_support::dns::NameServer::start(&[
        ("txt.us-east-1.registry.test", "one.registry.test two.registry.test"),
        ("txt.one.registry.test", "127.0.0.1"),
        ("txt.two.registry.test", "127.0.0.1"),
        ("txt.eu.registry.test", "three.registry.test"),
        ("txt.three.registry.test", "127.0.0.1"),
    ]);
    let servers = names.address();
    let node = async |region: &str, port: u16| {
        Started::with(&[
            ("eureka.client.use-dns-for-fetching-service-urls", &true),
            ("eureka.client.eureka-server-dns-name", &"registry.test"),
            ("eureka.client.eureka-server-port", &port),
            ("eureka.client.eureka-server-url-context", &"eureka"),
            ("eureka.client.region", &region),
            ("eureka.client.register-with-eureka", &false),
            ("eureka.instance.hostname", &"elsewhere"),
            ("wellspring.eureka.dns-servers", &servers),
        ])
        .await
    };
    let here = node("us-east-1", first.running.local_addr().port()).await;
    here.register(instance("FOO", "i1")).await;
    first.eventually("apps/FOO/i1", "status", "UP").await;
    let there = node("eu", second.running.local_addr().port()).await;
    there.register(instance("FOO", "i2")).await;
    second.eventually("apps/FOO/i2", "status", "UP").await;
    assert_eq!(first.status("apps/FOO/i2").await, 404);
}
