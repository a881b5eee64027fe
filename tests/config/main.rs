//! The config server as a process, under load and at size: remotes that hang, history that is rewritten, many files, commits and
//! repositories. The long form judges the release build by the limits that are promised.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "tests, which tell figures"
)]

mod client;
mod hang;
mod history;
mod load;
mod queue;
mod size;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wellspring_test_support::{Daemon, Launch, binaries, http1, long, poll};

/// How long news may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The limits of the issue count: full length, and not a debug build.
fn is_judged() -> bool {
    long::wanted() && binaries::path("wellspring-config-server").to_string_lossy().contains("release")
}

/// With settings below `spring.cloud.config.server.git`; those of others by their whole names.
fn server(settings: &[(&str, &str)]) -> Daemon {
    let launch = Launch::new("wellspring-config-server").arg("--spring.cloud.bus.enabled=false");
    let is_whole = |name: &str| name.starts_with("wellspring.") || name.starts_with("management.");
    let named = settings.iter().map(|(name, value)| match is_whole(name) {
        true => format!("--{name}={value}"),
        false => format!("--spring.cloud.config.server.git.{name}={value}"),
    });
    named.fold(launch, Launch::arg).start()
}

/// The value of the first source that has the key.
fn value(port: u16, path: &str, key: &str) -> Value {
    let reply = http1::get(port, path).unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    found(&reply.json(), key)
}

fn found(environment: &Value, key: &str) -> Value {
    let sources = environment["propertySources"].as_array().unwrap();
    sources.iter().find_map(|source| source["source"].get(key).cloned()).unwrap_or(Value::Null)
}

fn until(what: &str, holds: impl FnMut() -> bool) {
    poll::until(what, PATIENCE, holds);
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git").current_dir(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn mib(daemon: &Daemon) -> f64 {
    daemon.resident_kib().map_or(f64::NAN, |kib| kib as f64) / 1024.0
}
