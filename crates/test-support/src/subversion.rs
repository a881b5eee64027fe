//! A Subversion repository of one's own, served by `svnserve` to user `ada` with password `lovelace` and to nobody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Guard;
use crate::{poll, port, tools};

/// The repository, and a working copy to commit from.
#[derive(Debug)]
pub struct Subversion {
    guard: Guard,
    port: u16,
    scratch: TempDir,
}

impl Subversion {
    /// With files and one commit. `None`, and a line that says so, where Subversion is not installed.
    pub fn start(test: &str, files: &[(&str, &str)]) -> Option<Self> {
        if !tools::present(test, &["subversion"]) {
            return None;
        }
        let scratch = tempfile::Builder::new().prefix("wellspring-svn-").tempdir().expect("a directory");
        let repository = scratch.path().join("config");
        run(Command::new("svnadmin").arg("create").arg(&repository));
        let rules = "[general]\nanon-access = none\nauth-access = write\npassword-db = passwd\n";
        fs::write(repository.join("conf/svnserve.conf"), rules).expect("a file");
        fs::write(repository.join("conf/passwd"), "[users]\nada = lovelace\n").expect("a file");
        let port = port::free();
        let guard = Self::spawn(scratch.path(), port);
        let served = Self { guard, port, scratch };
        served.await_ready();
        let from = format!("file://{}", repository.display());
        run(Command::new("svn").args(["checkout", "-q", &from]).arg(served.copy()));
        for (path, text) in files {
            served.write(path, text);
        }
        served.commit();
        Some(served)
    }

    fn spawn(folder: &Path, port: u16) -> Guard {
        let mut command = Command::new("svnserve");
        command.args(["-d", "--foreground", "--listen-host", "127.0.0.1", "--listen-port"]);
        command.arg(port.to_string()).arg("-r").arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Guard::spawn(&mut command).expect("svnserve")
    }

    fn await_ready(&self) {
        poll::until("svnserve answers", Duration::from_secs(60), || {
            std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok()
        });
    }

    pub fn uri(&self) -> String {
        format!("svn://127.0.0.1:{}/config", self.port)
    }

    fn copy(&self) -> PathBuf {
        self.scratch.path().join("copy")
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.copy().join(path);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(&file, text).expect("a file");
    }

    /// Commits the working copy as it is.
    pub fn commit(&self) {
        let copy = self.copy();
        run(Command::new("svn").args(["add", "-q", "--force", "."]).current_dir(&copy));
        run(Command::new("svn").args(["commit", "-q", "-m", "change"]).current_dir(&copy));
    }

    /// Writes one file and commits it.
    pub fn put(&self, path: &str, text: &str) {
        self.write(path, text);
        self.commit();
    }

    pub fn crash(&mut self) {
        self.guard.kill();
    }

    /// After a crash: on the same port.
    pub fn restart(&mut self) {
        self.guard = Self::spawn(self.scratch.path(), self.port);
        self.await_ready();
    }

    /// It accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.guard.freeze();
    }

    pub fn thaw(&self) {
        self.guard.thaw();
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program of Subversion");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
