//! Packages of other languages that tests use, installed once below `target/interop` from their public registries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parking_lot::Mutex;

use crate::tools;

/// The Python of a virtual environment that holds what `requirements` lists.
///
/// # Panics
/// When pip fails; its output has been printed.
pub fn python(name: &str, requirements: &Path) -> PathBuf {
    let folder = tools::root().join("target/interop").join(format!("python-{name}"));
    let python = folder.join("bin/python");
    install(&folder, requirements, || {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        let mut pip = Command::new(&python);
        run(pip
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(requirements));
    });
    python
}

/// A directory with `package.json` and what it lists in `node_modules`.
///
/// # Panics
/// When npm fails; its output has been printed.
pub fn node(name: &str, package: &Path) -> PathBuf {
    let folder = tools::root().join("target/interop").join(format!("node-{name}"));
    install(&folder, package, || {
        fs::create_dir_all(&folder).expect("a directory for Node packages");
        fs::copy(package, folder.join("package.json")).expect("package.json");
        run(Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent"])
            .current_dir(&folder));
    });
    folder
}

/// Runs `fill` unless the folder was filled for the same list before.
fn install(folder: &Path, list: &Path, fill: impl FnOnce()) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock();
    let mark = folder.join("installed");
    let wanted = fs::read(list).expect("a list of packages");
    if fs::read(&mark).is_ok_and(|present| present == wanted) {
        return;
    }
    fill();
    fs::write(&mark, wanted).expect("a mark that the packages are there");
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
