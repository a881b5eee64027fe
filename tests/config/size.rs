//! Many files, many commits, many repositories: what is answered is right, memory stays small, and a mirror is opened at once.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::Instant;
use wellspring_test_support::{Daemon, HttpRemote, Repository, http1, long};

use crate::client::Client;
use crate::{found, git, is_judged, mib, server};

const STARTS: usize = 5;
/// Requests for each application, after which memory is looked at again.
const ROUNDS: usize = 3;

/// MiB that memory may move by. Threads that were busy with others a round ago have arenas of their own.
fn growth() -> f64 {
    if long::wanted() { 4.0 } else { 16.0 }
}

/// A bare repository with so many files in folders of a hundred, about 400 bytes each; after the first commit one file in each.
fn large(folder: &Path, files: usize, commits: usize) {
    std::fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "-q", "--bare", "-b", "main", "."]);
    let mut import = Command::new("git")
        .current_dir(folder)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = std::io::BufWriter::new(import.stdin.take().unwrap());
    for commit in 0..commits {
        let time = 1_700_000_000 + commit;
        write!(stdin, "commit refs/heads/main\ncommitter t <t@example.org> {time} +0000\ndata 1\nc\n")
            .unwrap();
        let all = 0..if commit == 0 { files } else { 0 };
        for file in all.chain((commit > 0).then_some(commit % files)) {
            let mut content = format!(
                "n: {commit}\nname: app{file}\nserver:\n  port: {}\nlist: [a, b, c]\n",
                8000 + file % 1000
            );
            (0..12).for_each(|key| writeln!(content, "feature.number{key}: value {key} of {file}").unwrap());
            let length = content.len();
            write!(stdin, "M 644 inline team{}/app{file}.yml\ndata {length}\n{content}\n", file / 100)
                .unwrap();
        }
    }
    drop(stdin);
    assert!(import.wait().unwrap().success());
}

/// The commit that wrote a file last.
fn last_commit(file: usize, files: usize, commits: usize) -> usize {
    let rounds = (commits - 1).saturating_sub(file) / files;
    if file < commits { file + rounds * files } else { 0 }
}

/// Each application once, over one connection; how long a request took.
fn ask_for_all(daemon: &Daemon, files: usize, commits: usize) -> Duration {
    let mut client = Client::open(daemon.port()).unwrap();
    let mut took = Duration::ZERO;
    for file in (0..files).map(|n| (n * 31) % files) {
        let began = Instant::now();
        let body = client.ask(&Client::request(&format!("/app{file}/default"))).unwrap();
        took += began.elapsed();
        let environment = serde_json::from_slice(body).unwrap();
        assert_eq!(found(&environment, "name"), format!("app{file}"));
        assert_eq!(found(&environment, "n"), last_commit(file, files, commits), "app{file}");
    }
    took / u32::try_from(files).unwrap()
}

#[test]
fn long_many_files_and_commits_are_served_from_little_memory() {
    let sizes: &[(usize, usize, f64)] =
        if long::wanted() { &[(1_000, 1_000, 25.0), (10_000, 50_000, 60.0)] } else { &[(500, 500, 25.0)] };
    let mut missed = Vec::new();
    for (files, commits, limit) in sizes.iter().copied() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("large.git");
        large(&folder, files, commits);
        let began = Instant::now();
        let beside = server(&[("uri", &folder.display().to_string()), ("search-paths", "team*")]);
        assert_eq!(http1::get(beside.port(), "/app1/default").unwrap().status, 200);
        println!(
            "report: config server, {files} files, {commits} commits on this disk: served after {:.1?}",
            began.elapsed()
        );
        drop(beside);
        let remote = HttpRemote::start(folder, None);
        let basedir = home.path().join("mirror").display().to_string();
        let start = || {
            let daemon = server(&[
                ("uri", &remote.url()),
                ("basedir", &basedir),
                ("timeout", "60"),
                ("search-paths", "team*"),
                ("refresh-rate", "3600"),
            ]);
            assert_eq!(http1::get(daemon.port(), "/app1/default").unwrap().status, 200);
            daemon
        };
        let began = Instant::now();
        let cloned = mib(&start());
        let cloning = began.elapsed();
        let mut best = Duration::MAX;
        for _ in 0..STARTS {
            let began = Instant::now();
            drop(start());
            best = best.min(began.elapsed());
        }
        let daemon = start();
        let idle = mib(&daemon);
        let (mut loaded, mut took) = (Vec::new(), Duration::ZERO);
        for _ in 0..ROUNDS {
            took = ask_for_all(&daemon, files, commits);
            loaded.push(mib(&daemon));
        }
        println!(
            "report: config server, {files} files, {commits} commits: cloned and served after {cloning:.1?}, {cloned:.1} MiB then; with its mirror {:.0} ms to the first answer, {idle:.1} MiB; {loaded:.1?} MiB after each application was asked for once, twice, …; {took:.0?} a request",
            best.as_secs_f64() * 1e3
        );
        // The first round fills what is kept.
        let (first, last) = (loaded[1], loaded[ROUNDS - 1]);
        assert!(last < first + growth(), "it grows: {loaded:?}");
        if cloned.max(last) > limit || best > Duration::from_millis(100) {
            missed.push(format!(
                "{files} files: {cloned:.1} and {last:.1} of {limit} MiB, {best:.0?} of 100 ms"
            ));
        }
    }
    assert!(!is_judged() || missed.is_empty(), "{missed:#?}");
}

#[test]
fn long_many_repositories_are_served_at_once() {
    let count = long::cases(12, 200);
    let home = tempfile::tempdir().unwrap();
    let mut all: Vec<Repository> =
        (0..count).map(|n| Repository::with(&[("application.yml", &format!("n: {n}\n"))]).unwrap()).collect();
    for (n, repository) in all.iter().enumerate() {
        std::os::unix::fs::symlink(repository.path(), home.path().join(format!("app{n}"))).unwrap();
    }
    let daemon = server(&[("uri", &format!("{}/{{application}}", home.path().display()))]);
    let asked = |offset: usize| {
        std::thread::scope(|scope| {
            for worker in 0..8 {
                let port = daemon.port();
                scope.spawn(move || {
                    let mut client = Client::open(port).unwrap();
                    for n in (worker..count).step_by(8) {
                        let body = client.ask(&Client::request(&format!("/app{n}/default"))).unwrap();
                        assert_eq!(found(&serde_json::from_slice(body).unwrap(), "n"), n + offset);
                    }
                });
            }
        });
    };
    asked(0);
    let cloned = mib(&daemon);
    for (n, repository) in all.iter_mut().enumerate() {
        repository.put("application.yml", &format!("n: {}\n", n + count)).unwrap();
    }
    asked(count);
    let first = mib(&daemon);
    asked(count);
    let again = mib(&daemon);
    println!(
        "report: {count} repositories: {cloned:.1} MiB when each was cloned, {first:.1} after news in each, {again:.1} when asked again"
    );
    assert!(again < first + growth(), "it grows: {first} to {again} MiB");
}
