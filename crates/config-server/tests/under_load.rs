//! What a long life leaves behind: names that nobody has, a hundred thousand of them, force pushes, one push after the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::print_stdout, reason = "tests, which tell figures")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::Server;
use tokio::time::Instant;
use wellspring_test_support::process::resident_kib;
use wellspring_test_support::{HttpRemote, Repository, http1, long};

const GIT: &str = "spring.cloud.config.server.git";

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git").current_dir(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
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
    // The other tests of this program are in the same process.
    let most = if long::wanted() { 8 } else { 64 };
    assert!(after < before + most * 1024, "{before} KiB grew to {after} KiB");
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
    let remote = HttpRemote::start(repository.path().join(".git"), None);
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
