//! What remotes do to their readers, while requests run: they hang, history is rewritten, repositories are replaced, commits are broken;
//! and names that nobody has, a hundred thousand of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "tests, which tell figures")]

#[path = "support/load.rs"]
mod load;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use load::Load;
use support::{HttpRemote, Server};
use tokio::time::Instant;
use wellspring_test_support::process::{Guard, resident_kib};
use wellspring_test_support::{Fault, FaultProxy, Repository, http1, long, port};

const GIT: &str = "spring.cloud.config.server.git";

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `git daemon` on a port of its own.
fn git_daemon(repository: &Path) -> (Guard, u16) {
    let port = port::free();
    let base = repository.parent().unwrap().display().to_string();
    let mut command = Command::new("git");
    command
        .args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}")])
        .arg(format!("--base-path={base}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let guard = Guard::spawn(&mut command).unwrap();
    wellspring_test_support::poll::until("git daemon listens", Duration::from_secs(20), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (guard, port)
}

/// Where in the conversation the remote falls silent.
const HANGS: [(&str, Fault); 3] = [
    ("at connect", Fault::BlackHole),
    ("within the list of branches", Fault::StallAfter(300)),
    ("within the pack", Fault::StallAfter(100_000)),
];

#[tokio::test(flavor = "multi_thread")]
async fn long_a_git_server_that_hangs_keeps_no_request_waiting() {
    let time = long::time(Duration::from_millis(500), Duration::from_secs(60));
    let mut repository = Repository::with(&[("application.yml", "a: 0\n")]).unwrap();
    let http = HttpRemote::start(repository.path().join(".git"), None).await;
    let (_daemon, git_port) = git_daemon(repository.path());
    let remotes = [
        ("http", http.port(), "http://HOST/team/config.git".to_owned()),
        ("git", git_port, "git://HOST/repo/.git".to_owned()),
    ];
    let mut value = 0;
    // What a request takes when nothing hangs, on this machine at this moment.
    let well = Server::start(&[(&format!("{GIT}.uri"), &repository.uri())]).await;
    for (kind, port, uri) in remotes {
        let proxy = FaultProxy::start(([127, 0, 0, 1], port).into());
        let uri = uri.replace("HOST", &proxy.address().to_string());
        let with = |properties: &[(&str, &str)]| {
            let mut all =
                vec![(format!("{GIT}.uri"), uri.clone()), (format!("{GIT}.timeout"), "2".to_owned())];
            all.extend(properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            all
        };
        let start = async |properties: Vec<(String, String)>| {
            let properties: Vec<_> = properties.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            Server::start(&properties).await
        };
        // Fetches by a timer, and one for each request that waits no longer than it is told.
        let timed = start(with(&[(&format!("{GIT}.refresh-rate"), "1")])).await;
        let fresh = start(with(&[("wellspring.config.patience", "10ms")])).await;
        for server in [&timed, &fresh] {
            assert_eq!(server.value("/x/default", "a").await, value, "{kind}");
        }
        for (place, fault) in HANGS {
            // A pack that is long enough to stop in.
            value += 1;
            let noise: String = (0..300_000).map(|_| fastrand::alphanumeric()).collect();
            proxy.set(fault);
            repository.write("noise.txt", noise).unwrap();
            repository.put("application.yml", &format!("a: {value}\n")).unwrap();
            let loads =
                [&well, &timed, &fresh].map(|server| Load::start(server.port(), 100, &["/x/default"]));
            tokio::time::sleep(time).await;
            let mut usual = Duration::ZERO;
            for (load, which) in loads.into_iter().zip(["nobody: no remote", "a timer", "each request"]) {
                let outcome = load.end().await;
                outcome.told(&format!("{kind} remote hangs {place}, fetched by {which}"));
                outcome.all_answered();
                let slow = outcome.within(0.99);
                usual = if usual.is_zero() { slow } else { usual };
                if long::wanted() {
                    let limit = usual.mul_f64(1.25) + Duration::from_millis(50);
                    assert!(slow < limit, "{slow:?}, without a hang {usual:?}");
                }
            }
            proxy.set(Fault::None);
            for server in [&timed, &fresh] {
                until("news are served when the remote answers again", async || {
                    server.value("/x/default", "a").await == value
                })
                .await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_server_that_says_nothing_keeps_no_request_waiting() {
    if !wellspring_test_support::tools::present("a silent ssh server", &["ssh", "bash"]) {
        return;
    }
    let repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ssh://nobody@127.0.0.1:{}/config.git", silent.local_addr().unwrap().port());
    // A mirror from better days.
    let home = tempfile::tempdir().unwrap();
    let mirror = home.path().join(".git");
    let source = repository.path().display().to_string();
    for arguments in [
        &["init", "--bare", "-q", "."][..],
        &["fetch", "-q", &source, "refs/heads/*:refs/heads/*"],
        &["pack-refs", "--all"],
        &["config", "remote.origin.url", &uri],
    ] {
        std::fs::create_dir_all(&mirror).unwrap();
        assert!(Command::new("git").current_dir(&mirror).args(arguments).status().unwrap().success());
    }
    let basedir = home.path().display().to_string();
    let server = Server::start(&[
        (&format!("{GIT}.uri"), &uri),
        (&format!("{GIT}.basedir"), &basedir),
        (&format!("{GIT}.timeout"), "2"),
        (&format!("{GIT}.ignore-local-ssh-settings"), "true"),
        ("wellspring.config.patience", "10ms"),
        ("management.endpoint.health.show-details", "always"),
    ])
    .await;
    let load = Load::start(server.port(), 100, &["/x/default"]);
    until("the hang is known", async || {
        let health = server.get("/actuator/health").await.json();
        health["components"]["configServer"]["details"]["mirrors"][0]["stale"] == true
    })
    .await;
    let reply = server.get("/x/default").await;
    assert!(reply.header("x-wellspring-stale-since").is_some_and(|since| since.starts_with("20")));
    let outcome = load.end().await;
    outcome.told("ssh remote says nothing");
    outcome.all_answered();
}

/// One remote, and how to tell the server of news.
struct Churn {
    server: Server,
    told: bool,
}

impl Churn {
    async fn told(&self) {
        if self.told {
            let news =
                http1::Request::new("POST", "/monitor").json(&serde_json::json!({"path": "application.yml"}));
            assert_eq!(self.server.send(news).await.status, 200);
        }
    }

    async fn serves(&self, what: &str, path: &str, value: &str) {
        self.told().await;
        until(what, async || self.server.value(path, "a").await == value).await;
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git").current_dir(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_rewritten_history_fails_no_request() {
    let pause = long::time(Duration::from_millis(150), Duration::from_secs(5));
    for told in [true, false] {
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
        // Told by webhook over HTTP; and asked for news by each request, on disk.
        let remote = HttpRemote::start(folder.join(".git"), None).await;
        let (uri, rate) = if told { (remote.url(), "3600") } else { (folder.display().to_string(), "0") };
        let server =
            Server::start(&[(&format!("{GIT}.uri"), &uri), (&format!("{GIT}.refresh-rate"), rate)]).await;
        let churn = Churn { server, told };
        churn.serves("the start", "/orders/default", "start").await;
        let paths = [
            "/orders/default",
            "/orders/default/main",
            "/orders/default/v1",
            "/orders-default.yml",
            "/orders/default/feature",
        ];
        let load = Load::start(churn.server.port(), 1000, &paths);

        repository.put("application.yml", "a: next\n").unwrap();
        churn.serves("a push", "/orders/default", "next").await;
        tokio::time::sleep(pause).await;
        repository.reset(&start).unwrap();
        repository.put("application.yml", "a: rewritten\n").unwrap();
        churn.serves("a force push", "/orders/default", "rewritten").await;
        tokio::time::sleep(pause).await;
        git(&folder, &["branch", "-q", "-D", "feature"]);
        churn.told().await;
        tokio::time::sleep(pause).await;
        assert_eq!(churn.server.value("/orders/default/feature", "a").await, "feature", "it lives on");
        repository.tag("v1").unwrap();
        churn.serves("a moved tag", "/orders/default/v1", "rewritten").await;
        tokio::time::sleep(pause).await;
        let broken = repository.put("application.yml", "a: broken\n  b: [\n").unwrap();
        churn.told().await;
        until("the broken commit is seen", async || {
            churn.server.get("/orders/default").await.header("x-wellspring-rejected-commit") == Some(&broken)
        })
        .await;
        assert_eq!(churn.server.value("/orders/default", "a").await, "rewritten");
        tokio::time::sleep(pause).await;
        repository.put("application.yml", "a: mended\n").unwrap();
        churn.serves("the mended commit", "/orders/default", "mended").await;
        tokio::time::sleep(pause).await;

        // Another repository in its place, with no commit in common.
        let other = Repository::with(&[("application.yml", "a: other\n"), ("orders.yml", "c: 1\n")]).unwrap();
        other.tag("v1").unwrap();
        std::fs::rename(&folder, home.path().join("old")).unwrap();
        git(home.path(), &["clone", "-q", &other.path().display().to_string(), "repo"]);
        churn.serves("the other repository", "/orders/default", "other").await;
        churn.serves("its tag", "/orders/default/v1", "other").await;
        tokio::time::sleep(pause).await;

        let outcome = load.end().await;
        outcome.told(if told {
            "rewritten history, told by webhook"
        } else {
            "rewritten history, asked each time"
        });
        outcome.all_answered();
    }
}

/// Every eighth request from `from` to `to`, some on a connection, with names that nobody has.
fn ask(port: u16, from: usize, to: usize, commit: &str) {
    let mut random = fastrand::Rng::with_seed(from as u64);
    let mut word = || -> String { (0..random.usize(1..24)).map(|_| random.alphanumeric()).collect() };
    let mut requests = String::new();
    for at in (from..to).step_by(8) {
        let (name, profile, label) = (word(), word(), word());
        // Counted past the step, so that each connection has all kinds.
        let path = match (at / 8) % 8 {
            0 => format!("/{name}/{profile}"),
            1 => format!("/{name}/{profile}/{label}"),
            2 => format!("/{name}-{profile}.yml"),
            3 => format!("/{label}/{name}-{profile}.properties"),
            4 => format!("/{name}/{profile}/main/{label}.txt"),
            5 => format!("/{name},{label}/{profile},{name}/{}", commit.get(..4 + at % 36).unwrap()),
            6 => format!("/{name}/{profile}/{:040x}", at * 7919),
            _ => format!("/{name}/{profile}/{label}/{name}/{label}?{name}={profile}"),
        };
        requests.push_str(&format!("GET {path} HTTP/1.1\r\nHost: h\r\n"));
        if at + 8 < to && requests.len() < 8_000 {
            requests.push_str("\r\n");
            continue;
        }
        requests.push_str("Connection: close\r\n\r\n");
        let answers = http1::exchange_all(port, std::mem::take(&mut requests).as_bytes()).unwrap();
        assert!(!String::from_utf8_lossy(&answers).contains("HTTP/1.1 500"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_made_up_names_leave_nothing_in_memory() {
    let requests = long::cases(5_000, 100_000);
    let files: Vec<(String, String)> =
        (0..50).map(|n| (format!("app{n}.yml"), format!("n: {n}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut repository = Repository::with(&files).unwrap();
    let commit = repository.put("application.yml", "a: ${n:none}\n").unwrap();
    let home = tempfile::tempdir().unwrap();
    let basedir = home.path().join("mirrors").display().to_string();
    let whole = Server::start(&[
        (&format!("{GIT}.uri"), &repository.path().display().to_string()),
        (&format!("{GIT}.refresh-rate"), "3600"),
        (&format!("{GIT}.search-paths"), "{application},{profile}/x"),
        ("management.endpoints.web.exposure.include", "*"),
    ])
    .await;
    // One repository for each application, of which none is there.
    let split = Server::start(&[
        (&format!("{GIT}.uri"), &format!("{}/{{application}}", home.path().join("none").display())),
        (&format!("{GIT}.basedir"), &basedir),
    ])
    .await;
    assert_eq!(split.get("/nobody/default").await.status, 404);
    assert_eq!(
        std::fs::read_dir(&basedir).map_or(0, Iterator::count),
        0,
        "what cannot be cloned leaves nothing"
    );
    for n in 0..50 {
        whole.json(&format!("/app{n}/default")).await;
    }
    let port = whole.port();
    let asked = async |from: usize, to: usize| {
        let workers = (0..8).map(|nth| {
            let commit = commit.clone();
            tokio::task::spawn_blocking(move || ask(port, from + nth, to, &commit))
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
    };
    let series = async || whole.get("/actuator/prometheus").await.text().lines().count();
    asked(0, requests / 5).await;
    let (before, series_before) = (resident_kib(std::process::id()).unwrap(), series().await);
    asked(requests / 5, requests).await;
    let after = resident_kib(std::process::id()).unwrap();
    println!("{requests} made-up names: resident {before} KiB after a fifth of them, {after} KiB after all");
    assert!(after < before + 8 * 1024, "{before} KiB grew to {after} KiB");
    assert!(series().await <= series_before + 8, "metrics do not grow with names");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_does_not_grow_with_force_pushes() {
    let mut repository = Repository::with(&[("application.yml", "a: 0\n")]).unwrap();
    let start = repository.put("base.txt", "x").unwrap();
    let home = tempfile::tempdir().unwrap();
    let basedir = home.path().display().to_string();
    let server = Server::start(&[
        (&format!("{GIT}.uri"), &repository.path().display().to_string()),
        (&format!("{GIT}.basedir"), &basedir),
    ])
    .await;
    assert_eq!(server.value("/x/default", "a").await, 0);
    let packs = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(home.path().join(".git/objects/pack")).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "pack"))
            .collect()
    };
    let mut most = 0;
    let mut lost = String::new();
    for n in 1..=80 {
        repository.reset(&start).unwrap();
        let noise: String = (0..20_000).map(|_| fastrand::alphanumeric()).collect();
        repository.write("noise.txt", noise).unwrap();
        let commit = repository.put("application.yml", &format!("a: {n}\n")).unwrap();
        if n == 1 {
            lost = commit;
        }
        assert_eq!(server.value("/x/default", "a").await, n);
        most = most.max(packs().len());
    }
    assert!(most <= 32, "{most} packs");
    let bytes: u64 = packs().iter().map(|pack| pack.metadata().unwrap().len()).sum();
    assert!(bytes < 32 * 20_000, "{bytes} bytes are kept of 80 pushes with 15 KB each");
    // What nobody reaches is gone, in good order; what is reached is all there.
    assert_eq!(server.get(&format!("/x/default/{lost}")).await.status, 404);
    assert_eq!(server.value(&format!("/x/default/{start}"), "a").await, 0);
    git(&home.path().join(".git"), &["fsck", "--full", "--no-dangling"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_news_are_served_as_soon_as_they_are_fetched() {
    let pushes = long::cases(10, 300);
    let mut repository = Repository::with(&[("application.yml", "a: 0\n")]).unwrap();
    let remote = HttpRemote::start(repository.path().join(".git"), None).await;
    let url = remote.url();
    let told =
        Server::start(&[(&format!("{GIT}.uri"), &url), (&format!("{GIT}.refresh-rate"), "3600")]).await;
    let asked = Server::start(&[(&format!("{GIT}.uri"), &url)]).await;
    let home = tempfile::tempdir().unwrap();
    git(home.path(), &["clone", "-q", "--mirror", &url, "plain"]);
    let plain = home.path().join("plain");
    for server in [&told, &asked] {
        server.json("/x/default").await;
    }
    let (mut fetches, mut webhooks, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    for n in 1..=pushes {
        repository.put("application.yml", &format!("a: {n}\n")).unwrap();
        let began = Instant::now();
        let folder = plain.clone();
        tokio::task::spawn_blocking(move || git(&folder, &["fetch", "-q"])).await.unwrap();
        fetches.push(began.elapsed());
        let began = Instant::now();
        let news =
            http1::Request::new("POST", "/monitor").json(&serde_json::json!({"path": "application.yml"}));
        assert_eq!(told.send(news).await.status, 200);
        assert_eq!(told.value("/x/default", "a").await, n);
        webhooks.push(began.elapsed());
        let began = Instant::now();
        assert_eq!(asked.value("/x/default", "a").await, n);
        requests.push(began.elapsed());
    }
    let mut shown = Vec::new();
    for (what, times) in
        [("git fetch alone", fetches), ("webhook to new value", webhooks), ("request that fetches", requests)]
    {
        let mut times = times;
        times.sort_unstable();
        let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
        println!("{what}: p50 {half:?}, p99 {most:?}");
        shown.push((half, most));
    }
    if long::wanted() {
        assert!(shown[1].1 <= shown[0].1 + Duration::from_millis(50), "{shown:?}");
        assert!(shown[2].0 <= shown[0].0.mul_f64(1.5), "{shown:?}");
    }
}
