//! How much memory the config server takes with many files, and how soon it answers when its mirror is there: a report; in the long
//! form with a release build also limits.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wellspring_test_support::keep_alive::{Connection, Request};
use wellspring_test_support::{Daemon, Launch, binaries, http1, long};

const STARTS: usize = 5;
/// Requests for each application, after which memory is looked at again.
const ROUNDS: usize = 3;

/// A bare repository with so many files in folders of a hundred, about 400 bytes each; a commit for each hundredth.
fn large(folder: &Path, files: usize) {
    let mut text = String::new();
    for (number, first) in (0..files).step_by(100).enumerate() {
        let who = format!("tester <t@example.org> {} +0000", 1_700_000_000 + number);
        text.push_str(&format!("commit refs/heads/main\ncommitter {who}\ndata 4\nmore\n"));
        for n in first..(first + 100).min(files) {
            let mut content =
                format!("name: app{n}\nserver:\n  port: {}\nlist: [a, b, c]\n", 8000 + n % 1000);
            (0..12).for_each(|key| content.push_str(&format!("feature.number{key}: value {key} of {n}\n")));
            let length = content.len();
            text.push_str(&format!("M 644 inline team{number}/app{n}.yml\ndata {length}\n{content}\n"));
        }
    }
    std::fs::create_dir_all(folder).unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder).args(arguments).stdin(Stdio::piped());
        command.spawn().unwrap()
    };
    assert!(git(&["init", "-q", "--bare", "-b", "main", "."]).wait().unwrap().success());
    let mut import = git(&["fast-import", "--quiet"]);
    import.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
}

fn mib(daemon: &Daemon) -> f64 {
    daemon.resident_kib().and_then(|kib| u32::try_from(kib).ok()).map_or(f64::NAN, f64::from) / 1024.0
}

/// Each application once, over one connection.
fn ask_for_all(port: u16, files: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = Connection::open(port).await.unwrap();
        for n in 0..files {
            connection.ask(&Request::get(&format!("/app{n}/default"), &[])).await.unwrap();
        }
    });
}

#[test]
fn long_the_config_server_stays_small_with_many_files() {
    let sizes: &[(usize, f64)] =
        if long::wanted() { &[(1_000, 25.0), (10_000, 60.0)] } else { &[(1_000, 25.0)] };
    let judged =
        long::wanted() && binaries::path("wellspring-config-server").to_string_lossy().contains("release");
    for (files, limit) in sizes.iter().copied() {
        let home = tempfile::tempdir().unwrap();
        large(&home.path().join("large.git"), files);
        let yaml = format!(
            "spring.cloud.config.server.git:\n  uri: {0}/large.git\n  basedir: {0}/mirror\n  search-paths: 'team*'\n  refresh-rate: 3600\n",
            home.path().display()
        );
        let start = || {
            let daemon = Launch::new("wellspring-config-server").yaml(&yaml).start();
            assert_eq!(http1::get(daemon.port(), "/app1/default").unwrap().status, 200);
            daemon
        };
        let cloned = mib(&start());
        let mut best = Duration::MAX;
        for _ in 0..STARTS {
            best = best.min(start().started_in());
        }
        let daemon = start();
        let idle = mib(&daemon);
        let mut loaded = Vec::new();
        for _ in 0..ROUNDS {
            ask_for_all(daemon.port(), files);
            loaded.push(mib(&daemon));
        }
        let (first, last) = (loaded.first().copied().unwrap(), loaded.last().copied().unwrap());
        println!(
            "\nreport: config server, {files} files: {idle:.1} MiB with its mirror, {cloned:.1} after a clone, {first:.1} when all were asked for once, {last:.1} after {ROUNDS} times; first answer after {:.0} ms",
            best.as_secs_f64() * 1000.0
        );
        assert!(last < first + 4.0, "it grows: {loaded:?}");
        if judged {
            assert!(last <= limit, "{last} MiB with {files} files");
            assert!(best <= Duration::from_millis(100), "{best:?}");
        }
    }
}
