//! What is asked of a config server, what is made of its answers, and what happens without one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod fakes;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fakes::{Fake, env};
use wellspring_lb_client::codes;
use wellspring_lb_client::config::{Importer, Refresher, Reload};
use wellspring_properties::{Environment, Importer as _, Problem, PropertySource};
use wellspring_test_support::poll::until_some;

const ANSWER: &str = r#"{"name":"orders","profiles":["dev"],"label":null,"version":"abc","state":"s1","propertySources":[
    {"name":"overrides","source":{"a":"over"}},
    {"name":"git/orders.yml","source":{"a":{"value":1,"origin":"3:7"},"big":{"value":1.0E10,"origin":"4:1"},"t":{"value":true,"origin":"5:2"}}}],"newer":{}}"#;

async fn import(
    importer: &Importer,
    location: &str,
    optional: bool,
    pairs: &[(&str, &str)],
    profiles: &[&str],
) -> Result<Vec<PropertySource>, Problem> {
    let profiles: Vec<String> = profiles.iter().map(|profile| (*profile).to_owned()).collect();
    importer.import(location, optional, &env(pairs), &profiles).await
}

#[tokio::test]
async fn sources_come_in_the_servers_order_with_origins() {
    let fake = Fake::start().await;
    fake.answers("GET /orders/dev,eu/main(_)x", 200, ANSWER);
    let importer = Importer::new();
    let pairs = [
        ("spring.application.name", "orders"),
        ("spring.cloud.config.label", "main/x"),
        ("spring.cloud.config.token", "t0k"),
        ("spring.cloud.config.headers.X-Team", "blue"),
    ];
    let location = format!("http://us:pw@{}", fake.address);
    let sources = import(&importer, &location, false, &pairs, &["dev", "eu"]).await.unwrap();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["configClient", "configserver:overrides", "configserver:git/orders.yml"]);
    let env = Environment::new(sources, vec![]);
    assert_eq!(env.get("a").as_deref(), Some("over"));
    assert_eq!(env.get("big").as_deref(), Some("1.0E10"));
    assert_eq!(env.get("config.client.version").as_deref(), Some("abc"));
    assert_eq!(env.origin("t").unwrap().to_string(), "configserver:git/orders.yml:5:2");
    let sent = fake.asked().remove(0);
    assert_eq!(sent.headers["accept"], "application/vnd.spring-cloud.config-server.v2+json");
    assert_eq!(sent.headers["authorization"], "Basic dXM6cHc=");
    assert_eq!(
        (&sent.headers["x-config-token"], &sent.headers["x-team"]),
        (&"t0k".parse().unwrap(), &"blue".parse().unwrap())
    );
    assert!(!sent.headers.contains_key("x-config-state"));
    import(&importer, &location, false, &pairs, &["dev", "eu"]).await.unwrap();
    assert_eq!(fake.asked()[1].headers["x-config-state"], "s1");
    assert_eq!(importer.sources().unwrap().len(), 2);
}

#[tokio::test]
async fn labels_and_servers_are_asked_one_after_the_other() {
    let (without, with) = (Fake::start().await, Fake::start().await);
    with.answers("GET /application/default/two", 200, ANSWER);
    let pairs = [("spring.cloud.config.label", "one,two")];
    let location = format!("{},{}", without.url(), with.url());
    import(&Importer::new(), &location, false, &pairs, &["default"]).await.unwrap();
    let lines: Vec<String> =
        without.asked().into_iter().chain(with.asked()).map(|asked| asked.line).collect();
    let (one, two) = ("GET /application/default/one", "GET /application/default/two");
    assert_eq!(lines, [one, two, one, two]);
}

