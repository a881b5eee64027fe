//! Mirrors of remotes: over HTTP and from a path, with credentials, news, force pushes, and remotes that do not answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use support::Server;
use tokio::time::Instant;
use wellspring_test_support::{Fault, FaultProxy, HttpRemote, Repository, long};

const URI: &str = "spring.cloud.config.server.git.uri";
const RATE: &str = "spring.cloud.config.server.git.refresh-rate";
const BASEDIR: &str = "spring.cloud.config.server.git.basedir";

fn repository() -> Repository {
    Repository::with(&[("application.yml", "a: 1\n"), ("orders.yml", "b: 1\n")]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_http_remote_are_served_at_once() {
    let mut repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let server = Server::start(&[(URI, &remote.url())]).await;
    assert_eq!(server.value("/orders/default", "a").await, 1);
    for n in 2..6 {
        let commit = repository.put("application.yml", &format!("a: {n}\n")).unwrap();
        let environment = server.json("/orders/default").await;
        assert_eq!(environment["version"], commit);
        assert_eq!(environment["propertySources"][1]["source"]["a"], n);
    }
    repository.tag("v1").unwrap();
    repository.branch("feature/x").unwrap();
    repository.put("application.yml", "a: feature\n").unwrap();
    assert_eq!(server.value("/orders/default/v1", "a").await, 5);
    assert_eq!(server.value("/orders/default/feature(_)x", "a").await, "feature");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_may_be_rewritten_and_branches_deleted() {
    let mut repository = repository();
    let first = repository.put("application.yml", "a: first\n").unwrap();
    repository.put("application.yml", "a: second\n").unwrap();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let server = Server::start(&[(URI, &remote.url())]).await;
    assert_eq!(server.value("/x/default", "a").await, "second");
    repository.reset(&first).unwrap();
    repository.put("application.yml", "a: rewritten\n").unwrap();
    assert_eq!(server.value("/x/default", "a").await, "rewritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_branches_live_on_unless_they_are_not_wanted() {
    for (wanted, status) in [("false", 200), ("true", 404)] {
        let mut repository = repository();
        repository.branch("gone").unwrap();
        repository.put("application.yml", "a: gone\n").unwrap();
        repository.checkout("main").unwrap();
        let path = repository.path().to_owned();
        let server = Server::start(&[
            (URI, &path.display().to_string()),
            ("spring.cloud.config.server.git.delete-untracked-branches", wanted),
        ])
        .await;
        assert_eq!(server.value("/x/default/gone", "a").await, "gone");
        let done = std::process::Command::new("git")
            .current_dir(&path)
            .args(["branch", "-D", "gone"])
            .output()
            .unwrap();
        assert!(done.status.success());
        assert_eq!(server.get("/x/default/gone").await.status, status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent_and_their_absence_is_told() {
    let repository = repository();
    // user:pass
    let remote = HttpRemote::start(repository.path().join(".git"), Some("Basic dXNlcjpwYXNz"));
    let url = remote.url();
    let git = "spring.cloud.config.server.git";
    let with =
        [(URI, url.as_str()), (&format!("{git}.username"), "user"), (&format!("{git}.password"), "pass")];
    assert_eq!(Server::start(&with).await.value("/x/default", "a").await, 1);
    let inside = url.replace("http://", "http://user:pass@");
    assert_eq!(Server::start(&[(URI, &inside)]).await.value("/x/default", "a").await, 1);
    for (uri, cause) in
        [(url.clone(), "wants a username"), (url.replace("http://", "http://user:wrong@"), "not accepted")]
    {
        let start = Server::try_start(&[(URI, &uri), (&format!("{git}.clone-on-start"), "true")]).await;
        let error = start.err().unwrap();
        assert!(error.contains(cause) && !error.contains("wrong"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_followed() {
    let repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let moved = remote.url().replace("/team/", "/moved/team/");
    assert_eq!(Server::start(&[(URI, &moved)]).await.value("/x/default", "a").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_share_a_fetch() {
    let repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let server = Server::start(&[(URI, &remote.url())]).await;
    server.json("/x/default").await;
    let before = remote.requests();
    let many = futures_util::future::join_all((0..40).map(|_| server.get("/x/default"))).await;
    assert!(many.iter().all(|reply| reply.status == 200));
    let fetches = remote.requests() - before;
    assert!(fetches < 40, "{fetches} fetches for 40 requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_refresh_rate_requests_do_not_fetch() {
    let mut repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let server = Server::start(&[(URI, &remote.url()), (RATE, "3600")]).await;
    server.json("/x/default").await;
    let before = remote.requests();
    repository.put("application.yml", "a: 2\n").unwrap();
    for _ in 0..10 {
        assert_eq!(server.value("/x/default", "a").await, 1);
    }
    assert_eq!(remote.requests(), before);
    let told = wellspring_test_support::http1::Request::new("POST", "/monitor")
        .json(&serde_json::json!({"path": "application.yml"}));
    assert_eq!(server.send(told).await.json(), serde_json::json!(["*"]));
    assert_eq!(server.value("/x/default", "a").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_hangs_delays_nobody() {
    let mut repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let proxy = FaultProxy::start(([127, 0, 0, 1], remote.port()).into());
    let uri = proxy.url("/team/config.git");
    let server = Server::start(&[(URI, &uri), ("spring.cloud.config.server.git.timeout", "2")]).await;
    assert_eq!(server.value("/x/default", "a").await, 1);
    repository.put("application.yml", "a: 2\n").unwrap();
    proxy.set(Fault::BlackHole);
    // The first to come learns that the remote has become slow; nobody after it waits.
    assert_eq!(server.value("/x/default", "a").await, 1);
    let mut slowest = Duration::ZERO;
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        let began = Instant::now();
        assert_eq!(server.value("/x/default", "a").await, 1);
        slowest = slowest.max(began.elapsed());
    }
    assert!(!long::wanted() || slowest < Duration::from_millis(500), "{slowest:?}");
    let health = server.get("/actuator/health").await;
    assert_eq!(health.status, 200);
    proxy.set(Fault::None);
    let deadline = Instant::now() + Duration::from_secs(90);
    while server.value("/x/default", "a").await != 2 {
        assert!(Instant::now() < deadline, "the remote answers again, its news are not served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_from_before_is_served_while_the_remote_is_away() {
    let repository = repository();
    let remote = HttpRemote::start(repository.path().join(".git"), None);
    let proxy = FaultProxy::start(([127, 0, 0, 1], remote.port()).into());
    let uri = proxy.url("/team/config.git");
    let home = tempfile::tempdir().unwrap();
    let basedir = home.path().join("mirror").display().to_string();
    let properties = [(URI, uri.as_str()), (BASEDIR, &basedir)];
    let version = Server::start(&properties).await.json("/x/default").await["version"].clone();
    proxy.set(Fault::Refuse);
    let server = Server::start(&properties).await;
    assert_eq!(server.json("/x/default").await["version"], version);
    // Another repository is not mixed up with it.
    let other = Server::start(&[(URI, &format!("{uri}2")), (BASEDIR, &basedir)]).await;
    assert_eq!(other.get("/x/default").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_remote_stops_the_start_only_with_clone_on_start() {
    let uri = "http://127.0.0.1:1/config.git";
    let server = Server::start(&[(URI, uri)]).await;
    assert_eq!(server.get("/x/default").await.status, 404);
    let error = Server::try_start(&[(URI, uri), ("spring.cloud.config.server.git.clone-on-start", "true")])
        .await
        .err()
        .unwrap();
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_does_not_parse_keeps_the_last_good_one() {
    let mut repository = repository();
    let server = Server::start(&[
        (URI, &repository.path().display().to_string()),
        ("management.endpoint.health.show-details", "always"),
    ])
    .await;
    let good = server.json("/x/default").await["version"].clone();
    let broken = repository.put("application.yml", "a: 2\n  b: [\n").unwrap();
    for _ in 0..2 {
        let reply = server.get("/x/default").await;
        assert_eq!(reply.json()["version"], good);
        assert_eq!(reply.header("x-wellspring-rejected-commit"), Some(broken.as_str()));
    }
    let health = server.get("/actuator/health").await.json();
    let told = health["components"]["configServer"]["details"]["mirrors"][0]["rejected"][0].to_string();
    assert!(told.contains(&broken) && told.contains("application.yml:2:"), "{told}");
    // By its id it can still be asked for, and fails as in the original.
    assert_eq!(server.get(&format!("/x/default/{broken}")).await.status, 500);
    // A template that no application reads does no harm.
    repository.write("charts/t.yaml", "{{- if }}\n").unwrap();
    let mended = repository.put("application.yml", "a: 3\n").unwrap();
    let reply = server.get("/x/default").await;
    assert_eq!(reply.json()["version"], mended);
    assert_eq!(reply.header("x-wellspring-rejected-commit"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_commit_that_does_not_parse_is_404_for_main_and_500_for_other_labels() {
    let repository =
        Repository::with(&[("application.yml", "a: [\n"), ("orders.properties", "a=1\n")]).unwrap();
    for uri in [repository.path().display().to_string(), repository.uri()] {
        let server = Server::start(&[(URI, &uri)]).await;
        for (path, status) in
            [("/orders/default", 404), ("/orders/default/main", 404), ("/orders/default/HEAD", 500)]
        {
            assert_eq!(server.get(path).await.status, status, "{path}");
        }
    }
}
