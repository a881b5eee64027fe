//! Where the platform's programs are.
//!
//! `WELLSPRING_BIN_DIR` names a directory of finished programs (`cargo xtask test` sets it to the release build). Without
//! it they are built by cargo in the profile of the running test, so that no test meets an old program.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use parking_lot::Mutex;

/// The path of a program, built when needed.
///
/// # Panics
/// When it is not in `WELLSPRING_BIN_DIR`, or does not build.
pub fn path(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("WELLSPRING_BIN_DIR") {
        let file = crate::tools::root().join(folder).join(name);
        assert!(file.is_file(), "WELLSPRING_BIN_DIR has no {name}: {}", file.display());
        return file;
    }
    static BUILT: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock();
    let folder = profile_folder();
    if !built.iter().any(|done| done == name) {
        build(name, folder.ends_with("release"));
        built.push(name.to_owned());
    }
    folder.join(name)
}

/// `target/debug` or `target/release`: test programs lie in `deps` below it.
fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    own.parent()
        .and_then(|deps| deps.parent())
        .expect("a test program lies in target/PROFILE/deps")
        .to_owned()
}

fn build(name: &str, release: bool) {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.current_dir(crate::tools::root()).args(["build", "--quiet", "--workspace", "--bin", name]);
    if release {
        cargo.arg("--release");
    }
    let status = cargo.status().expect("cargo");
    assert!(status.success(), "cargo build --bin {name}: {status}");
}
