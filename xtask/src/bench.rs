//! `cargo xtask bench`: the criterion benchmarks of all crates, in the optimised profile; with a daemon's name, that daemon
//! under load beside its peers; with `resilience`, the patterns beside those of other crates.

use std::process::Command;

use crate::command::{cargo, root, succeeds, target};

/// `options` go to the benchmark programs: a filter, `--save-baseline NAME`, …
pub(crate) fn run(options: &[&str]) -> bool {
    if let [subject @ ("registry" | "config" | "gateway" | "bus" | "client"), ..] = options {
        return load(subject, options);
    }
    if let ["resilience", rest @ ..] = options {
        return peers(rest);
    }
    let mut ok = true;
    for (package, bench) in benches() {
        let mut command = cargo(&["bench", "--package", &package, "--bench", &bench, "--"]);
        command.args(options);
        ok &= succeeds(command);
    }
    ok
}

/// The patterns beside those of other crates, and the choice of an instance. The peers are a workspace of their own.
fn peers(options: &[&str]) -> bool {
    let manifest = root().join("bench/resilience/Cargo.toml");
    let mut patterns = cargo(&["bench", "--manifest-path"]);
    patterns.arg(manifest).arg("--").args(options).env("CARGO_TARGET_DIR", target().join("peers"));
    let mut pick = cargo(&["bench", "--package", "wellspring-lb-client", "--bench", "pick", "--"]);
    pick.args(options);
    succeeds(patterns) & succeeds(pick)
}

/// (package, benchmark) for every `crates/*/benches/*.rs`.
fn benches() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root().join("crates")).into_iter().flatten().flatten() {
        let package = format!("wellspring-{}", folder.file_name().display());
        for file in std::fs::read_dir(folder.path().join("benches")).into_iter().flatten().flatten() {
            let path = file.path();
            if let (Some("rs"), Some(name)) = (path.extension().and_then(|e| e.to_str()), path.file_stem()) {
                found.push((package.clone(), name.display().to_string()));
            }
        }
    }
    found.sort();
    found
}

/// The release build of everything, then the load run. Programs that `WELLSPRING_BIN_DIR` names are taken as they are, the
/// load runner among them.
fn load(subject: &str, options: &[&str]) -> bool {
    if let Some(folder) = std::env::var_os("WELLSPRING_BIN_DIR") {
        println!("load run: {subject}");
        let mut command = Command::new(root().join(folder).join("wellspring-bench"));
        command.args(options).current_dir(root());
        return succeeds(command);
    }
    if !succeeds(cargo(&["build", "--release", "--workspace"])) {
        return false;
    }
    println!("load run: {subject}");
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "wellspring-bench", "--"]);
    command.args(options).env("WELLSPRING_BIN_DIR", target().join("release"));
    succeeds(command)
}
