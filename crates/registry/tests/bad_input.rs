//! What no client should send: refused with a reason, and nothing else is harmed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use serde_json::json;
use started::{Started, instance};

async fn post(node: &Started, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
    let request = node.post(path, String::new()).body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_meaning_are_400_and_the_rest_goes_on() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    let unreadable = r#"{"error": "cannot parse request body"}"#;
    let mut wrong_type = instance("FOO", "i2");
    wrong_type["port"] = json!(8080);
    let bodies = [
        "{".to_owned(),
        "\u{0}".to_owned(),
        json!({ "instance": wrong_type }).to_string(),
        format!("{{\"instance\":{}", "{\"a\":".repeat(100_000)),
        format!("{{\"instance\":{{\"metadata\":{{\"k\":{}1{}}}}}}}", "[".repeat(5000), "]".repeat(5000)),
    ];
    for body in bodies {
        assert_eq!(post(&node, "apps/FOO", body).await, (400, unreadable.to_owned()));
    }
    let mismatched = json!({ "instance": instance("BAR", "i2") }).to_string();
    assert_eq!(
        post(&node, "apps/FOO", mismatched).await,
        (400, "Mismatched appName, expecting FOO but was BAR".to_owned())
    );
    assert_eq!(node.json("apps").await["applications"]["apps__hashcode"], "UP_1_");
}

#[tokio::test(flavor = "multi_thread")]
async fn entity_bombs_are_refused() {
    let node = Started::plain().await;
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <instance><app>FOO</app><hostName>&b;</hostName></instance>"#;
    let request =
        node.http.post(format!("{}/apps/FOO", node.base())).header("content-type", "application/xml");
    let answer = request.body(bomb).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.text().await.unwrap(), "<error><message>cannot parse request body</message></error>");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_is_413_for_whoever_sends_it_to_the_end() {
    let node = Started::plain().await;
    let (status, text) = post(&node, "apps/FOO", vec![b'x'; 100_000_000]).await;
    assert_eq!(status, 413);
    assert!(text.contains("\"path\":\"/eureka/apps/FOO\""), "{text}");
    assert_eq!(node.status("apps").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_not_understood() {
    let node = Started::plain().await;
    let request = node.post("apps/FOO", String::new()).header("content-encoding", "gzip");
    let answer = request.body(&b"\x1f\x8b\x08\x00"[..]).send().await.unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_timestamp_changes_nothing() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    let answer = node.put("apps/FOO/i1/status?value=DOWN&lastDirtyTimestamp=soon").send().await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(node.json("apps/FOO/i1").await["instance"]["status"], "UP");
}
