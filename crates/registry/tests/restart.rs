//! A registry that is given a directory begins with what it knew, and tells what happened.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use serde_json::Value;
use started::{Started, instance};

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_registry_begins_with_what_it_knew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let settings: [(&str, &dyn std::fmt::Display); 1] = [("wellspring.registry.state-directory", &path)];
    let first = Started::with(&settings).await;
    first.register(instance("FOO", "i1")).await;
    first.register(instance("FOO", "i2")).await;
    first.put("apps/FOO/i1/status?value=OUT_OF_SERVICE").send().await.unwrap();
    first.delete("apps/FOO/i2").send().await.unwrap();
    let Started { running, .. } = first;
    running.stop().await;

    let second = Started::with(&settings).await;
    let known = second.json("apps/FOO/i1").await;
    assert_eq!(known["instance"]["status"], "OUT_OF_SERVICE");
    assert_eq!(second.json("apps").await["applications"]["apps__hashcode"], "OUT_OF_SERVICE_1_");
    second.register(instance("BAR", "i3")).await;
    let Started { running, .. } = second;
    running.stop().await;

    let log = std::fs::read_to_string(directory.path().join("events.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| (line["what"].as_str().unwrap(), line["instance"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("registered", "i1"),
            ("registered", "i2"),
            ("status overridden", "i1"),
            ("cancelled", "i2"),
            ("registered", "i3")
        ]
    );
    assert!(lines.iter().all(|line| line["by"] == "client" && line["from"] == "127.0.0.1"));
    let ids: Vec<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "ids go on after the restart: {ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_cannot_be_understood_stops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("registry.json"), "{\"applications\":").unwrap();
    let node =
        Started::with(&[("wellspring.registry.state-directory", &directory.path().display().to_string())])
            .await;
    assert_eq!(node.status("apps").await, 200);
}
