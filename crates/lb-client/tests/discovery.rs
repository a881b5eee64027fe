//! What we know of others: full lists, deltas, lists kept while the registry is away, push.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use std::time::Duration;

use fakes::{Fake, env};
use wellspring_lb_client::{Client, Instance};
use wellspring_telemetry::Meters;
use wellspring_test_support::poll::until_some;

const LIMIT: Duration = Duration::from_secs(90);

fn client(url: &str, more: &[(&str, &str)]) -> Client {
    let mut pairs = vec![
        ("eureka.client.service-url.defaultZone", url),
        ("eureka.client.registry-fetch-interval-seconds", "1"),
    ];
    pairs.extend_from_slice(more);
    Client::from_env(&env(&pairs), &Meters::default()).unwrap()
}

fn client_of(fake: &Fake, more: &[(&str, &str)]) -> Client {
    client(&format!("{}/eureka/", fake.url()), more)
}

fn instance(app: &str, id: &str, port: u16, status: &str, action: &str) -> String {
    format!(
        r#"{{"instanceId":"{id}","app":"{app}","hostName":"127.0.0.1","ipAddr":"127.0.0.1","status":"{status}",
        "port":{{"$":{port},"@enabled":"true"}},"securePort":{{"$":443,"@enabled":"false"}},"vipAddress":"{}",
        "dataCenterInfo":{{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}},
        "actionType":"{action}"}}"#,
        app.to_lowercase()
    )
}

fn list(hashcode: &str, app: &str, instances: &[String]) -> String {
    let instances = instances.join(",");
    format!(
        r#"{{"applications":{{"versions__delta":"1","apps__hashcode":"{hashcode}","application":[{{"name":"{app}","instance":[{instances}]}}]}}}}"#
    )
}

/// A registry that knows one instance of `orders`, by the id `a`.
async fn one_order() -> Fake {
    let fake = Fake::start().await;
    let known = list("UP_1_", "ORDERS", &[instance("ORDERS", "a", 1, "UP", "ADDED")]);
    fake.answers("GET /eureka/apps/", 200, &known);
    fake
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    until_some(what, LIMIT, async || done().then_some(())).await;
}

fn ids(client: &Client, service: &str) -> Vec<String> {
    client.discovery().instances(service).iter().map(|i: &Instance| i.instance_id().to_owned()).collect()
}

#[tokio::test]
async fn everything_once_then_deltas() {
    let fake = one_order().await;
    fake.answers("GET /eureka/apps/delta", 200, &list("UP_1_", "ORDERS", &[]));
    let client = client_of(&fake, &[]);
    until("the list", || ids(&client, "orders") == ["a"]).await;
    assert_eq!(client.discovery().services(), ["orders"]);
    let added = instance("ORDERS", "b", 2, "UP", "ADDED");
    fake.answers("GET /eureka/apps/delta", 200, &list("UP_2_", "ORDERS", &[added]));
    until("the delta", || ids(&client, "orders") == ["a", "b"]).await;
    assert_eq!(fake.count("GET /eureka/apps/ "), 0);
    assert_eq!(fake.asked().iter().filter(|asked| asked.line == "GET /eureka/apps/").count(), 1);
}

#[tokio::test]
async fn a_hash_code_that_differs_fetches_everything() {
    let fake = one_order().await;
    fake.answers("GET /eureka/apps/delta", 200, &list("UP_7_", "ORDERS", &[]));
    let client = client_of(&fake, &[]);
    until("full fetches", || {
        fake.asked().iter().filter(|asked| asked.line == "GET /eureka/apps/").count() >= 2
    })
    .await;
    assert_eq!(ids(&client, "orders"), ["a"]);
}

#[tokio::test]
async fn only_instances_that_are_up_are_listed() {
    let fake = Fake::start().await;
    let both = [instance("ORDERS", "a", 1, "DOWN", "ADDED"), instance("ORDERS", "b", 2, "UP", "ADDED")];
    fake.answers("GET /eureka/apps/", 200, &list("DOWN_1_UP_1_", "ORDERS", &both));
    let client = client_of(&fake, &[]);
    until("the list", || ids(&client, "orders") == ["b"]).await;
}

