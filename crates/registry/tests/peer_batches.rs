//! What a peer is sent, and what its answers lead to; the peer is a stand-in that answers as it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use started::{Started, instance};
use tokio::time::Instant;
use wellspring_daemon::{App, Options, Running, Service};

/// What the stand-in was sent.
#[derive(Clone)]
struct Sent {
    head: Arc<http::request::Parts>,
    items: Vec<Value>,
    at: Instant,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Action and id of each item.
    fn told(&self) -> Vec<(&str, &str)> {
        self.items.iter().map(|item| (text(item, "action"), text(item, "id"))).collect()
    }
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap_or_default()
}

#[derive(Clone)]
enum Answer {
    /// Status and body.
    Of(u16, String),
    /// Nothing, for so long.
    Late(Duration),
}

fn list(items: &Value) -> Answer {
    Answer::Of(200, json!({ "responseList": items }).to_string())
}

/// Takes every batch, and answers 200 to each item unless something else is next.
struct Peer {
    running: Running,
    sent: Arc<Mutex<Vec<Sent>>>,
    next: Arc<Mutex<VecDeque<Answer>>>,
}

impl Peer {
    async fn start() -> Self {
        let (sent, next) = (Arc::<Mutex<Vec<Sent>>>::default(), Arc::<Mutex<VecDeque<Answer>>>::default());
        let (seen, answers) = (Arc::clone(&sent), Arc::clone(&next));
        let app = App::new("peer").build(move |_| {
            let call = move |request: wellspring_daemon::Request| {
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let items = body["replicationList"].as_array().unwrap().clone();
                    let fine = list(&items.iter().map(|_| json!({"statusCode": 200})).collect());
                    seen.lock().push(Sent { head: Arc::new(head), items, at: Instant::now() });
                    let answer = answers.lock().pop_front().unwrap_or(fine);
                    let (status, text) = match answer {
                        Answer::Of(status, text) => (status, text),
                        Answer::Late(pause) => {
                            tokio::time::sleep(pause).await;
                            (200, String::new())
                        }
                    };
                    let answer = http::Response::builder().status(status);
                    answer.header("content-type", "application/json").body(Body::from(text)).unwrap()
                }
            };
            async { Ok(Service::new(call)) }.boxed()
        });
        Self { running: app.start(Options::local()).await.unwrap(), sent, next }
    }

    fn url(&self) -> String {
        format!("http://user:secret@{}/eureka/", self.running.local_addr())
    }

    fn answers_next(&self, answer: Answer) {
        self.next.lock().push_back(answer);
    }

    /// The batch that came as number `index`, as soon as it is there.
    async fn batch(&self, node: &Started, index: usize) -> Sent {
        node.until(&format!("batch {index}"), async || self.sent.lock().len() > index).await;
        self.sent.lock()[index].clone()
    }

    /// All items so far, whatever the batches.
    fn items(&self) -> Vec<Value> {
        self.sent.lock().iter().flat_map(|sent| sent.items.clone()).collect()
    }
}

async fn registry(peer: &Peer, read_timeout: u32) -> Started {
    Started::with(&[
        ("eureka.client.service-url.defaultZone", &peer.url()),
        ("eureka.client.register-with-eureka", &false),
        ("eureka.client.fetch-registry", &false),
        ("eureka.server.peer-node-read-timeout-ms", &read_timeout),
        ("eureka.instance.hostname", &"elsewhere"),
    ])
    .await
}

/// Long enough for a busy machine.
const PATIENT: u32 = 10_000;
const STAMP: i64 = 1_700_000_000_000;

