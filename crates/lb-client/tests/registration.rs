//! How we keep our lease: what is sent, when it is sent again, and that we leave.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use std::time::Duration;

use fakes::{Fake, env};
use wellspring_lb_client::{Client, Own, Status};
use wellspring_telemetry::Meters;
use wellspring_test_support::poll::until_some;

const LIMIT: Duration = Duration::from_secs(90);

async fn client(url: &str, more: &[(&str, &str)]) -> (Client, Own) {
    let mut pairs = vec![
        ("eureka.client.service-url.defaultZone", url),
        ("spring.application.name", "orders"),
        ("eureka.instance.lease-renewal-interval-in-seconds", "1"),
        ("eureka.client.fetch-registry", "false"),
    ];
    pairs.extend_from_slice(more);
    let env = env(&pairs);
    let client = Client::from_env(&env, &Meters::default()).unwrap();
    let own = Own::from_env(&env, "127.0.0.1:7070".parse().unwrap(), false).await.unwrap();
    (client, own)
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    until_some(what, LIMIT, async || done().then_some(())).await;
}

#[tokio::test]
async fn registers_at_once_renews_and_leaves() {
    let fake = Fake::start().await;
    fake.answers("POST /eureka/apps/ORDERS", 204, "");
    fake.answers("PUT /eureka/apps/ORDERS/127.0.0.1:orders:7070", 200, "");
    fake.answers("DELETE /eureka/apps/ORDERS/127.0.0.1:orders:7070", 200, "");
    let (client, own) = client(&format!("http://user:pw@{}/eureka", fake.address), &[]).await;
    assert!(client.registers());
    client.register(own).await.unwrap();
    until("registration", || fake.count("POST") == 1).await;
    let sent = fake.asked().remove(0);
    assert_eq!(sent.headers["authorization"], "Basic dXNlcjpwdw==");
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(body["instance"]["status"], "UP");
    assert_eq!(body["instance"]["port"]["$"], 7070);
    assert_eq!(body["instance"]["vipAddress"], "orders");
    let dirty = body["instance"]["lastDirtyTimestamp"].as_str().unwrap().to_owned();
    until("two heartbeats", || fake.count("PUT") >= 2).await;
    let beat = fake.asked().into_iter().find(|asked| asked.line.starts_with("PUT")).unwrap();
    assert!(beat.line.ends_with(&format!("?status=UP&lastDirtyTimestamp={dirty}")), "{}", beat.line);
    client.deregister().await;
    assert_eq!(fake.count("DELETE /eureka/apps/ORDERS/127.0.0.1:orders:7070"), 1);
    assert_eq!(fake.count("POST"), 1);
}

#[tokio::test]
async fn a_lost_lease_is_registered_again_with_a_newer_time() {
    let fake = Fake::start().await;
    fake.answers("POST /eureka/apps/ORDERS", 204, "");
    let (client, own) = client(&format!("{}/eureka/", fake.url()), &[]).await;
    client.register(own).await.unwrap();
    until("second registration", || fake.count("POST") >= 2).await;
    let times: Vec<i64> = fake
        .asked()
        .iter()
        .filter(|asked| asked.line.starts_with("POST"))
        .map(|asked| {
            let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
            body["instance"]["lastDirtyTimestamp"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert!(times[1] > times[0], "{times:?}");
}

#[tokio::test]
async fn a_registry_that_comes_late_is_told_when_it_is_there() {
    let port = wellspring_test_support::port::free();
    let (client, own) = client(&format!("http://127.0.0.1:{port}/eureka/"), &[]).await;
    client.register(own).await.unwrap();
    let fake = Fake::start_on(&format!("127.0.0.1:{port}")).await;
    fake.answers("POST /eureka/apps/ORDERS", 204, "");
    until("registration", || fake.count("POST") == 1).await;
}

#[tokio::test]
async fn another_server_is_told_when_the_first_fails() {
    let (broken, good) = (Fake::start().await, Fake::start().await);
    broken.answers("POST", 500, "");
    broken.answers("PUT", 500, "");
    good.answers("POST", 204, "");
    good.answers("PUT", 200, "");
    let (client, own) = client(&format!("{}/eureka/,{}/eureka/", broken.url(), good.url()), &[]).await;
    client.register(own).await.unwrap();
    until("heartbeats", || good.count("PUT") >= 2).await;
    assert_eq!(good.count("POST"), 1);
    assert!(broken.asked().len() <= 1, "it stays with the server that answers");
}

#[tokio::test]
async fn a_changed_status_is_registered_at_once() {
    let fake = Fake::start().await;
    fake.answers("POST", 204, "");
    fake.answers("PUT", 200, "");
    let more = [("eureka.instance.lease-renewal-interval-in-seconds", "30")];
    let (client, own) = client(&format!("{}/eureka/", fake.url()), &more).await;
    client.register(own).await.unwrap();
    until("registration", || fake.count("POST") == 1).await;
    client.set_status(Status::OutOfService);
    until("the new status", || fake.asked().iter().any(|asked| asked.body.contains("\"OUT_OF_SERVICE\"")))
        .await;
}

#[tokio::test]
async fn nothing_is_registered_without_a_registry() {
    let env = env(&[("spring.application.name", "orders")]);
    let client = Client::from_env(&env, &Meters::default()).unwrap();
    assert!(!client.registers());
    let own = Own::from_env(&env, "127.0.0.1:1".parse().unwrap(), false).await.unwrap();
    client.register(own).await.unwrap();
    client.deregister().await;
}

#[tokio::test]
async fn a_registry_that_must_answer_stops_the_start() {
    let url = format!("http://127.0.0.1:{}/eureka/", wellspring_test_support::port::free());
    let (client, own) = client(&url, &[("eureka.client.should-enforce-registration-at-init", "true")]).await;
    let problem = client.register(own).await.unwrap_err();
    assert_eq!(problem.code, wellspring_lb_client::codes::REGISTRY);
}

#[test]
fn a_url_that_is_none_is_a_problem_without_its_password() {
    let env = env(&[("eureka.client.service-url.defaultZone", "http://u:secret@:x/")]);
    let problem = Client::from_env(&env, &Meters::default()).unwrap_err();
    assert_eq!(problem.code, wellspring_lb_client::codes::URL);
    assert!(!problem.to_string().contains("secret"), "{problem}");
}
