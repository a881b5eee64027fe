//! Messages as they are printed, kept in files: a changed message fails with both versions. `UPDATE=1` writes them anew.

use std::path::Path;

use super::{command, said};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/messages")
}

/// What the program says of the settings in `messages/`, in which it runs.
fn same(name: &str, words: &[&str]) {
    let said = said(command(words).current_dir(folder()).env("TERM", "dumb"));
    let mut text = format!("$ wellspring {}\n{}", words.join(" "), said.out);
    if !said.err.is_empty() {
        text.push_str(&format!("--- stderr\n{}", said.err));
    }
    text.push_str(&format!("--- exit {}\n", said.code));
    let file = folder().join(format!("{name}.txt"));
    if std::env::vars().any(|(name, value)| name == "UPDATE" && value == "1") {
        std::fs::write(&file, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (was, is) = (lines(&kept), lines(&text));
    let differing: Vec<String> = (0..was.len().max(is.len()))
        .filter(|at| was.get(*at) != is.get(*at))
        .flat_map(|at| {
            let line = |sign, lines: &[String]| lines.get(at).map(|line| format!("{sign} {line}"));
            [line('-', &was), line('+', &is)].into_iter().flatten()
        })
        .collect();
    assert!(
        differing.is_empty(),
        "{name}.txt says otherwise (UPDATE=1 keeps the new one):\n{}",
        differing.join("\n")
    );
}

#[test]
fn broken_files() {
    for name in ["syntax", "types", "routes", "unknown", "twice", "placeholder", "broker"] {
        same(&format!("validate-{name}"), &["validate", &format!("{name}.yml")]);
    }
    same("validate-missing", &["validate", "no-such-file.yml"]);
}

#[test]
fn fates_of_settings() {
    same("migrate", &["migrate", "original.yml"]);
    same("migrate-fail", &["migrate", "--fail-on", "different", "-o", "yaml", "original.yml"]);
}

#[test]
fn explanations() {
    same("explain-code", &["explain", "WS-1201"]);
    same("explain-unknown", &["explain", "WS-9999"]);
    same("explain-setting", &["explain", "server.tomcat.threads.max", "--config", "original.yml"]);
    same("explain-slip", &["explain", "spring.rabbitmq.hots", "--config", "original.yml"]);
}

#[test]
fn wrong_use() {
    same("wrong-verb", &["migrat"]);
    same("wrong-server", &["events", "--server", "nonsense"]);
    same("no-consent", &["config", "pin", "main~1", "--server", "http://127.0.0.1:1"]);
    same("nobody-there", &["check", "--server", "http://127.0.0.1:1"]);
    same("bench-elsewhere", &["bench", "gateway", "--url", "http://192.0.2.1"]);
}

#[test]
fn checks_before_a_start() {
    same("check-pre", &["check", "--pre", "--config", "start.yml"]);
}
