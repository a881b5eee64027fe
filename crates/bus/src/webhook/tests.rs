use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use ring::hmac;
use serde_json::json;
use tower::ServiceExt;
use wellspring_properties::PropertySource;

use super::*;
use crate::transport::memory::{Exchange, Next};
use crate::{Event, Options};

fn monitor(settings: &[(&str, &str)], bus: Option<Bus>) -> Monitor {
    let source = PropertySource::of_pairs("test", settings.iter().copied());
    Monitor::from_env(&Environment::new(vec![source], vec![]), bus).unwrap()
}

async fn post(monitor: &Monitor, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
    let mut request = Request::post(monitor.path()).header("content-type", "application/json");
    for (name, value) in headers {
        request
            .headers_mut()
            .unwrap()
            .insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = monitor.router().oneshot(request).await.unwrap();
    let status = response.status();
    let body = wellspring_daemon::body::limited(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn hmac_hex(secret: &str, body: &str) -> String {
    hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes()))
}

const PUSH: &str = r#"{"commits":[{"added":["aa.yml"],"removed":["bb.yml"],"modified":["cc.yml"]},{"modified":["aa.yml"],"added":null}]}"#;

#[tokio::test]
async fn each_sender_is_known_by_its_headers() {
    let monitor = monitor(&[], None);
    let files = json!(["aa", "bb", "cc"]);
    let (all, none) = (json!(["*"]), json!([]));
    for (headers, body, names) in [
        (&[("x-github-event", "push")][..], PUSH, &files),
        (&[("x-github-event", "ping")], PUSH, &none),
        (&[("x-gitlab-event", "Push Hook")], PUSH, &files),
        (&[("x-gitlab-event", "push hook")], PUSH, &none),
        (&[("x-gogs-event", "push")], PUSH, &files),
        (&[("x-git-oschina-event", "Push Hook")], PUSH, &files),
        (&[("x-gitea-event", "push")], PUSH, &all),
        (&[("x-gitea-event", "push")], "{}", &none),
        (&[("x-event-key", "repo:push"), ("x-hook-uuid", "u")], r#"{"push":{"changes":[]}}"#, &all),
        (
            &[("x-event-key", "pullrequest:fulfilled"), ("x-hook-uuid", "u")],
            r#"{"push":{"changes":[]}}"#,
            &all,
        ),
        (&[("x-event-key", "repo:push")], r#"{"push":{"changes":[]}}"#, &none),
        (&[("x-event-key", "repo:push"), ("x-hook-uuid", "")], r#"{"push":{"changes":[]}}"#, &none),
        (&[("x-event-key", "repo:refs_changed"), ("x-request-id", "r")], r#"{"changes":[{}]}"#, &all),
        (&[("x-event-key", "pr:merged"), ("x-request-id", "r")], "{}", &all),
        (&[("x-event-key", "pr:merged")], "{}", &none),
        (&[], PUSH, &none),
        (&[], r#"{"path":["aa.yml","bb.yml","cc.yml"]}"#, &files),
        (&[], r#"{"path":5}"#, &none),
    ] {
        assert_eq!(post(&monitor, headers, body).await, (StatusCode::OK, names.clone()), "{headers:?}");
    }
}

#[tokio::test]
async fn github_comes_before_a_path_and_a_path_before_the_others() {
    let monitor = monitor(&[], None);
    let body = r#"{"path":"simple.yml","commits":[{"modified":["foo.yml"]}]}"#;
    assert_eq!(post(&monitor, &[("x-github-event", "push")], body).await.1, json!(["foo"]));
    assert_eq!(post(&monitor, &[("x-gitlab-event", "Push Hook")], body).await.1, json!(["simple"]));
}

#[tokio::test]
async fn a_sender_can_be_switched_off() {
    let monitor = monitor(&[("spring.cloud.config.server.monitor.github.enabled", "false")], None);
    assert_eq!(post(&monitor, &[("x-github-event", "push")], PUSH).await.1, json!([]));
}

#[tokio::test]
async fn forms_content_types_and_methods_are_answered_as_the_original_does() {
    let monitor = monitor(&[("spring.cloud.config.monitor.endpoint.path", "/hooks/")], None);
    assert_eq!(monitor.path(), "/hooks/monitor");
    let form = "application/x-www-form-urlencoded";
    for (content_type, body, status, names) in [
        (form, "path=foo&path=bar-dev.yml", 200, json!(["foo", "bar-dev", "bar"])),
        (form, "path=foo,bar", 200, json!(["foo", "bar"])),
        (form, "path=foo,bar&path=x", 200, json!(["foo,bar", "x"])),
        (form, "path=a%20b.yml", 200, json!(["a b"])),
        (form, "other=1", 400, Value::Null),
        ("application/json;charset=UTF-8", r#"{"path":"foo"}"#, 200, json!(["foo"])),
        ("application/json", "oops", 400, Value::Null),
        ("application/json", "", 400, Value::Null),
        ("application/json", "[1]", 400, Value::Null),
        ("text/plain", "path=foo", 415, Value::Null),
    ] {
        let (got, answer) = post(&monitor, &[("content-type", content_type)], body).await;
        assert_eq!(got.as_u16(), status, "{content_type} {body}");
        if status == 200 {
            assert_eq!(answer, names, "{body}");
        } else {
            assert_eq!(answer["path"], "/hooks/monitor");
        }
    }
    let get = Request::get("/hooks/monitor").body(Body::empty()).unwrap();
    let response = monitor.router().oneshot(get).await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn every_name_gets_a_refresh_in_order() {
    let exchange = Exchange::new();
    let mut tap = exchange.read();
    let bus = Bus::start(Options::new("config-server:8888:c1"), Arc::new(exchange));
    let monitor = monitor(&[], Some(bus));
    let body = r#"{"path":["shop-dev.yml","application.yml",""]}"#;
    assert_eq!(post(&monitor, &[], body).await.1, json!(["shop-dev", "shop", "*", ""]));
    let mut destinations = Vec::new();
    while destinations.len() < 4 {
        let Next::Message(body, _) = tap.next().await else { panic!("closed") };
        let event = Event::read(&body).unwrap();
        if event.payload == Payload::Refresh {
            destinations.push(event.destination.pattern().unwrap().to_owned());
        }
    }
    assert_eq!(destinations, ["shop-dev:**", "shop:**", "*:**", ":**"]);
}

#[tokio::test]
async fn with_a_secret_only_signed_requests_are_believed() {
    let secrets: Vec<_> = ["github", "gitlab", "gitea", "gogs", "gitee", "bitbucket", "plain"]
        .map(|name| (format!("wellspring.monitor.{name}.secret"), format!("{name}-secret")))
        .into();
    let settings: Vec<_> = secrets.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let monitor = monitor(&settings, None);
    let github = format!("sha256={}", hmac_hex("github-secret", PUSH));
    let (gitea, gogs) = (hmac_hex("gitea-secret", PUSH), hmac_hex("gogs-secret", PUSH));
    let bucket = format!("sha256={}", hmac_hex("bitbucket-secret", r#"{"changes":[]}"#));
    let gitee = {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"gitee-secret");
        base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            hmac::sign(&key, b"1700000000000\ngitee-secret"),
        )
    };
    for (headers, proof, body) in [
        (&[("x-github-event", "push")][..], ("x-hub-signature-256", github.as_str()), PUSH),
        (&[("x-gitlab-event", "Push Hook")], ("x-gitlab-token", "gitlab-secret"), PUSH),
        (&[("x-gitea-event", "push")], ("x-gitea-signature", &gitea), PUSH),
        (&[("x-gitea-event", "push"), ("x-github-event", "push")], ("x-gitea-signature", &gitea), PUSH),
        (&[("x-gogs-event", "push")], ("x-gogs-signature", &gogs), PUSH),
        (&[("x-git-oschina-event", "Push Hook")], ("x-gitee-token", "gitee-secret"), PUSH),
        (
            &[("x-git-oschina-event", "Push Hook"), ("x-gitee-timestamp", "1700000000000")],
            ("x-gitee-token", &gitee),
            PUSH,
        ),
        (
            &[("x-event-key", "repo:refs_changed"), ("x-request-id", "r")],
            ("x-hub-signature", &bucket),
            r#"{"changes":[]}"#,
        ),
        (&[], ("authorization", "Bearer plain-secret"), r#"{"path":"x.yml"}"#),
    ] {
        let with = |value: &'static str| -> Vec<(&str, &str)> { [headers, &[(proof.0, value)]].concat() };
        assert_eq!(
            post(&monitor, headers, body).await.0,
            StatusCode::UNAUTHORIZED,
            "{headers:?} without proof"
        );
        assert_eq!(
            post(&monitor, &with("wrong"), body).await.0,
            StatusCode::UNAUTHORIZED,
            "{headers:?} wrong"
        );
        let signed: Vec<_> = [headers, &[proof]].concat();
        assert_eq!(post(&monitor, &signed, body).await.0, StatusCode::OK, "{headers:?} signed");
    }
}

#[tokio::test]
async fn one_secret_closes_the_door_for_senders_without() {
    let monitor = monitor(&[("wellspring.monitor.github.secret", "s")], None);
    assert_eq!(post(&monitor, &[], r#"{"path":"x.yml"}"#).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&monitor, &[("x-gitlab-event", "Push Hook")], PUSH).await.0, StatusCode::UNAUTHORIZED);
}

#[test]
fn secrets_are_not_shown() {
    let monitor = monitor(&[("wellspring.monitor.github.secret", "hush")], None);
    assert!(!format!("{monitor:?}").contains("hush"));
}

#[test]
fn long_notifications() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let secrets: Vec<(String, &str)> = SENDERS
        .iter()
        .map(|webhook| (format!("wellspring.monitor.{}.secret", webhook.name()), "s3cret"))
        .collect();
    let secrets: Vec<(&str, &str)> = secrets.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let (trusting, checking) = (monitor(&[], None), monitor(&secrets, None));
    let bitbucket = r#"{"push":{"changes":[{"new":{"name":"main"}}]},"repository":{"full_name":"a/b"}}"#;
    let examples =
        [PUSH, bitbucket, r#"{"path":["orders.yml","a-b-c.properties"]}"#, "path=orders.yml,a.yml&path=b"];
    let words = [
        "\"commits\":",
        "\"added\":[",
        "\"modified\":",
        "\"path\":",
        "[",
        "]",
        "{",
        "}",
        "null",
        "-",
        ".",
        "/",
        "%2C",
        "&path=",
        ",",
    ];
    let headers = [
        ("x-github-event", "push"),
        ("x-gitlab-event", "Push Hook"),
        ("x-gogs-event", "push"),
        ("x-gitea-event", "push"),
        ("x-git-oschina-event", "Push Hook"),
        ("x-event-key", "repo:push"),
        ("x-hook-uuid", "u"),
        ("x-hub-signature-256", "sha256=00"),
        ("x-hub-signature-256", "\u{e9}"),
        ("x-gitlab-token", "x"),
        ("x-gitea-signature", "zz"),
        ("x-gitee-token", "x"),
        ("x-gitee-timestamp", "1"),
    ];
    wellspring_test_support::fuzz::text("webhooks", &examples, &words, |text, rng| {
        let some: Vec<(&str, &str)> = headers.into_iter().filter(|_| rng.u8(..3) == 0).collect();
        let (status, names) = runtime.block_on(post(&trusting, &some, text));
        assert!([200, 400].contains(&status.as_u16()), "{status} for {text}");
        assert!(status != 200 || names.is_array(), "{names} for {text}");
        // Without a signature that fits nothing is told to anybody.
        let (status, names) = runtime.block_on(post(&checking, &some, text));
        assert!(status != 200 || names == json!([]), "{names} for {text}");
    });
}
