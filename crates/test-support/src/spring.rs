//! Spring applications of the tests, each an own Maven project, built once and started as a process.
//!
//! They are unchanged Spring services and servers: what they need to know comes by environment variables.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Launch, tools};

/// The jar of the greeting service, `tests/interop/spring-app`.
///
/// # Panics
/// When Maven fails; its output has been printed.
pub fn jar() -> PathBuf {
    jar_of("tests/interop/spring-app", "greeter")
}

/// Builds `NAME.jar` of the Maven project in `folder` (from the project's root) when it is missing or older than its sources.
///
/// # Panics
/// When Maven fails; its output has been printed.
pub fn jar_of(folder: &str, name: &str) -> PathBuf {
    let folder = tools::root().join(folder);
    let jar = folder.join(format!("target/{name}.jar"));
    if !is_fresh(&jar, &folder) {
        let status = Command::new("mvn")
            .args(["--quiet", "--batch-mode", "-DskipTests", "package"])
            .current_dir(&folder)
            .status()
            .expect("mvn");
        assert!(status.success(), "mvn package in {}: {status}", folder.display());
    }
    jar
}

fn is_fresh(jar: &Path, folder: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    let Some(built) = changed(jar) else { return false };
    let mut sources = vec![folder.join("src")];
    let mut files = vec![folder.join("pom.xml")];
    while let Some(path) = sources.pop() {
        for entry in std::fs::read_dir(&path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { sources.push(path) } else { files.push(path) }
        }
    }
    files.iter().all(|file| changed(file).is_some_and(|time| time <= built))
}

/// A JVM for short runs: small heap, no second compiler. Add settings with [`Launch::var`].
pub fn launch(jar: &Path) -> Launch {
    Launch::program("java")
        .arg("-Xmx192m")
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-XX:+UseSerialGC")
        .arg("-jar")
        .arg(jar)
        .patience(Duration::from_secs(240))
        .ill_for(Duration::from_secs(60))
}
