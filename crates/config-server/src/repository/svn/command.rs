//! The program `svn`: never asks, keeps nothing, and gets the password by its standard input, where no list of processes shows it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process;

use crate::config::Secret;

/// Characters of a complaint that are kept.
const COMPLAINT: usize = 500;

#[derive(Debug)]
pub(super) struct Command {
    username: Option<String>,
    password: Option<Secret>,
    timeout: Duration,
    trusts_anybody: bool,
}

impl Command {
    pub(super) fn new(
        username: Option<String>,
        password: Option<Secret>,
        timeout: Duration,
        trusts_anybody: bool,
    ) -> Self {
        Self { username, password, timeout, trusts_anybody }
    }

    /// The newest revision. `settings`: a directory of our own in place of `~/.subversion`.
    pub(super) async fn revision(&self, uri: &str, settings: &Path) -> Result<String, String> {
        let said = self.run(settings, &["info", "--show-item", "revision"], &[&pegged(uri, None)]).await?;
        let revision = said.trim();
        match !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(revision.to_owned()),
            false => Err(format!("svn tells no revision but {revision:?}")),
        }
    }

    pub(super) async fn check_out(
        &self,
        uri: &str,
        revision: &str,
        to: &Path,
        settings: &Path,
    ) -> Result<(), String> {
        let to = to.display().to_string();
        let words = ["checkout", "--quiet", "--ignore-externals"];
        self.run(settings, &words, &[&pegged(uri, Some(revision)), &to]).await.map(drop)
    }

    /// Brings a tree to a revision, whatever an interrupted command has left behind.
    pub(super) async fn update(&self, tree: &Path, revision: &str, settings: &Path) -> Result<(), String> {
        let tree = tree.display().to_string();
        self.run(settings, &["cleanup", "--quiet"], &[&tree]).await?;
        let words =
            ["update", "--quiet", "--ignore-externals", "--accept", "theirs-full", "--revision", revision];
        self.run(settings, &words, &[&tree]).await.map(drop)
    }

    async fn run(&self, settings: &Path, words: &[&str], places: &[&str]) -> Result<String, String> {
        let mut command = process::Command::new("svn");
        command.args(words).args(["--non-interactive", "--config-dir"]).arg(settings);
        // `cleanup` asks no server, and knows no user.
        let signs_in = words.first() != Some(&"cleanup");
        let mut secret = None;
        if signs_in {
            command.arg("--no-auth-cache");
            if let Some(username) = &self.username {
                command.arg("--username").arg(username);
            }
            if let Some(password) = &self.password {
                command.arg("--password-from-stdin");
                secret = Some(password.0.clone());
            }
            if self.trusts_anybody {
                command
                    .arg("--trust-server-cert-failures=unknown-ca,cn-mismatch,expired,not-yet-valid,other");
            }
        }
        // Whatever an address begins with, it is none of the options.
        command.arg("--").args(places);
        command.env("LC_ALL", "C.UTF-8").env("SVN_SSH", "ssh -o BatchMode=yes -o ConnectTimeout=5");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "Subversion repositories need the program `svn`, which is not installed".to_owned()
            }
            _ => format!("svn cannot be started: {error}"),
        })?;
        let ended = async {
            if let (Some(mut stdin), Some(secret)) = (child.stdin.take(), secret) {
                // A program that has ended already says why.
                stdin.write_all(secret.as_bytes()).await.ok();
            }
            child.wait_with_output().await.map_err(|error| error.to_string())
        };
        let output = tokio::time::timeout(self.timeout, ended)
            .await
            .map_err(|_| format!("svn has not ended within {} s", self.timeout.as_secs()))??;
        if output.status.success() {
            return String::from_utf8(output.stdout).map_err(|error| error.to_string());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.trim().replace('\n', "; ").chars().take(COMPLAINT).collect();
        Err(if said.is_empty() { format!("svn ends with {}", output.status) } else { said })
    }
}

/// With a revision, or at least the sign that ends the address: it may hold an `@` itself.
fn pegged(uri: &str, revision: Option<&str>) -> String {
    format!("{uri}@{}", revision.unwrap_or("HEAD"))
}
