//! Redis.

use std::time::Duration;

use serde_json::json;
use wellspring_test_support::broker::Redis;
use wellspring_test_support::poll;

use crate::support::Server;
use crate::{SHOWN, has_no_files, health, names, post};

fn command(redis: &Redis, words: &[&str]) {
    let port = redis.port().to_string();
    let done = std::process::Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(!said.contains("ERR"), "{words:?}: {said}");
}

async fn server(redis: &Redis, more: &[(&str, &str)]) -> Server {
    let port = redis.port().to_string();
    let mut all = vec![("spring.profiles.active", "redis"), ("spring.data.redis.port", port.as_str()), SHOWN];
    all.extend(more);
    Server::start(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_of_profiles_and_application_are_sources() {
    let Some(redis) = Redis::start("hashes_of_profiles_and_application_are_sources") else { return };
    let server = server(&redis, &[("encrypt.key", "k")]).await;
    let cipher = format!("{{cipher}}{}", post(&server, "/encrypt", "plain").await);
    command(&redis, &["hset", "application", "shared", "all"]);
    let hash =
        ["hset", "orders", "a.b", "1", "list[0]", "x", "secret", &cipher, "bad", "{cipher}zz", "e", ""];
    command(&redis, &hash);
    command(&redis, &["hset", "orders-dev", "a.b", "2", "z", "1", "y", "größe"]);
    command(&redis, &["hset", "orders-prod", "a.b", "3"]);
    command(&redis, &["hset", "a,b", "both", "yes"]);
    command(&redis, &["set", "wrong-dev", "no hash"]);

    let own = json!({"a.b": "1", "list[0]": "x", "e": "", "secret": "plain", "invalid.bad": "<n/a>"});
    let one = server.json("/orders/dev").await;
    assert_eq!(
        one,
        json!({"name": "orders", "profiles": ["dev"], "label": null, "version": null, "state": null, "propertySources": [
            {"name": "redis:orders-dev", "source": {"a.b": "2", "z": "1", "y": "größe"}},
            {"name": "redis:orders", "source": own},
        ]})
    );
    let two = server.json("/orders/dev,prod/v1").await;
    assert_eq!(names(&two), ["redis:orders-prod", "redis:orders-dev", "redis:orders"]);
    assert_eq!((&two["label"], &two["version"]), (&json!("v1"), &json!(null)));
    // A name with a comma is one key; a hash that is not there is an empty source; nothing is shared by all.
    let both = server.json("/a,b/default").await;
    assert_eq!(
        both["propertySources"],
        json!([{"name": "redis:a,b-default", "source": {}}, {"name": "redis:a,b", "source": {"both": "yes"}}])
    );
    // Redis keeps the order of small hashes only.
    command(&redis, &["hset", "small", "z", "1", "list[0]", "x", "bad", "{cipher}zz", "e", ""]);
    command(&redis, &["hset", "small-dev", "a.b", "2", "z", "3"]);
    assert_eq!(
        server.get("/small-dev.properties").await.text(),
        "z: 3\ne: \ninvalid.bad: <n/a>\na.b: 2\nlist[0]: x"
    );
    let wrong = server.get("/wrong/dev").await;
    assert_eq!((wrong.status, &wrong.json()["path"]), (500, &json!("/wrong/dev")));
    has_no_files(&server).await;
    let (status, component) = health(&server, "configServer").await;
    assert_eq!(
        (status.as_str(), &component["details"]["repositories"][0]["sources"]),
        ("UP", &json!(["redis:app-default", "redis:app"]))
    );
    let (status, component) = health(&server, "redis").await;
    assert!(status == "UP" && component["details"]["version"].is_string(), "{component}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_goes_and_comes_is_told_and_used_again() {
    let Some(mut redis) = Redis::start("a_redis_that_goes_and_comes_is_told_and_used_again") else { return };
    command(&redis, &["hset", "orders", "a", "1"]);
    let server = server(&redis, &[("spring.data.redis.timeout", "2s")]).await;
    assert_eq!(server.value("/orders/dev", "a").await, "1");
    redis.crash();
    assert_eq!(server.get("/orders/dev").await.status, 500);
    assert_eq!(health(&server, "redis").await.0, "DOWN");
    redis.restart();
    let back = poll::until_some("it is asked again", Duration::from_secs(90), async || {
        let reply = server.get("/orders/dev").await;
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(back.await["propertySources"][1]["source"], json!({"a": "1"}));
    // One that takes connections and is silent costs its time-out, not a thread.
    redis.freeze();
    assert_eq!(server.get("/orders/dev").await.status, 500);
    redis.thaw();
    assert_eq!(server.value("/orders/dev", "a").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_and_a_database_are_used_and_not_shown() {
    let Some(redis) = Redis::start("a_password_and_a_database_are_used_and_not_shown") else { return };
    command(&redis, &["-n", "3", "hset", "orders", "a", "third"]);
    command(&redis, &["acl", "setuser", "ada", "on", ">hunter2", "~*", "+@all"]);
    command(&redis, &["config", "set", "requirepass", "other"]);
    let url = format!("redis://ada:hunter2@127.0.0.1:{}/3", redis.port());
    let good = Server::start(&[("spring.profiles.active", "redis"), ("spring.data.redis.url", &url)]).await;
    assert_eq!(good.value("/orders/dev", "a").await, "third");
    let wrong = Server::start(&[
        ("spring.profiles.active", "redis"),
        ("spring.data.redis.url", &url.replace("hunter2", "hunter3")),
        ("server.error.include-message", "always"),
        SHOWN,
    ])
    .await;
    let reply = wrong.get("/orders/dev").await;
    assert!(reply.status == 500 && !reply.text().contains("hunter"), "{}", reply.text());
    let (status, component) = health(&wrong, "redis").await;
    assert!(status == "DOWN" && !component.to_string().contains("hunter"), "{component}");
    let clustered = Server::try_start(&[
        ("spring.profiles.active", "redis"),
        ("spring.data.redis.cluster.nodes", "a:1,b:2"),
    ]);
    assert!(clustered.await.err().unwrap().contains("WS-1430"));
}
