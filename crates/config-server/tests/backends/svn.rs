//! Subversion.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use wellspring_test_support::poll;
use wellspring_test_support::subversion::Subversion;

use crate::support::Server;
use crate::{SHOWN, health, names};

const FILES: &[(&str, &str)] = &[
    ("trunk/application.yml", "a: trunk\n"),
    ("trunk/orders.yml", "a: orders\nlist: [1, 2]\n---\nspring.config.activate.on-profile: dev\nb: 1\n"),
    ("trunk/orders-dev.properties", "a=dev\n"),
    ("trunk/sub/orders.yml", "s: sub\n"),
    ("trunk/note.txt", "hello ${a}\n"),
    ("branches/dev/application.yml", "a: branch\n"),
    ("branches/feature/x/application.yml", "a: feature\n"),
    ("tags/v1/application.yml", "a: tag\n"),
];

async fn server(svn: &Subversion, more: &[(&str, &str)]) -> Server {
    let uri = svn.uri();
    let mut all = vec![
        ("spring.profiles.active", "subversion"),
        ("spring.cloud.config.server.svn.uri", uri.as_str()),
        ("spring.cloud.config.server.svn.username", "ada"),
        ("spring.cloud.config.server.svn.password", "lovelace"),
        SHOWN,
    ];
    all.extend(more);
    Server::start(&all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_directories_branches_and_tags() {
    let Some(svn) = Subversion::start("labels_are_directories_branches_and_tags", FILES) else { return };
    let home = tempfile::tempdir().unwrap();
    let base = home.path().display().to_string();
    let server = server(
        &svn,
        &[
            ("spring.cloud.config.server.svn.search-paths", "s*"),
            ("spring.cloud.config.server.svn.basedir", &base),
        ],
    )
    .await;
    let uri = svn.uri();
    let part =
        format!("{uri}/Config resource 'file [{base}/trunk/orders.yml' via location 'trunk/' (document #");
    assert_eq!(
        server.json("/orders/dev").await,
        json!({"name": "orders", "profiles": ["dev"], "label": null, "version": "1", "state": "", "propertySources": [
            {"name": format!("{uri}/trunk/orders-dev.properties"), "source": {"a": "dev"}},
            {"name": format!("{uri}/trunk/sub/orders.yml"), "source": {"s": "sub"}},
            {"name": format!("{part}1)"), "source": {"spring.config.activate.on-profile": "dev", "b": 1}},
            {"name": format!("{part}0)"), "source": {"a": "orders", "list[0]": 1, "list[1]": 2}},
            {"name": format!("{uri}/trunk/application.yml"), "source": {"a": "trunk"}},
        ]})
    );
    for (path, label, expected) in [
        ("/x/dev/dev", "dev", "branches/dev"),
        ("/x/dev/branches(_)dev", "branches/dev", "branches/dev"),
        ("/x/dev/feature(_)x", "feature/x", "branches/feature/x"),
        ("/x/dev/v1", "v1", "tags/v1"),
    ] {
        let found = server.json(path).await;
        assert_eq!(names(&found), [format!("{uri}/{expected}/application.yml")], "{path}");
        assert_eq!(found["label"], label);
    }
    let two = server.json("/x/dev/v1,trunk").await;
    assert_eq!(two["version"], "1,1");
    assert_eq!(
        names(&two),
        [format!("{uri}/trunk/application.yml"), format!("{uri}/tags/v1/application.yml")]
    );
    for path in [
        "/x/dev/nope",
        "/x/dev/-x",
        "/x/dev/v1@1",
        "/x/dev/sub",
        "/x/dev/--config-dir=(_)tmp",
        "/x/dev/v1,nope",
        "/x/dev/*",
    ] {
        let reply = server.get(path).await;
        assert_eq!((reply.status, &reply.json()["error"]), (404, &json!("Not Found")), "{path}");
    }
    assert_eq!(server.get("/orders/dev/trunk/note.txt").await.text(), "hello dev\n");
    assert_eq!(server.get("/orders/dev/note.txt?useDefaultLabel").await.text(), "hello dev\n");
    // What Subversion keeps for itself is nobody's business.
    for path in [
        "/x/dev/.svn",
        "/x/dev/.svn/wc.db",
        "/x/dev/trunk/.svn/wc.db",
        "/x/dev/trunk/..(_).svn(_)wc.db",
        "/.svn/dev",
    ] {
        let reply = server.get(path).await;
        assert!(
            matches!(reply.status, 400 | 404)
                || names(&reply.json()).iter().all(|name| name.ends_with("application.yml")),
            "{path}"
        );
        assert!(!reply.text().contains("SQLite"), "{path}");
    }
    let (status, component) = health(&server, "configServer").await;
    assert!(status == "UP" && component["details"]["mirrors"][0]["lastFetch"].is_i64(), "{component}");

    svn.put("trunk/application.yml", "a: changed\n");
    let next = server.json("/x/dev").await;
    assert_eq!(
        (&next["version"], &next["propertySources"][0]["source"]["a"]),
        (&json!("2"), &json!("changed"))
    );
    svn.put("branches/new/application.yml", "a: new\n");
    assert_eq!(server.value("/x/dev/new", "a").await, "new");
    svn.put("trunk/application.yml", "a: 'open\n");
    assert_eq!(server.get("/x/dev").await.status, 500, "404 is for labels that are not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_leaves_the_last_tree_in_service() {
    let Some(mut svn) = Subversion::start("a_server_that_goes_leaves_the_last_tree_in_service", FILES) else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let base = ("spring.cloud.config.server.svn.basedir", home.path().to_str().unwrap());
    let limit = ("spring.cloud.config.server.svn.timeout", "3");
    let first = server(&svn, &[base, limit]).await;
    assert_eq!(first.value("/x/dev", "a").await, "trunk");
    // Silent: one second for those who come first, none for those who come when that is known.
    svn.freeze();
    let began = Instant::now();
    assert_eq!(first.value("/x/dev", "a").await, "trunk");
    assert!(!wellspring_test_support::long::wanted() || began.elapsed() < Duration::from_secs(8));
    let known = async || {
        (health(&first, "configServer").await.1["details"]["mirrors"][0]["error"].is_string()).then_some(())
    };
    poll::until_some("health says so", Duration::from_secs(20), known).await;
    svn.thaw();
    svn.crash();
    assert_eq!(first.value("/x/dev", "a").await, "trunk");
    drop(first);

    // A new process serves what the old one has left, until the server is back.
    let second = server(&svn, &[base, limit]).await;
    assert_eq!(second.json("/x/dev").await["version"], "1");
    let bare = server(&svn, &[limit]).await;
    assert_eq!(bare.get("/x/dev").await.status, 500, "nothing was ever checked out");
    svn.restart();
    svn.put("trunk/application.yml", "a: again\n");
    let again = async || (second.value("/x/dev", "a").await == "again").then_some(());
    poll::until_some("the news are served", Duration::from_secs(20), again).await;
    let again = async || (bare.get("/x/dev").await.status == 200).then_some(());
    poll::until_some("it is checked out", Duration::from_secs(20), again).await;
}

/// Ten readers during two hundred commits' worth of changes: every answer is of one revision.
#[tokio::test(flavor = "multi_thread")]
async fn long_readers_never_see_half_a_revision() {
    let files = &[("trunk/application.yml", "a: 0\n"), ("trunk/orders.yml", "b: 0\n")];
    let Some(svn) = Subversion::start("long_readers_never_see_half_a_revision", files) else { return };
    let server = server(&svn, &[]).await;
    let changes = wellspring_test_support::long::cases(5, 100);
    let done = std::sync::atomic::AtomicBool::new(false);
    let write = async {
        for n in 1..=changes {
            tokio::task::block_in_place(|| {
                svn.write("trunk/application.yml", &format!("a: {n}\n"));
                svn.write("trunk/orders.yml", &format!("b: {n}\n"));
                svn.commit();
            });
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let read = async {
        let mut last = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            let found = server.json("/orders/dev").await;
            let values = &found["propertySources"];
            assert_eq!(values[0]["source"]["b"], values[1]["source"]["a"], "{found}");
            let now = values[0]["source"]["b"].as_i64().unwrap();
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
    };
    tokio::join!(write, read);
    assert_eq!(server.value("/orders/dev", "b").await, json!(changes));
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_neither_arguments_nor_shown() {
    let Some(svn) = Subversion::start("passwords_are_neither_arguments_nor_shown", FILES) else { return };
    let wrong = server(&svn, &[("spring.cloud.config.server.svn.password", "hunter2")]).await;
    svn.freeze();
    let asked = wrong.get("/x/dev");
    let looked = async {
        let mut seen = false;
        poll::until_some("svn runs", Duration::from_secs(10), async || {
            for process in std::fs::read_dir("/proc").unwrap().flatten() {
                let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                let arguments = String::from_utf8_lossy(&arguments).into_owned();
                seen |= arguments.starts_with("svn\0") && arguments.contains(&svn.uri());
                assert!(!arguments.contains("hunter2"), "{arguments}");
            }
            seen.then_some(())
        })
        .await;
        svn.thaw();
    };
    let (reply, ()) = tokio::join!(asked, looked);
    assert!(reply.status == 500 && !reply.text().contains("hunter2"), "{}", reply.text());
    let (status, component) = health(&wrong, "configServer").await;
    assert!(status == "DOWN" && !component.to_string().contains("hunter2"), "{component}");
    for (uri, said) in
        [("", "uri is missing"), ("-x", "no Subversion address"), ("ftp://x", "no Subversion address")]
    {
        let settings =
            [("spring.profiles.active", "subversion"), ("spring.cloud.config.server.svn.uri", uri)];
        let error = Server::try_start(&settings).await.err().unwrap();
        assert!(error.contains("WS-1433") && error.contains(said), "{error}");
    }
}
