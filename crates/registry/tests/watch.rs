//! Changes pushed to those who watch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use std::time::Duration;

use serde_json::Value;
use started::{Started, instance};

/// An open stream, event by event.
struct Stream {
    response: reqwest::Response,
    text: String,
}

struct Event {
    id: String,
    name: String,
    data: Value,
}

impl Stream {
    async fn open(node: &Started, last: Option<&str>) -> Self {
        let mut request = node.get("watch");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned).unwrap()
                };
                let event = Event {
                    id: field("id: "),
                    name: field("event: "),
                    data: serde_json::from_str(&field("data: ")).unwrap(),
                };
                self.text = rest.to_owned();
                return event;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(90), self.response.chunk()).await;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap().unwrap()).unwrap());
        }
    }
}

fn ids(event: &Event) -> Vec<(String, String)> {
    let apps = event.data["applications"]["application"].as_array().unwrap();
    let instances = apps.iter().flat_map(|app| app["instance"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    instances.map(|instance| (text(&instance["instanceId"]), text(&instance["actionType"]))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, action)| ((*id).to_owned(), (*action).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_first_then_changes() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    let mut stream = Stream::open(&node, None).await;
    let first = stream.next().await;
    assert_eq!((first.name.as_str(), ids(&first)), ("snapshot", pairs(&[("i1", "ADDED")])));

    node.register(instance("BAR", "i2")).await;
    let second = stream.next().await;
    assert_eq!((second.name.as_str(), ids(&second)), ("delta", pairs(&[("i2", "ADDED")])));
    assert_eq!(second.data["applications"]["apps__hashcode"], "UP_2_");
    assert!(second.id.parse::<u64>().unwrap() > first.id.parse::<u64>().unwrap());

    node.put("apps/FOO/i1/status?value=DOWN").send().await.unwrap();
    assert_eq!(ids(&stream.next().await), pairs(&[("i1", "MODIFIED")]));
    node.delete("apps/FOO/i1").send().await.unwrap();
    let last = stream.next().await;
    assert_eq!(ids(&last), pairs(&[("i1", "DELETED")]));
    assert_eq!(last.data["applications"]["apps__hashcode"], "UP_1_");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_was_away_gets_what_it_missed() {
    let node = Started::plain().await;
    node.register(instance("FOO", "i1")).await;
    let seen = Stream::open(&node, None).await.next().await;
    node.register(instance("FOO", "i2")).await;
    node.register(instance("FOO", "i3")).await;
    node.delete("apps/FOO/i3").send().await.unwrap();
    let missed = Stream::open(&node, Some(&seen.id)).await.next().await;
    assert_eq!((missed.name.as_str(), ids(&missed)), ("delta", pairs(&[("i2", "ADDED"), ("i3", "DELETED")])));
    for unknown in ["1", "99999999999999999", "x"] {
        assert_eq!(Stream::open(&node, Some(unknown)).await.next().await.name, "snapshot", "{unknown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_registry_stops() {
    let node = Started::plain().await;
    let mut stream = Stream::open(&node, None).await;
    stream.next().await;
    let Started { running, .. } = node;
    tokio::time::timeout(Duration::from_secs(90), running.stop())
        .await
        .expect("stops without waiting for streams");
    while let Ok(Some(_)) = stream.response.chunk().await {}
}
