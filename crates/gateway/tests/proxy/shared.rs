//! What several gateways share in a real Redis: quotas and routes.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wellspring_test_support::broker::Redis;
use wellspring_test_support::http1::{self, Request};
use wellspring_test_support::{Echo, long, poll};

use crate::support::Gateway;

/// Allowed in each second, and at once.
const RATE: usize = 10;
const SOON: Duration = Duration::from_secs(90);

fn limited(upstream: &Echo, redis: &Redis) -> String {
    format!(
        r##"
spring:
  data.redis: {{host: 127.0.0.1, port: {port}}}
  cloud.gateway.routes:
  - id: limited
    uri: {upstream}
    predicates: [Path=/**]
    filters:
    - name: RequestRateLimiter
      args:
        key-resolver: "#{{@apiKeyResolver}}"
        redis-rate-limiter: {{replenishRate: {RATE}, burstCapacity: {RATE}}}
"##,
        port = redis.port(),
        upstream = upstream.url("")
    )
}

fn ask(port: u16, key: &str) -> http1::Reply {
    Request::new("GET", "/a").header("X-Api-Key", key).send(port).unwrap()
}

/// Asks as fast as it can until `end`; how many were allowed.
fn hammer(port: u16, key: &'static str, end: Instant) -> usize {
    let mut allowed = 0;
    while Instant::now() < end {
        allowed += usize::from(ask(port, key).status == 200);
    }
    allowed
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_keep_one_quota_and_let_all_pass_while_redis_is_away() {
    let test = "two_gateways_keep_one_quota_and_let_all_pass_while_redis_is_away";
    let Some(mut redis) = Redis::start(test) else { return };
    let upstream = Echo::start();
    let (one, other) = (
        Gateway::start(&limited(&upstream, &redis)).await,
        Gateway::start(&limited(&upstream, &redis)).await,
    );
    let ports = [one.port(), other.port()];
    // Redis counts in whole seconds.
    let second = || usize::try_from(wellspring_wire::Millis::now().0 / 1000).unwrap();
    let first = second();
    let seconds = long::time(Duration::from_secs(3), Duration::from_secs(20));
    let end = Instant::now() + seconds;
    let threads: Vec<_> = [0, 1, 0, 1]
        .map(|at| std::thread::spawn(move || hammer(ports[at], "acme", end)))
        .into_iter()
        .collect();
    let allowed: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    let quota = RATE + RATE * (second() - first);
    println!("shared quota: {allowed} of {quota} allowed by two gateways");
    // Each second gives as much again; how often they ask is the machine's affair.
    assert!(allowed > RATE && allowed <= quota, "{allowed} of {quota}");
    assert!(!long::wanted() || allowed * 10 >= quota * 9, "{allowed} of {quota}");

    redis.crash();
    let passed: Vec<_> = (0..60).map(|_| ask(ports[0], "acme")).collect();
    assert!(passed.iter().all(|reply| reply.status == 200), "nobody is limited");
    assert_eq!(passed[59].header("x-ratelimit-remaining"), Some("-1"));
    let metric = http1::get(ports[0], "/actuator/metrics/wellspring.gateway.ratelimiter.unlimited").unwrap();
    assert!(metric.json()["measurements"][0]["value"].as_f64().unwrap() >= 60.0, "{}", metric.text());

    redis.restart();
    poll::until("limits hold again", SOON, || (0..60).any(|_| ask(ports[1], "zeta").status == 429));
    one.running.stop().await;
    other.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_in_redis_are_shared_in_the_originals_form() {
    let Some(mut redis) = Redis::start("routes_in_redis_are_shared_in_the_originals_form") else { return };
    let upstream = Echo::start();
    let yaml = format!(
        "spring:\n  data.redis.url: {}\n  cloud.gateway.redis-route-definition-repository.enabled: true\n",
        redis.url()
    );
    let (one, other) = (Gateway::start(&yaml).await, Gateway::start(&yaml).await);
    let redis_port = redis.port().to_string();
    let cli = |words: &[&str]| {
        let output = Command::new("redis-cli").args(["-p", &redis_port]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let refresh =
        |gateway: &Gateway| Request::new("POST", "/actuator/gateway/refresh").send(gateway.port()).unwrap();
    let route =
        json!({"uri": upstream.url(""), "predicates": ["Path=/posted/**"], "filters": ["StripPrefix=1"]});
    let posted =
        Request::new("POST", "/actuator/gateway/routes/posted").json(&route).send(one.port()).unwrap();
    assert_eq!(posted.status, 201, "{}", posted.text());
    let kept: serde_json::Value = serde_json::from_str(&cli(&["get", "routedefinition_posted"])).unwrap();
    assert_eq!(kept["predicates"][0], json!({"name": "Path", "args": {"_genkey_0": "/posted/**"}}));
    assert_eq!(http1::get(other.port(), "/posted/x").unwrap().status, 404);
    assert_eq!(refresh(&other).status, 200);
    assert_eq!(http1::get(other.port(), "/posted/x").unwrap().json()["path"], "/x");

    // As the original writes it.
    let foreign = format!(
        r#"{{"id":"foreign","predicates":[{{"name":"Path","args":{{"_genkey_0":"/foreign"}}}}],"filters":[],"uri":"{}","metadata":{{}},"order":0,"enabled":true}}"#,
        upstream.url("")
    );
    cli(&["set", "routedefinition_foreign", &foreign]);
    cli(&["set", "routedefinition_broken", "{"]);
    assert_eq!(refresh(&one).status, 200);
    assert_eq!(http1::get(one.port(), "/foreign").unwrap().status, 200);

    redis.crash();
    assert_eq!(refresh(&one).status, 200);
    assert_eq!(http1::get(one.port(), "/foreign").unwrap().status, 200, "what was known stays");
    let refused =
        Request::new("POST", "/actuator/gateway/routes/late").json(&route).send(one.port()).unwrap();
    assert_eq!(refused.status, 500);
    redis.restart();
    poll::until("the route can be removed", SOON, || {
        Request::new("DELETE", "/actuator/gateway/routes/posted").send(one.port()).unwrap().status == 200
    });
    assert_eq!(cli(&["exists", "routedefinition_posted"]), "0");
    one.running.stop().await;
    other.running.stop().await;
}
