//! History that is rewritten under the readers: force pushes, deleted branches, moved tags, broken commits, another repository.

use std::time::Duration;

use serde_json::json;
use wellspring_test_support::{Daemon, HttpRemote, Repository, http1, long};

use crate::load::Load;
use crate::{git, is_judged, server, until, value};

/// What is wanted of the load; it aims a little higher.
const PER_SECOND: u32 = 1_000;

/// A server, and whether it is told of news.
struct Churn {
    server: Daemon,
    told: bool,
}

impl Churn {
    fn tell(&self) {
        if self.told {
            let news = http1::Request::new("POST", "/monitor").json(&json!({"path": "application.yml"}));
            assert_eq!(news.send(self.server.port()).unwrap().status, 200);
        }
    }

    fn value(&self, path: &str) -> serde_json::Value {
        value(self.server.port(), path, "a")
    }

    fn serves(&self, what: &str, path: &str, value: &str) {
        self.tell();
        until(what, || self.value(path) == value);
    }
}

#[test]
fn long_rewritten_history_fails_no_request() {
    // Told by webhook over HTTP; and asked for news by each request, on disk.
    for told in [true, false] {
        rewrite(told);
    }
}

fn rewrite(told: bool) {
    let pause = || std::thread::sleep(long::time(Duration::from_millis(100), Duration::from_secs(5)));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("repo");
    let first = Repository::with(&[("application.yml", "a: first\n"), ("orders.yml", "b: 1\n")]).unwrap();
    git(home.path(), &["clone", "-q", &first.path().display().to_string(), "repo"]);
    let mut repository = Repository::open(&folder).unwrap();
    let start = repository.put("application.yml", "a: start\n").unwrap();
    repository.tag("v1").unwrap();
    repository.branch("feature").unwrap();
    repository.put("application.yml", "a: feature\n").unwrap();
    repository.checkout("main").unwrap();
    let remote = HttpRemote::start(folder.join(".git"), None);
    let (uri, rate) = if told { (remote.url(), "3600") } else { (folder.display().to_string(), "0") };
    let churn = Churn { server: server(&[("uri", &uri), ("refresh-rate", rate)]), told };
    churn.serves("the start", "/orders/default", "start");
    let paths = [
        "/orders/default",
        "/orders/default/main",
        "/orders/default/v1",
        "/orders-default.yml",
        "/orders/default/feature",
    ];
    let load = Load::start(churn.server.port(), PER_SECOND + PER_SECOND / 20, &paths);

    repository.put("application.yml", "a: next\n").unwrap();
    churn.serves("a push", "/orders/default", "next");
    pause();
    repository.reset(&start).unwrap();
    repository.put("application.yml", "a: rewritten\n").unwrap();
    churn.serves("a force push", "/orders/default", "rewritten");
    pause();
    git(&folder, &["branch", "-q", "-D", "feature"]);
    churn.tell();
    pause();
    assert_eq!(churn.value("/orders/default/feature"), "feature", "it lives on");
    repository.tag("v1").unwrap();
    churn.serves("a moved tag", "/orders/default/v1", "rewritten");
    pause();
    let broken = repository.put("application.yml", "a: broken\n  b: [\n").unwrap();
    churn.tell();
    until("the broken commit is seen", || {
        let reply = http1::get(churn.server.port(), "/orders/default").unwrap();
        reply.header("x-wellspring-rejected-commit") == Some(&broken)
    });
    assert_eq!(churn.value("/orders/default"), "rewritten");
    pause();
    repository.put("application.yml", "a: mended\n").unwrap();
    churn.serves("the mended commit", "/orders/default", "mended");
    pause();

    // Another repository in its place, with no commit in common.
    let other = Repository::with(&[("application.yml", "a: other\n"), ("orders.yml", "c: 1\n")]).unwrap();
    other.tag("v1").unwrap();
    std::fs::rename(&folder, home.path().join("old")).unwrap();
    git(home.path(), &["clone", "-q", &other.path().display().to_string(), "repo"]);
    churn.serves("the other repository", "/orders/default", "other");
    churn.serves("its tag", "/orders/default/v1", "other");
    pause();

    let outcome = load.end();
    let how = if told { "told by webhook" } else { "asked each time" };
    outcome.told(&format!("rewritten history, {how}"));
    outcome.all_answered();
    let rate = outcome.per_second();
    assert!(!is_judged() || rate >= f64::from(PER_SECOND), "only {rate:.0} requests a second were made");
}
