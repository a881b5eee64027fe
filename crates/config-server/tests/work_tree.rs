//! Repositories that are read where they are, and directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use serde_json::json;
use support::Server;
use wellspring_test_support::Repository;
use wellspring_test_support::http1::Request;

const URI: &str = "spring.cloud.config.server.git.uri";

#[tokio::test(flavor = "multi_thread")]
async fn work_trees_are_read_and_left_alone() {
    let mut repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    repository.branch("other").unwrap();
    repository.put("application.yml", "a: other\n").unwrap();
    repository.checkout("main").unwrap();
    let server = Server::start(&[(URI, &repository.uri())]).await;
    assert_eq!(server.value("/x/default", "a").await, 1);
    repository.write("application.yml", "a: uncommitted\n").unwrap();
    repository.write("x.yml", "b: untracked\n").unwrap();
    let version = server.json("/x/default").await["version"].clone();
    assert_eq!(server.value("/x/default", "a").await, "uncommitted");
    assert_ne!(server.json("/x/default/other").await["version"], version);
    assert_eq!(server.value("/x/default/other", "a").await, "other");
    assert_eq!(server.value("/x/default/other", "b").await, "untracked");
    let status = std::process::Command::new("git")
        .current_dir(repository.path())
        .args(["status", "--short", "--branch"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stdout), "## main\n M application.yml\n?? x.yml\n");
    repository.commit("now").unwrap();
    assert_ne!(server.json("/x/default").await["version"], version);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_repository_is_served_in_place() {
    let repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    let bare = repository.publish().unwrap();
    let server = Server::start(&[(URI, &format!("file://{}", bare.display()))]).await;
    assert_eq!(server.value("/x/default", "a").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_files_as_plain_text() {
    let repository = Repository::with(&[("page.html", "<script>1</script>\n")]).unwrap();
    let server = Server::start(&[(URI, &repository.uri())]).await;
    let reply = server
        .send(Request::new("GET", "/x/default/main/page.html").header("Accept", "text/html,*/*;q=0.8"))
        .await;
    assert_eq!(reply.header("content-type"), Some("text/plain;charset=UTF-8"));
    assert_eq!(reply.text(), "<script>1</script>\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_endpoints_say_so() {
    let repository = Repository::with(&[("application.yml", "a: '{cipher}00'\nb: 1\n")]).unwrap();
    let server = Server::start(&[(URI, &repository.uri())]).await;
    let reply = server.get("/encrypt/status").await;
    assert_eq!((reply.status, reply.json()["status"].clone()), (404, json!("NO_KEY")));
    for path in ["/encrypt", "/decrypt"] {
        let reply =
            server.send(Request::new("POST", path).header("Content-Type", "text/plain").body("x")).await;
        assert_eq!((reply.status, reply.json()["status"].clone()), (404, json!("NO_KEY")));
    }
    assert_eq!(server.value("/x/default", "invalid.a").await, "<n/a>");
    assert_eq!(server.value("/x/default", "b").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_path_is_told_apart() {
    let error = Server::try_start(&[
        (URI, "file:///nowhere"),
        ("encrypt.key-store.location", "classpath:/server.jks"),
    ])
    .await
    .err()
    .unwrap();
    assert!(error.contains("class path"), "{error}");
    let native = [
        ("spring.profiles.active", "native"),
        ("spring.cloud.config.server.native.search-locations", "classpath:/config"),
    ];
    let server = Server::start(&native).await;
    assert_eq!(server.json("/x/default").await["propertySources"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_formats_and_paths_follow_the_settings() {
    let repository = Repository::with(&[("application.yml", "a: 1\n"), ("empty/x.txt", "")]).unwrap();
    let server = Server::start(&[
        (URI, &repository.uri()),
        ("server.servlet.context-path", "/cfg"),
        ("spring.cloud.config.server.prefix", "/config/v1"),
        ("spring.cloud.config.server.overrides.forced", "yes"),
        ("spring.cloud.config.server.overrides.deep.er", "1"),
    ])
    .await;
    assert_eq!(server.value("/cfg/config/v1/x/default", "forced").await, "yes");
    assert_eq!(
        server.get("/cfg/config/v1/x-default.json").await.json(),
        json!({"a": 1, "forced": "yes", "deep": {"er": "1"}})
    );
    assert_eq!(server.get("/cfg/x/default").await.status, 404);
    assert_eq!(server.get("/x/default").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_for_an_application_is_404_where_empty_is_not_accepted() {
    let repository = Repository::with(&[("orders.yml", "a: 1\n")]).unwrap();
    let server =
        Server::start(&[(URI, &repository.uri()), ("spring.cloud.config.server.accept-empty", "false")])
            .await;
    assert_eq!(server.get("/orders/default").await.status, 200);
    assert_eq!(server.get("/x/default").await.status, 404);
    assert_eq!(server.get("/actuator/health").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn composites_keep_their_order() {
    let repository = Repository::with(&[("application.yml", "a: git\nb: git\n")]).unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("application.yml"), "a: native\n").unwrap();
    let (uri, location) = (repository.uri(), format!("file:{}", home.path().display()));
    let key = |at: usize, name: &str| format!("spring.cloud.config.server.composite[{at}].{name}");
    let server = Server::start(&[
        ("spring.profiles.active", "composite"),
        (&key(0, "type"), "native"),
        (&key(0, "search-locations"), &location),
        (&key(1, "type"), "git"),
        (&key(1, "uri"), &uri),
    ])
    .await;
    let environment = server.json("/x/default").await;
    assert_eq!(environment["version"], json!(null));
    assert_eq!(server.get("/x-default.json").await.json(), json!({"a": "native", "b": "git"}));
    let error = Server::try_start(&[("spring.profiles.active", "composite"), (&key(0, "type"), "floppy")])
        .await
        .err()
        .unwrap();
    assert!(error.contains("floppy"), "{error}");
}
