//! The command line as its users have it: the real program, its words, its exit status.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod live;
mod messages;
mod run;
mod suites;
mod terminal;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program, with nothing of this machine's own settings.
fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
    command.args(words).stdin(Stdio::null());
    for name in ["WELLSPRING_SERVER", "WELLSPRING_TOKEN", "WELLSPRING_ADMIN_TOKEN", "SPRING_APPLICATION_JSON"]
    {
        command.env_remove(name);
    }
    command.env("WELLSPRING_CONTEXTS", "/nonexistent/contexts.json");
    command
}

/// What it said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(!err.contains("panicked"), "{err}");
    Said { code: output.status.code().expect("it ended by itself"), out, err }
}

fn ask(words: &[&str]) -> Said {
    said(&mut command(words))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