#[tokio::test]
async fn only_a_broken_connection_leads_on_when_told_so() {
    let (failing, good) = (Fake::start().await, Fake::start().await);
    failing.answers("GET", 500, r#"{"status":500,"error":"no repository"}"#);
    good.answers("GET", 200, ANSWER);
    let pairs = [("spring.cloud.config.multiple-uri-strategy", "connection-timeout-only")];
    let location = format!("{},{}", failing.url(), good.url());
    let problem = import(&Importer::new(), &location, false, &pairs, &["default"]).await.unwrap_err();
    assert!(problem.message.contains("no repository"), "{problem}");
    let nobody = format!("http://127.0.0.1:{}", wellspring_test_support::port::free());
    let location = format!("{nobody},{}", good.url());
    import(&Importer::new(), &location, false, &pairs, &["default"]).await.unwrap();
}

#[tokio::test]
async fn an_optional_import_starts_without_the_server() {
    let location = format!("http://127.0.0.1:{}", wellspring_test_support::port::free());
    let importer = Importer::new();
    assert!(import(&importer, &location, true, &[], &["default"]).await.unwrap().is_empty());
    assert!(importer.sources().is_none());
    let problem = import(&importer, &location, false, &[], &["default"]).await.unwrap_err();
    assert_eq!(problem.code, codes::CONFIG_SERVER);
    let fail_fast = format!("{location}?fail-fast=true&max-attempts=2&initial-interval=1");
    assert!(import(&importer, &fail_fast, true, &[], &["default"]).await.is_err());
}

#[tokio::test]
async fn fail_fast_waits_for_a_server_that_comes_late() {
    let port = wellspring_test_support::port::free();
    let location = format!("http://127.0.0.1:{port}?fail-fast=true&initial-interval=50&max-attempts=400");
    let (sources, _fake) =
        tokio::join!(async { import(&Importer::new(), &location, false, &[], &["default"]).await }, async {
            let fake = Fake::start_on(&format!("127.0.0.1:{port}")).await;
            fake.answers("GET", 200, ANSWER);
            fake
        });
    assert_eq!(sources.unwrap().len(), 3);
}

#[tokio::test]
async fn the_server_is_found_in_the_registry() {
    let (registry, server) = (Fake::start().await, Fake::start().await);
    server.answers("GET /cfg/orders/default", 200, ANSWER);
    let port = server.address.port();
    registry.answers("GET /eureka/apps/", 200, &format!(
        r#"{{"applications":{{"versions__delta":"1","apps__hashcode":"UP_1_","application":{{"name":"CONFIG","instance":{{
        "instanceId":"c1","app":"CONFIG","hostName":"127.0.0.1","ipAddr":"127.0.0.1","status":"UP","vipAddress":"config",
        "port":{{"$":{port},"@enabled":"true"}},"securePort":{{"$":443,"@enabled":"false"}},
        "dataCenterInfo":{{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}},
        "metadata":{{"configPath":"/cfg","user":"me","password":"pw"}}}}}}}}}}"#));
    let url = format!("{}/eureka/", registry.url());
    let pairs = [
        ("spring.application.name", "orders"),
        ("spring.cloud.config.discovery.enabled", "true"),
        ("spring.cloud.config.discovery.service-id", "Config"),
        ("eureka.client.service-url.defaultZone", url.as_str()),
    ];
    import(&Importer::new(), "", false, &pairs, &["default"]).await.unwrap();
    assert_eq!(server.asked()[0].headers["authorization"], "Basic bWU6cHc=");
}

#[tokio::test]
async fn a_server_that_pushes_makes_us_refresh() {
    let fake = Fake::start().await;
    let events = fake.streams("/orders/default");
    let uri = fake.url();
    let env = env(&[
        ("wellspring.config.watch.enabled", "true"),
        ("spring.cloud.config.uri", uri.as_str()),
        ("spring.application.name", "orders"),
    ]);
    let refreshes = Arc::new(AtomicUsize::new(0));
    let (count, same) = (Arc::clone(&refreshes), env.clone());
    let reload: Reload = Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(same.clone())))
    });
    let stop = tokio_util::sync::CancellationToken::new();
    Refresher::new(env, reload).watch(stop.clone()).unwrap();
    let limit = std::time::Duration::from_secs(90);
    until_some("the stream", limit, async || (fake.count("GET /orders/default") == 1).then_some(())).await;
    events.send(("version".to_owned(), "abc".to_owned())).unwrap();
    until_some("a refresh", limit, async || (refreshes.load(Ordering::Relaxed) == 1).then_some(())).await;
    assert_eq!(fake.asked()[0].headers["accept"], "text/event-stream");
    stop.cancel();
}

#[tokio::test]
async fn without_a_server_the_last_good_set_is_used_by_whoever_asked_for_it() {
    use std::os::unix::fs::PermissionsExt;

    let fake = Fake::start().await;
    fake.answers("GET /orders/dev", 200, ANSWER);
    let folder = tempfile::tempdir().unwrap();
    let location = format!("http://us:pw@{}", fake.address);
    let pairs = [
        ("spring.application.name", "orders"),
        ("wellspring.config.last-good", folder.path().to_str().unwrap()),
    ];
    import(&Importer::new(), &location, false, &pairs, &["dev"]).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!files[0].file_name().to_string_lossy().contains("pw"));

    // The server answers nothing any more, even to one that must not start without it.
    fake.answers("GET /orders/dev", 500, "{}");
    let strict = [
        pairs[0],
        pairs[1],
        ("spring.cloud.config.fail-fast", "true"),
        ("spring.cloud.config.retry.max-attempts", "1"),
    ];
    let sources = import(&Importer::new(), &location, false, &strict, &["dev"]).await.unwrap();
    assert_eq!(Environment::new(sources, vec![]).get("a").as_deref(), Some("over"));
    // Another question has no last answer.
    assert!(import(&Importer::new(), &location, false, &strict, &["eu"]).await.is_err());
}
