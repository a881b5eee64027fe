//! Every way of choosing an instance, told by YAML, seen from outside.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wellspring_test_support::http1::Request;
use wellspring_test_support::{Echo, poll};

use crate::support::Gateway;

const ROUTE: &str = "spring.cloud.gateway.routes:\n- id: o\n  uri: lb://orders\n  predicates: [Path=/**]\n";

/// Instances of `orders`, each with metadata of its own as in YAML (`{zone: a}`), and more settings.
fn yaml(instances: &[(&str, &str)], more: &str) -> String {
    let list: String =
        instances.iter().map(|(uri, metadata)| format!("- uri: {uri}\n  metadata: {metadata}\n")).collect();
    format!("{ROUTE}{more}\nspring.cloud.discovery.client.simple.instances.orders:\n{list}")
}

/// How often each instance answered, by port.
fn shares(
    gateway: &Gateway,
    count: usize,
    header: impl Fn(usize) -> (&'static str, String),
) -> HashMap<u16, usize> {
    let mut shares = HashMap::new();
    for number in 0..count {
        let (name, value) = header(number);
        let reply = Request::new("GET", "/x").header(name, &value).send(gateway.port()).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let port = u16::try_from(reply.json()["port"].as_u64().unwrap()).unwrap();
        *shares.entry(port).or_default() += 1;
    }
    shares
}

fn nothing(_: usize) -> (&'static str, String) {
    ("X-Nothing", String::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_picker_uses_all_instances() {
    let (a, b) = (Echo::start(), Echo::start());
    let (one, two) = (a.url(""), b.url(""));
    for picker in ["round-robin", "random", "least-requests", "peak-ewma", "consistent-hash"] {
        let more = format!("wellspring.loadbalancer.picker: {picker}");
        let gateway = Gateway::start(&yaml(&[(&one, "{}"), (&two, "{}")], &more)).await;
        assert_eq!(shares(&gateway, 40, nothing).len(), 2, "{picker}");
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_shares() {
    let (a, b) = (Echo::start(), Echo::start());
    let more = "spring.cloud.loadbalancer.configurations: weighted";
    let text = yaml(&[(&a.url(""), "{weight: 9}"), (&b.url(""), "{weight: 1}")], more);
    let gateway = Gateway::start(&text).await;
    let shares = shares(&gateway, 200, nothing);
    assert_eq!(shares.values().sum::<usize>(), 200);
    assert!((165..=195).contains(&shares[&a.port()]), "{shares:?}");
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_the_same_key_meet_the_same_instance() {
    let (a, b, c) = (Echo::start(), Echo::start(), Echo::start());
    let instances = [a.url(""), b.url(""), c.url("")];
    let instances: Vec<(&str, &str)> = instances.iter().map(|uri| (uri.as_str(), "{}")).collect();
    let hash = |key: &str| format!("wellspring.loadbalancer:\n  picker: consistent-hash\n  hash-key: {key}");
    for (key, header) in [("'header:X-User'", "X-User"), ("'cookie:user'", "Cookie"), ("ip", "X-Nothing")] {
        let gateway = Gateway::start(&yaml(&instances, &hash(key))).await;
        let value =
            |user: usize| if header == "Cookie" { format!("a=b; user={user}") } else { user.to_string() };
        let mut owners = HashMap::new();
        for user in 0..12 {
            let seen = shares(&gateway, 4, |_| (header, value(user)));
            assert_eq!(seen.len(), 1, "{key}: {seen:?}");
            owners.extend(seen);
        }
        // One caller is one key; twelve users are spread.
        assert_eq!(owners.len() > 1, key != "ip", "{key}: {owners:?}");
        gateway.running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_stays_with_its_instance_over_a_swap_of_routes() {
    let (a, b) = (Echo::start(), Echo::start());
    let more = "spring.cloud.loadbalancer:\n  configurations: request-based-sticky-session\n  sticky-session.add-service-instance-cookie: true";
    let gateway = Gateway::start(&yaml(&[(&a.url(""), "{}"), (&b.url(""), "{}")], more)).await;
    // The upstream learns its instance's id from the cookie, and gives it to the client.
    let first = Request::new("GET", "/x").send(gateway.port()).unwrap().json();
    let cookie = first["headers"]["cookie"][0].as_str().unwrap().to_owned();
    let home = u16::try_from(first["port"].as_u64().unwrap()).unwrap();
    for _ in 0..5 {
        let stays = shares(&gateway, 6, |_| ("Cookie", cookie.clone()));
        assert_eq!(stays, HashMap::from([(home, 6)]));
        let refreshed = Request::new("POST", "/actuator/gateway/refresh").send(gateway.port()).unwrap();
        assert_eq!(refreshed.status, 200);
    }
    assert_eq!(shares(&gateway, 6, nothing).len(), 2);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_zone_comes_first_and_others_take_over() {
    let (near, far) = (Echo::start(), Echo::start());
    let more = "spring.cloud.loadbalancer:\n  configurations: zone-preference\n  zone: a";
    let text = yaml(&[(&near.url(""), "{zone: a}"), (&far.url(""), "{zone: b}")], more);
    let gateway = Gateway::start(&text).await;
    assert_eq!(shares(&gateway, 10, nothing), HashMap::from([(near.port(), 10)]));
    // Nobody is left in the zone: the other one does the work.
    drop(near);
    assert_eq!(shares(&gateway, 10, nothing), HashMap::from([(far.port(), 10)]));
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_chooses_the_canary_and_a_subset_is_fixed() {
    let (stable, canary) = (Echo::start(), Echo::start());
    let instances = [(stable.url(""), "{hint: stable}"), (canary.url(""), "{hint: canary}")];
    let instances: Vec<(&str, &str)> = instances.iter().map(|(uri, m)| (uri.as_str(), *m)).collect();
    let gateway = Gateway::start(&yaml(&instances, "")).await;
    let hinted = shares(&gateway, 8, |_| ("X-SC-LB-Hint", "canary".to_owned()));
    assert_eq!(hinted, HashMap::from([(canary.port(), 8)]));
    gateway.running.stop().await;
    let more = "spring.cloud.loadbalancer:\n  configurations: subset\n  subset: {instance-id: me, size: 1}";
    let gateway = Gateway::start(&yaml(&instances, more)).await;
    assert_eq!(shares(&gateway, 8, nothing).len(), 1);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_moves_on_when_its_instance_cannot_be_reached() {
    let (good, dead) = (Echo::start(), Echo::start());
    let text = yaml(
        &[(&good.url(""), "{}"), (&dead.url(""), "{}")],
        "wellspring.loadbalancer.ejection.base-time: 1ms",
    );
    drop(dead);
    let gateway = Gateway::start(&text).await;
    for _ in 0..10 {
        let reply = Request::new("POST", "/x").body("once").send(gateway.port()).unwrap();
        assert_eq!((reply.status, reply.json()["body"].as_str()), (200, Some("once")));
    }
    gateway.running.stop().await;
}

/// An instance that does its work whatever its health page says.
struct Moody {
    port: u16,
    ill: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Moody {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (ill, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (mood, count) = (Arc::clone(&ill), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|n| n > 0) {}
                let health = head.starts_with(b"GET /healthz ");
                count.fetch_add(usize::from(health), Relaxed);
                let status = if health && mood.load(Relaxed) { "503 Ill" } else { "200 OK" };
                let body = format!("{{\"port\": {port}}}");
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        Self { port, ill, asked }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_whose_health_page_says_so_are_left_out_until_they_are_well() {
    let (a, b) = (Moody::start().await, Moody::start().await);
    let more = "spring.cloud.loadbalancer:\n  configurations: health-check\n  health-check: {initial-delay: 0, interval: 1s, path.default: /healthz}";
    let uris = [&a, &b].map(|one| format!("http://127.0.0.1:{}", one.port));
    let gateway = Gateway::start(&yaml(&[(&uris[0], "{}"), (&uris[1], "{}")], more)).await;
    let used = |count| shares(&gateway, count, nothing);
    assert_eq!(used(8).len(), 2);
    for round in 0..2 {
        a.ill.store(true, Relaxed);
        poll::until("the ill one is left out", Duration::from_secs(90), || {
            used(8) == HashMap::from([(b.port, 8)])
        });
        assert_eq!(used(20), HashMap::from([(b.port, 20)]), "round {round}");
        a.ill.store(false, Relaxed);
        poll::until("the healed one is back", Duration::from_secs(90), || used(8).len() == 2);
    }
    assert!(a.asked.load(Relaxed) > 2 && b.asked.load(Relaxed) > 2, "both are asked for their health");
    gateway.running.stop().await;
}
