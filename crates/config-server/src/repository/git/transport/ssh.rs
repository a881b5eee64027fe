//! A remote behind ssh, reached by the OpenSSH client: keys, agent, known hosts and jumps are as the user has them.
//!
//! With `ignore-local-ssh-settings` only what the settings say counts. Keys and pass phrases go into files and variables that only
//! the client sees, never into its arguments.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use url::Url;
use wellspring_properties::Problem;

use super::daemon::converse;
use super::packet::{Incoming, Packets};
use crate::config::{Git as Settings, Secret};
use crate::repository::git::refs::Refs;

#[derive(Debug)]
pub(crate) struct Ssh {
    host: String,
    port: Option<u16>,
    user: Option<String>,
    path: String,
    options: Options,
}

/// What the client is told.
#[derive(Debug, Clone)]
struct Options {
    isolated: bool,
    strict: bool,
    private_key: Option<Secret>,
    /// Pass phrase of the key, or password.
    phrase: Option<Secret>,
    host_key: Option<(String, String)>,
    known_hosts: Option<PathBuf>,
    authentications: Option<String>,
}

const ALGORITHMS: [&str; 6] = [
    "ssh-dss",
    "ssh-rsa",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
];
/// Characters of the client's complaint that are logged.
const COMPLAINT: u64 = 2000;

impl Ssh {
    pub(super) fn new(uri: &str, settings: &Settings) -> Result<Self, Problem> {
        let problem = |message: &str| Problem::new("WS-1414", message).found(super::Shown(uri).to_string());
        let (host, port, user, path) = if uri.starts_with("ssh://") {
            let url = Url::parse(uri).map_err(|error| problem(&format!("not a uri: {error}")))?;
            let user = Some(url.username().to_owned()).filter(|user| !user.is_empty());
            (url.host_str().unwrap_or_default().to_owned(), url.port(), user, url.path().to_owned())
        } else {
            let (authority, path) = uri.split_once(':').ok_or_else(|| problem("not a uri"))?;
            let (user, host) = match authority.split_once('@') {
                Some((user, host)) => (Some(user.to_owned()), host),
                None => (None, authority),
            };
            (host.to_owned(), None, user, path.to_owned())
        };
        let user = user.or_else(|| settings.username.clone());
        // The client would take such a host for an option.
        if host.is_empty() || host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-'))
        {
            return Err(problem("host or user is not valid"));
        }
        Ok(Self { host, port, user, path, options: Options::new(settings)? })
    }

    pub(super) async fn fetch(&self, mirror: &Path, known: &Refs, timeout: Duration) -> Result<Refs, String> {
        let files = TempDir::new().map_err(|error| format!("no temporary directory: {error}"))?;
        let mut command = self.command(files.path(), timeout).map_err(|error| error.to_string())?;
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                "ssh repositories need the program `ssh` (OpenSSH), which is not installed".to_owned()
            }
            _ => format!("ssh cannot be started: {error}"),
        })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("ssh has no pipes".to_owned());
        };
        let packets = Packets::new(Incoming::Stream(Box::new(stdout)), timeout);
        let result = converse(packets, stdin, mirror, known).await;
        match result {
            Ok(refs) => Ok(refs),
            Err(error) => {
                let mut complaint = String::new();
                let reading = stderr.take(COMPLAINT);
                tokio::pin!(reading);
                // What it has said by now is enough; the child ends with this function.
                drop(
                    tokio::time::timeout(Duration::from_millis(200), reading.read_to_string(&mut complaint))
                        .await,
                );
                let complaint = complaint.trim().replace('\n', "; ");
                Err(if complaint.is_empty() { error } else { complaint })
            }
        }
    }

    fn command(&self, files: &Path, timeout: Duration) -> std::io::Result<Command> {
        let mut command = Command::new("ssh");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut option = |text: String| {
            command.arg("-o").arg(text);
        };
        option(format!("ConnectTimeout={}", timeout.as_secs().max(1)));
        if self.options.isolated {
            option("IdentitiesOnly=yes".to_owned());
            option(format!("StrictHostKeyChecking={}", if self.options.strict { "yes" } else { "no" }));
            if let Some(methods) = &self.options.authentications {
                option(format!("PreferredAuthentications={methods}"));
            }
            if let Some((algorithm, key)) = &self.options.host_key {
                let host = match self.port {
                    Some(port) if port != 22 => format!("[{}]:{port}", self.host),
                    _ => self.host.clone(),
                };
                let known = write(files, "known_hosts", &format!("{host} {algorithm} {key}\n"), 0o600)?;
                option(format!("UserKnownHostsFile={}", known.display()));
            } else if let Some(known) = &self.options.known_hosts {
                option(format!("UserKnownHostsFile={}", known.display()));
            }
        }
        match &self.options.phrase {
            Some(phrase) => {
                option("NumberOfPasswordPrompts=1".to_owned());
                let script =
                    write(files, "askpass", "#!/bin/sh\nprintf '%s\\n' \"$WELLSPRING_SSH_PHRASE\"\n", 0o700)?;
                command.env("SSH_ASKPASS", script).env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":");
                command.env("WELLSPRING_SSH_PHRASE", &phrase.0);
            }
            None => option("BatchMode=yes".to_owned()),
        }
        if self.options.isolated {
            command.arg("-F").arg("/dev/null");
        }
        if let Some(key) = &self.options.private_key {
            let text = key.0.replace("\\n", "\n");
            let key = write(files, "key", &format!("{}\n", text.trim()), 0o600)?;
            command.arg("-i").arg(key);
        }
        if let Some(port) = self.port {
            command.arg("-p").arg(port.to_string());
        }
        if let Some(user) = &self.user {
            command.arg("-l").arg(user);
        }
        command
            .arg("--")
            .arg(&self.host)
            .arg(format!("git-upload-pack '{}'", self.path.replace('\'', "'\\''")));
        Ok(command)
    }
}

impl Options {
    fn new(settings: &Settings) -> Result<Self, Problem> {
        let isolated = settings.ignore_local_ssh_settings;
        let host_key = match (&settings.host_key, &settings.host_key_algorithm) {
            (Some(key), Some(algorithm)) if ALGORITHMS.contains(&algorithm.as_str()) => {
                Some((algorithm.clone(), key.clone()))
            }
            (None, None) => None,
            (_, algorithm) => {
                return Err(Problem::new("WS-1415", "host-key and host-key-algorithm belong together")
                    .found(algorithm.as_deref().unwrap_or_default())
                    .hint(ALGORITHMS.join(", ")));
            }
        };
        Ok(Self {
            isolated,
            strict: settings.strict_host_key_checking,
            private_key: settings.private_key.clone().filter(|_| isolated),
            phrase: settings.passphrase.clone().or_else(|| settings.password.clone()),
            host_key,
            known_hosts: settings.known_hosts_file.as_ref().map(PathBuf::from),
            authentications: settings.preferred_authentications.clone(),
        })
    }
}

/// A file that only this user can read.
fn write(directory: &Path, name: &str, text: &str, mode: u32) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = directory.join(name);
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&path)?
        .write_all(text.as_bytes())?;
    Ok(path)
}
