//! A Git server that falls silent at each place of the conversation, while requests run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wellspring_test_support::process::Guard;
use wellspring_test_support::{
    Daemon, Fault, FaultProxy, HttpRemote, Repository, http1, long, poll, port, tools,
};

use crate::load::Load;
use crate::queue::Watch;
use crate::{git, is_judged, server, until, value};

/// Where in the conversation the remote falls silent.
const HANGS: [(&str, Fault); 3] = [
    ("at connect", Fault::BlackHole),
    ("within the list of branches", Fault::StallAfter(300)),
    ("within the pack", Fault::StallAfter(100_000)),
];
/// What no answer may take, apart from waiting for a core.
const LIMIT: Duration = Duration::from_millis(50);

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
    poll::until("git daemon listens", Duration::from_secs(120), || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (guard, port)
}

#[test]
fn long_a_git_server_that_hangs_keeps_no_request_waiting() {
    let time = long::time(Duration::from_millis(400), Duration::from_secs(60));
    let mut repository = Repository::with(&[("application.yml", "a: 0\n")]).unwrap();
    let http = HttpRemote::start(repository.path().join(".git"), None);
    let (_daemon, git_port) = git_daemon(repository.path());
    let remotes =
        [("http", http.port(), "http://HOST/team/config.git"), ("git", git_port, "git://HOST/repo/.git")];
    let mut served = 0;
    // What a request takes when nothing hangs, on this machine at this moment.
    let well = server(&[("uri", &repository.uri())]);
    for (kind, port, uri) in remotes {
        let proxy = FaultProxy::start(([127, 0, 0, 1], port).into());
        let uri = uri.replace("HOST", &proxy.address().to_string());
        // Fetches by a timer, and one for each request that waits no longer than it is told.
        let timed = server(&[("uri", &uri), ("timeout", "2"), ("refresh-rate", "1")]);
        let fresh = server(&[("uri", &uri), ("timeout", "2"), ("wellspring.config.patience", "10ms")]);
        let news: [(&Daemon, &str); 3] =
            [(&well, "nobody: no remote"), (&timed, "a timer"), (&fresh, "each request")];
        for (place, fault) in HANGS {
            // A pack that is long enough to stop in.
            served += 1;
            let noise: String = (0..300_000).map(|_| fastrand::alphanumeric()).collect();
            proxy.set(fault);
            repository.write("noise.txt", noise).unwrap();
            repository.put("application.yml", &format!("a: {served}\n")).unwrap();
            let loads = news.map(|(daemon, _)| {
                (Watch::start(daemon.id()), Load::start(daemon.port(), 100, &["/x/default"]))
            });
            std::thread::sleep(time);
            for ((watch, load), (_, by)) in loads.into_iter().zip(news) {
                let (outcome, queue) = (load.end(), watch.end());
                let what = format!("{kind} remote hangs {place}, fetched by {by}");
                outcome.told(&what);
                let slowest = outcome.slowest_without_waits(&queue);
                println!(
                    "report: … {} slower than {LIMIT:?}; slowest without the time on run queues {slowest:.1?}",
                    outcome.slower_than(LIMIT)
                );
                outcome.all_answered();
                assert!(!is_judged() || slowest < LIMIT, "{what}: {slowest:?}");
            }
            proxy.set(Fault::None);
            for (daemon, by) in &news[1..] {
                until(&format!("news are served when the remote answers again, fetched by {by}"), || {
                    value(daemon.port(), "/x/default", "a") == served
                });
            }
        }
    }
}

#[test]
fn an_ssh_server_that_says_nothing_keeps_no_request_waiting() {
    if !tools::present("a silent ssh server", &["ssh", "bash"]) {
        return;
    }
    let repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ssh://nobody@127.0.0.1:{}/config.git", silent.local_addr().unwrap().port());
    // A mirror from better days.
    let home = tempfile::tempdir().unwrap();
    let mirror = home.path().join(".git");
    std::fs::create_dir_all(&mirror).unwrap();
    let source = repository.path().display().to_string();
    for arguments in [
        &["init", "--bare", "-q", "."][..],
        &["fetch", "-q", &source, "refs/heads/*:refs/heads/*"],
        &["pack-refs", "--all"],
        &["config", "remote.origin.url", &uri],
    ] {
        git(&mirror, arguments);
    }
    let daemon = server(&[
        ("uri", &uri),
        ("basedir", &home.path().display().to_string()),
        ("timeout", "2"),
        ("ignore-local-ssh-settings", "true"),
        ("wellspring.config.patience", "10ms"),
        ("management.endpoint.health.show-details", "always"),
    ]);
    let load = Load::start(daemon.port(), 100, &["/x/default"]);
    until("the hang is known", || {
        let reply = http1::get(daemon.port(), "/x/default").unwrap();
        reply.header("x-wellspring-stale-since").is_some_and(|since| since.starts_with("20"))
    });
    let health = http1::get(daemon.port(), "/actuator/health").unwrap().json();
    assert_eq!(health["components"]["configServer"]["details"]["mirrors"][0]["stale"], true);
    let outcome = load.end();
    outcome.told("ssh remote says nothing");
    outcome.all_answered();
}
