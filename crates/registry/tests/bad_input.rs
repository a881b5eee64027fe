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

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_documents_that_make_no_sense_are_refused_whole() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    let batch = async |body: String| post(&node, "peerreplication/batch/", body).await.0;
    let item = |action: &str| json!({"appName": "FOO", "id": "i1", "action": action});
    // One item with an action that nobody knows, and the other one is not done either.
    let mixed = json!({"replicationList": [item("Cancel"), item("Explode")]}).to_string();
    assert_eq!(batch(mixed).await, 400);
    assert_eq!(batch(json!({"replicationList": {"a": 1}}).to_string()).await, 400);
    assert_eq!(batch(format!("{{\"replicationList\":{}", "[".repeat(50_000))).await, 400);
    assert_eq!(batch("x".repeat(17 * 1024 * 1024)).await, 413);
    // An instance of another application or without an id: dropped, as the original does.
    let mut other = json!({"appName": "FOO", "id": "i2", "action": "Register"});
    other["instanceInfo"] = instance("BAR", "i2");
    let (status, answers) =
        post(&node, "peerreplication/batch/", json!({"replicationList": [other]}).to_string()).await;
    assert_eq!((status, answers.as_str()), (200, r#"{"responseList":[{"statusCode":200}]}"#));
    let mut nameless = instance("FOO", "");
    nameless["hostName"] = "".into();
    assert_eq!(post(&node, "apps/FOO", json!({ "instance": nameless }).to_string()).await.0, 400);
    for path in ["apps/FOO/i9", "apps/BAR/i1", "apps/FOO/i1%00"] {
        assert_eq!(node.put(path).send().await.unwrap().status(), 404, "{path}");
        assert_eq!(node.delete(path).send().await.unwrap().status(), 404, "{path}");
    }
    let xml = async |body: String| {
        let request =
            node.http.post(format!("{}/apps/FOO", node.base())).header("content-type", "application/xml");
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(xml(format!("<instance>{}", "<x>".repeat(50_000))).await, 400);
    assert_eq!(xml("<instance><app>FOO</app><port>many</port></instance>".to_owned()).await, 400);
    assert_eq!(xml("<applications/>".to_owned()).await, 400);
    assert_eq!(node.json("apps").await["applications"]["apps__hashcode"], "UP_1_", "nothing else is harmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_headers_are_431_and_the_next_request_is_served() {
    let node = Started::plain().await;
    let mut many = node.get("apps");
    for number in 0..500 {
        many = many.header(format!("x-{number}"), "v");
    }
    assert_eq!(many.send().await.unwrap().status(), 431);
    let long = node.get("apps").header("x-long", "v".repeat(20_000));
    assert_eq!(long.send().await.unwrap().status(), 431);
    let line = node.get(&format!("apps/{}", "a".repeat(20_000)));
    assert!(line.send().await.unwrap().status().is_client_error());
    assert_eq!(node.status("apps").await, 200);
}
