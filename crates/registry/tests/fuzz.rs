//! Bodies and requests that nobody should send, made of good ones by changing, cutting, doubling and nesting them.
//!
//! Guards: no reader panics, loops or takes what it cannot write again; no request gets an answer that it should not; and
//! after all of it the lists are whole. `SEED=17 cargo test -p wellspring-registry --test fuzz` begins as that run did.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use fastrand::Rng;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wellspring_properties::Loader;
use wellspring_registry::access::Access;
use wellspring_registry::dashboard::About;
use wellspring_registry::http::Api;
use wellspring_registry::{Caller, Clock, Config, Node};
use wellspring_test_support::long;
use wellspring_wire::Millis;
use wellspring_wire::eureka::{DataCenterInfo, Form, InstanceInfo, Metadata, json as codec, xml};

const FULL: Duration = Duration::from_secs(600);

fn instance(random: &mut Rng) -> InstanceInfo {
    let app = ["FOO", "BAR"][random.usize(0..2)];
    InstanceInfo {
        instance_id: Some(format!("i{}", random.u8(0..20))),
        app: app.to_owned(),
        host_name: "h".to_owned(),
        ip_addr: "10.0.0.1".to_owned(),
        data_center_info: Some(DataCenterInfo::my_own()),
        metadata: Metadata::from_iter([("zone".to_owned(), "z\"<&".to_owned())]),
        vip_address: Some("a,b".to_owned()),
        home_page_url: Some("http://h/".to_owned()),
        last_dirty: Some(Millis(random.i64(..))),
        ..InstanceInfo::default()
    }
}

/// Pieces that mean something to one of the readers.
const WORDS: [&str; 32] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "-1",
    "1e999",
    "9223372036854775808",
    "\\u0000",
    "\\ud800",
    "\"@class\":",
    "\"instance\":",
    "\"$\":",
    "\"@enabled\":",
    "\"metadata\":{",
    "\"status\":\"up\"",
    "<",
    ">",
    "</",
    "/>",
    "<instance>",
    "</instance>",
    "<!DOCTYPE x [<!ENTITY a \"b\">]>",
    "&a;",
    "&#0;",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.1\"?>",
];