#[tokio::test]
async fn the_last_list_is_kept_while_the_registry_is_away() {
    let fake = one_order().await;
    let client = client_of(&fake, &[]);
    until("the list", || ids(&client, "orders") == ["a"]).await;
    for status in [500, 503, 401] {
        fake.answers("GET /eureka/apps/", status, "");
        fake.answers("GET /eureka/apps/delta", status, "");
        let before = fake.asked().len();
        until("a failed fetch", || fake.asked().len() > before).await;
        assert_eq!(ids(&client, "orders"), ["a"]);
    }
    drop(fake);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(ids(&client, "orders"), ["a"]);
}

#[tokio::test]
async fn a_full_list_that_is_no_list_changes_nothing() {
    let fake = one_order().await;
    let client = client_of(&fake, &[("eureka.client.disable-delta", "true")]);
    until("the list", || ids(&client, "orders") == ["a"]).await;
    fake.answers("GET /eureka/apps/", 200, "<html>proxy error</html>");
    let before = fake.asked().len();
    until("a bad answer", || fake.asked().len() > before + 1).await;
    assert_eq!(ids(&client, "orders"), ["a"]);
    assert_eq!(fake.count("GET /eureka/apps/delta"), 0);
}

#[tokio::test]
async fn watchers_hear_of_each_change() {
    let fake = one_order().await;
    let client = client_of(&fake, &[]);
    let mut watched = client.discovery().watch("orders");
    let list = tokio::time::timeout(LIMIT, watched.wait_for(|list| !list.is_empty())).await.unwrap().unwrap();
    assert_eq!(list[0].uri(), "http://127.0.0.1:1");
}

#[tokio::test]
async fn a_registry_that_must_answer_stops_the_start() {
    let url = format!("http://127.0.0.1:{}/eureka/", wellspring_test_support::port::free());
    let client = client(&url, &[("eureka.client.should-enforce-fetch-registry-at-init", "true")]);
    assert_eq!(client.first_fetch().await.unwrap_err().code, wellspring_lb_client::codes::REGISTRY);
}

#[tokio::test]
async fn a_registry_that_pushes_is_not_asked() {
    let fake = one_order().await;
    let events = fake.streams("/eureka/watch");
    let client = client_of(&fake, &[("eureka.client.registry-fetch-interval-seconds", "30")]);
    until("the list", || ids(&client, "orders") == ["a"]).await;
    until("the stream", || fake.count("GET /eureka/watch") == 1).await;
    let added = instance("ORDERS", "b", 2, "UP", "ADDED");
    events.send(("delta".to_owned(), list("UP_2_", "ORDERS", &[added]))).unwrap();
    until("the delta", || ids(&client, "orders") == ["a", "b"]).await;
    let gone = instance("ORDERS", "a", 1, "UP", "DELETED");
    events.send(("delta".to_owned(), list("UP_1_", "ORDERS", &[gone]))).unwrap();
    until("the second delta", || ids(&client, "orders") == ["b"]).await;
    assert_eq!(fake.count("GET /eureka/apps"), 1);
    // A delta that does not lead to what the registry has: everything is fetched.
    events.send(("delta".to_owned(), list("UP_9_", "ORDERS", &[]))).unwrap();
    until("a fetch", || fake.count("GET /eureka/apps") >= 2).await;
}

#[tokio::test]
async fn a_registry_that_comes_back_empty_does_not_empty_the_list() {
    let fake = one_order().await;
    let client = client_of(&fake, &[("eureka.client.disable-delta", "true")]);
    until("the list", || ids(&client, "orders") == ["a"]).await;
    let port = fake.address.port();
    fake.answers("GET /eureka/apps/", 500, "");
    let before = fake.asked().len();
    until("a failed fetch", || fake.asked().len() > before).await;
    fake.answers(
        "GET /eureka/apps/",
        200,
        r#"{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}"#,
    );
    let before = fake.asked().len();
    until("an empty list", || fake.asked().len() > before + 1).await;
    assert_eq!(ids(&client, "orders"), ["a"]);
    assert_eq!(client.discovery().services(), ["orders"]);
    // Who registers again, or anew, is listed beside it.
    fake.answers(
        "GET /eureka/apps/",
        200,
        &list("UP_1_", "ORDERS", &[instance("ORDERS", "b", port, "UP", "ADDED")]),
    );
    until("the new one", || ids(&client, "orders") == ["a", "b"]).await;
}