async fn renew(node: &Started, id: &str) {
    let path = format!("apps/FOO/{id}?status=UP&lastDirtyTimestamp={STAMP}");
    assert_eq!(node.put(&path).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_as_the_original_writes_it() {
    let peer = Peer::start().await;
    let node = registry(&peer, PATIENT).await;
    for id in ["i1", "i2", "i3", "i4"] {
        node.register(instance("FOO", id)).await;
    }
    let sent = peer.batch(&node, 0).await;
    assert_eq!((sent.head.method.as_str(), sent.head.uri.path()), ("POST", "/eureka/peerreplication/batch/"));
    for (name, value) in [
        ("authorization", Some("Basic dXNlcjpzZWNyZXQ=")),
        ("accept", Some("application/json")),
        ("content-type", Some("application/json")),
        ("discoveryidentity-name", Some("DefaultServer")),
        ("discoveryidentity-version", Some("1.0")),
        // The path says what it is.
        ("x-netflix-discovery-replication", None),
    ] {
        assert_eq!(sent.header(name), value, "{name}");
    }
    assert!(sent.header("discoveryidentity-id").is_some_and(|id| !id.is_empty()), "who sends it");

    for (method, path) in [
        ("PUT", "i1?status=UP&lastDirtyTimestamp=1700000000000"),
        ("PUT", "i2/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=1700000000001"),
        ("PUT", "i2?status=UP&lastDirtyTimestamp=1700000000001"),
        ("PUT", "i3/status?value=DOWN"),
        ("DELETE", "i3/status?value=UP"),
        ("DELETE", "i4"),
    ] {
        let request = if method == "PUT" { Started::put } else { Started::delete };
        let answer = request(&node, &format!("apps/FOO/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    node.until("all of it", async || peer.items().len() >= 10).await;
    let items = peer.items();
    for item in &items[..4] {
        assert_eq!(item["instanceInfo"]["instanceId"], item["id"], "not wrapped");
        let mut rest = item.clone();
        rest.as_object_mut().unwrap().remove("instanceInfo").unwrap();
        let id = text(item, "id");
        assert_eq!(
            rest,
            json!({"appName": "FOO", "id": id, "lastDirtyTimestamp": STAMP, "status": "UP", "action": "Register"})
        );
    }
    let expected = [
        json!({"appName": "FOO", "id": "i1", "lastDirtyTimestamp": STAMP, "status": "UP", "action": "Heartbeat"}),
        json!({"appName": "FOO", "id": "i2", "lastDirtyTimestamp": STAMP + 1, "status": "OUT_OF_SERVICE", "action": "StatusUpdate"}),
        json!({"appName": "FOO", "id": "i2", "lastDirtyTimestamp": STAMP + 1, "overriddenStatus": "OUT_OF_SERVICE",
            "status": "OUT_OF_SERVICE", "action": "Heartbeat"}),
        json!({"appName": "FOO", "id": "i3", "lastDirtyTimestamp": STAMP, "status": "DOWN", "action": "StatusUpdate"}),
        json!({"appName": "FOO", "id": "i3", "lastDirtyTimestamp": STAMP, "status": "UP", "action": "DeleteStatusOverride"}),
        json!({"appName": "FOO", "id": "i4", "action": "Cancel"}),
    ];
    assert_eq!(items[4..], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_length_leads_to_nothing() {
    let peer = Peer::start().await;
    let node = registry(&peer, PATIENT).await;
    node.register(instance("FOO", "i1")).await;
    peer.batch(&node, 0).await;
    let unknown = json!({"statusCode": 404});
    for (index, answer) in [
        (1, list(&json!([unknown, unknown]))),
        (2, list(&json!([]))),
        (3, Answer::Of(200, "nonsense".into())),
        // And of the right length: the peer does not know it, so it is told.
        (4, list(&json!([unknown]))),
    ] {
        peer.answers_next(answer);
        renew(&node, "i1").await;
        assert_eq!(peer.batch(&node, index).await.told(), [("Heartbeat", "i1")], "batch {index}");
    }
    assert_eq!(peer.batch(&node, 5).await.told(), [("Register", "i1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_in_an_answer_is_taken_over_with_its_override() {
    let peer = Peer::start().await;
    let node = registry(&peer, PATIENT).await;
    for (index, status) in [409, 500].into_iter().enumerate() {
        let id = format!("i{status}");
        node.register(instance("FOO", &id)).await;
        peer.batch(&node, index * 2).await;
        let mut better = instance("FOO", &id);
        better["lastDirtyTimestamp"] = (STAMP + 5).to_string().into();
        better["hostName"] = "better".into();
        better["overriddenStatus"] = "OUT_OF_SERVICE".into();
        peer.answers_next(list(&json!([{"statusCode": status, "responseEntity": better}])));
        renew(&node, &id).await;
        node.eventually(&format!("apps/FOO/{id}"), "hostName", "better").await;
        node.eventually(&format!("apps/FOO/{id}"), "status", "OUT_OF_SERVICE").await;
    }
    assert_eq!(peer.items().len(), 4, "and told to nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_busy_or_late_is_told_again_after_a_second() {
    for (answer, timeout) in
        [(Answer::Of(503, String::new()), PATIENT), (Answer::Late(Duration::from_secs(5)), 1000)]
    {
        let peer = Peer::start().await;
        let node = registry(&peer, timeout).await;
        peer.answers_next(answer);
        node.register(instance("FOO", "i1")).await;
        let (first, second) = (peer.batch(&node, 0).await, peer.batch(&node, 1).await);
        assert_eq!((first.told(), second.told()), (vec![("Register", "i1")], vec![("Register", "i1")]));
        let pause = second.at - first.at;
        assert!(pause >= Duration::from_millis(950), "after {pause:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_status_drops_the_batch_and_the_next_one_goes_out() {
    let peer = Peer::start().await;
    let node = registry(&peer, PATIENT).await;
    for (round, status) in [400, 401, 404, 500].into_iter().enumerate() {
        peer.answers_next(Answer::Of(status, String::new()));
        let (lost, kept) = (format!("lost{status}"), format!("kept{status}"));
        node.register(instance("FOO", &lost)).await;
        assert_eq!(peer.batch(&node, round * 2).await.told(), [("Register", lost.as_str())]);
        node.register(instance("FOO", &kept)).await;
        assert_eq!(peer.batch(&node, round * 2 + 1).await.told(), [("Register", kept.as_str())], "{status}");
    }
}