fn spoil(body: &mut Vec<u8>, random: &mut Rng) {
    for _ in 0..random.usize(0..6) {
        let at = random.usize(0..=body.len());
        match random.u8(0..7) {
            0 => body.truncate(at),
            1 => {
                if let Some(byte) = body.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
            2 => {
                let word = WORDS[random.usize(0..WORDS.len())];
                body.splice(at..at, word.bytes());
            }
            3 => {
                let end = random.usize(at..=body.len());
                let part = body[at..end].to_vec();
                body.splice(at..at, part);
            }
            4 => {
                let end = random.usize(at..=body.len());
                body.drain(at..end);
            }
            5 => {
                let open = [&b"["[..], b"{\"a\":", b"<a>"][random.usize(0..3)];
                body.splice(at..at, open.repeat(random.usize(0..400)));
            }
            _ => body.splice(at..at, (0..random.usize(0..8)).map(|_| random.u8(..))).for_each(drop),
        }
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn long_what_the_codecs_read_they_write_and_read_again() {
    let mut random = Rng::with_seed(long::seed());
    let end = Instant::now() + long::time(Duration::from_secs(3), FULL);
    let (mut taken, mut refused) = (0_u64, 0_u64);
    while Instant::now() < end {
        let one = instance(&mut random);
        let mut text = written(|out| codec::write_instance(&one, out));
        spoil(&mut text, &mut random);
        match codec::read_instance(&text) {
            Ok(read) => {
                taken += 1;
                let again = written(|out| codec::write_instance(&read, out));
                assert_eq!(codec::read_instance(&again).unwrap(), read, "{}", String::from_utf8_lossy(&text));
                serde_json::from_slice::<Value>(&written(|out| {
                    codec::write_bare_instance(&read, Form::Compact, out)
                }))
                .unwrap();
            }
            Err(_) => refused += 1,
        }
        let mut text = written(|out| xml::write_instance(&one, out));
        spoil(&mut text, &mut random);
        match xml::read_instance(&text) {
            Ok(read) => {
                taken += 1;
                // What XML cannot say (an empty text, blanks at an end) is lost the first time and not again.
                let again = xml::read_instance(&written(|out| xml::write_instance(&read, out)));
                assert!(
                    again.is_ok() || read.data_center_info.is_none(),
                    "{}",
                    String::from_utf8_lossy(&text)
                );
            }
            Err(_) => refused += 1,
        }
        drop((
            codec::read_applications(&text),
            xml::read_applications(&text),
            codec::read_batch_response(&text),
        ));
    }
    println!("{taken} taken, {refused} refused");
    assert!(taken > 100 && refused > 100, "{taken} taken, {refused} refused: this tries nothing");
}

async fn api() -> (Arc<Node>, Api) {
    let env = Loader::new().config_path(None).load().await.unwrap();
    let config = Config::bind(&env).unwrap();
    let node = Arc::new(Node::new(config.rules("me"), Duration::from_secs(30), Clock::default()));
    let own =
        InstanceInfo { app: "REGISTRY".to_owned(), host_name: "me".to_owned(), ..InstanceInfo::default() };
    let about = Arc::new(About { config, own, started: Millis::now() });
    (Arc::clone(&node), Api::new(node, about, Access::default(), None, CancellationToken::new()))
}

fn batch(random: &mut Rng) -> Vec<u8> {
    let items: Vec<Value> = (0..random.usize(0..5))
        .map(|_| {
            let actions =
                ["Register", "Heartbeat", "Cancel", "StatusUpdate", "DeleteStatusOverride", "heartbeat", ""];
            // Rarely one that nobody knows: it spoils the whole batch.
            let known = if random.u8(0..10) == 0 { actions.len() } else { actions.len() - 2 };
            let mut item = json!({
                "appName": (["FOO", "bar", "", "BAZ"][random.usize(0..4)]),
                "id": format!("i{}", random.u8(0..20)),
                "status": (["UP", "up", "OUT_OF_SERVICE", "x"][random.usize(0..4)]),
                "overriddenStatus": (["UP", "DOWN", "UNKNOWN"][random.usize(0..3)]),
                "lastDirtyTimestamp": random.i64(..),
                "action": (actions[random.usize(0..known)]),
            });
            if random.bool() {
                let one = written(|out| codec::write_bare_instance(&instance(random), Form::Full, out));
                item["instanceInfo"] = serde_json::from_slice(&one).unwrap();
            }
            if random.u8(0..4) == 0 {
                let keys: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
                item.as_object_mut().unwrap().remove(&keys[random.usize(0..keys.len())]);
            }
            item
        })
        .collect();
    let mut body = json!({ "replicationList": items }).to_string().into_bytes();
    if random.u8(0..3) == 0 {
        spoil(&mut body, random);
    }
    body
}

const SEGMENTS: [&str; 24] = [
    "eureka",
    "v2",
    "apps",
    "delta",
    "FOO",
    "foo",
    "i1",
    "i%2f1",
    "%ff%fe",
    "",
    "status",
    "metadata",
    "instances",
    "vips",
    "svips",
    "a,b",
    "peerreplication",
    "batch",
    "asg",
    "digest",
    "lastn",
    "..",
    "%00",
    "\u{2603}%E2%98%83",
];
const QUERIES: [&str; 10] = [
    "",
    "value=UP",
    "value=up",
    "value=OUT_OF_SERVICE",
    "lastDirtyTimestamp=1",
    "lastDirtyTimestamp=x",
    "regions=a,b",
    "a=b&a=c",
    "%zz=%",
    "overriddenstatus=DOWN&status=&",
];
const HEADERS: [(&str, &[&str]); 6] = [
    (
        "accept",
        &["application/json", "application/xml", "*/*", "text/html", "json;q=x,,;", "application/json;q=0"],
    ),
    (
        "content-type",
        &["application/json", "application/xml;charset=utf-8", "text/plain", ";", "application/"],
    ),
    ("accept-encoding", &["gzip", "gzip;q=0", "br"]),
    ("x-eureka-accept", &["compact", "full", "?"]),
    ("x-netflix-discovery-replication", &["true", "false"]),
    ("last-event-id", &["0", "18446744073709551615", "x"]),
];

fn request(random: &mut Rng) -> Option<http::Request<Full<bytes::Bytes>>> {
    let method = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH", "BREW"][random.usize(0..8)];
    let (path, body) = match random.u8(0..4) {
        0 => ("/eureka/peerreplication/batch/".to_owned(), batch(random)),
        1 => {
            let one = instance(random);
            let mut body = if random.bool() {
                written(|out| codec::write_instance(&one, out))
            } else {
                written(|out| xml::write_instance(&one, out))
            };
            spoil(&mut body, random);
            (format!("/eureka/apps/{}", one.app), body)
        }
        2 => {
            (format!("/eureka/apps/{}/i{}", ["FOO", "BAR"][random.usize(0..2)], random.u8(0..20)), Vec::new())
        }
        _ => {
            let segments = (0..random.usize(0..6)).map(|_| SEGMENTS[random.usize(0..SEGMENTS.len())]);
            (format!("/{}", segments.collect::<Vec<_>>().join("/")), Vec::new())
        }
    };
    let query = QUERIES[random.usize(0..QUERIES.len())];
    let mut request = http::Request::builder().method(method).uri(format!("{path}?{query}"));
    for (name, values) in HEADERS {
        // Mostly as it should be: or nothing would get through.
        match random.u8(0..4) {
            0 => {}
            1 => request = request.header(name, values[random.usize(0..values.len())]),
            _ => request = request.header(name, values[0]),
        }
    }
    request.body(Full::new(body.into())).ok()
}

#[tokio::test(flavor = "current_thread")]
async fn long_no_request_gets_an_answer_that_it_should_not() {
    let (node, api) = api().await;
    let mut random = Rng::with_seed(long::seed());
    let end = Instant::now() + long::time(Duration::from_secs(3), FULL);
    let mut counts = std::collections::BTreeMap::new();
    while Instant::now() < end {
        let Some(request) = request(&mut random) else { continue };
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let answer = api.answer(request).await;
        let status = answer.status().as_u16();
        *counts.entry(status).or_insert(0_u64) += 1;
        // 500 is the original's own answer to values that it does not know.
        let known = matches!(status, 200 | 204 | 400 | 403 | 404 | 405 | 406 | 409 | 413 | 415 | 500);
        assert!(known, "{method} {uri}: {status}");
        if !uri.path().ends_with("/watch") {
            let _: bytes::Bytes = Body::new(answer.into_body()).collect().await.unwrap().to_bytes();
        }
    }
    println!("{counts:?}");
    assert!([200, 204, 400, 404, 405, 415].iter().all(|status| counts.contains_key(status)), "{counts:?}");
    // What is left of the registry is whole, and takes new instances.
    let mut last = instance(&mut random);
    last.instance_id = Some("last".to_owned());
    node.register(last, Caller::CLIENT);
    let list = node.whole(
        wellspring_registry::view::Whole::Apps,
        wellspring_registry::view::Format::Json,
        Form::Full,
    );
    let read = codec::read_applications(&list.plain()).unwrap();
    assert_eq!(read.hashcode, node.with(|state, _| state.counts().to_string()));
    assert_eq!(read.instances().count(), node.with(|state, _| state.len()));
    assert!(read.instances().any(|one| one.id() == "last"));
}
