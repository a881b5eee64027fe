//! One program on a host of its own, with a disk and a clock of its own, started again when it ends.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wellspring_test_support::process::{Guard, resident_kib};
use wellspring_test_support::{binaries, tools};

use crate::network::{Host, Network};

/// Every host uses the same port.
const PORT: u16 = 8000;
/// Shifts what `clock_gettime` says, by what a file says. Debian's package faketime.
const FAKETIME: &str = "/usr/lib/*/faketime/libfaketimeMT.so.1";

/// How a member is made.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// A program of the platform, or a Spring application's jar.
    pub(crate) program: Program,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) yaml: String,
}

pub(crate) enum Program {
    Rust(&'static str),
    Jar(PathBuf),
}

pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) host: Host,
    recipe: Recipe,
    disk: Disk,
    folder: PathBuf,
    guard: Option<Guard>,
}

/// A small file system of its own, which can be full.
struct Disk {
    path: PathBuf,
}

// === impl Member ===

impl Member {
    pub(crate) fn new(recipe: Recipe, network: &Network, folder: &Path) -> Self {
        let folder = folder.join(recipe.name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("application.yml"), &recipe.yaml).unwrap();
        let disk = Disk::mount(folder.join("data"));
        let member = Self { name: recipe.name, host: network.host(), recipe, disk, folder, guard: None };
        member.shift_clock(0);
        member
    }

    /// A variable for its next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.recipe.variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (self.host.address(), PORT).into()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) fn is_jvm(&self) -> bool {
        matches!(self.recipe.program, Program::Jar(_))
    }

    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = match &self.recipe.program {
            Program::Rust(name) => {
                let mut command = self.host.command(binaries::path(name));
                if !self.recipe.yaml.is_empty() {
                    command.arg("--config").arg(self.folder.join("application.yml"));
                }
                command
                    .env("LD_PRELOAD", tools::find(FAKETIME).expect("libfaketime"))
                    .env("FAKETIME_TIMESTAMP_FILE", self.folder.join("clock"))
                    .env("FAKETIME_CACHE_DURATION", "1")
                    // As when an administrator sets the clock: only the calendar jumps.
                    .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
                command
            }
            Program::Jar(jar) => {
                let mut command = self.host.command("java");
                command.args(["-Xmx192m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-jar"]).arg(jar);
                command
            }
        };
        command
            .env("SERVER_PORT", PORT.to_string())
            .envs(self.recipe.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.disk.path)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.guard = Some(Guard::spawn(&mut command).unwrap());
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.guard.iter_mut().for_each(Guard::kill);
    }

    /// What a supervisor does: starts it again when it has ended. True when it had.
    pub(crate) fn revive(&mut self) -> bool {
        let ended = self.guard.as_mut().is_none_or(|guard| guard.ended().is_some());
        if ended {
            self.start();
        }
        ended
    }

    pub(crate) fn freeze(&self) {
        self.guard.iter().for_each(Guard::freeze);
    }

    pub(crate) fn thaw(&self) {
        self.guard.iter().for_each(Guard::thaw);
    }

    pub(crate) fn fill_disk(&self) {
        self.disk.fill();
    }

    pub(crate) fn free_disk(&self) {
        self.disk.free();
    }

    /// From now on the calendar is this much off.
    pub(crate) fn shift_clock(&self, seconds: i64) {
        // In one piece: the program reads it at any time.
        let draft = self.folder.join("clock.new");
        fs::write(&draft, format!("{seconds:+}\n")).unwrap();
        fs::rename(draft, self.folder.join("clock")).unwrap();
    }

    /// Resident KiB and open files.
    pub(crate) fn size(&self) -> Option<(u64, usize)> {
        let id = self.guard.as_ref()?.id();
        Some((resident_kib(id)?, fs::read_dir(format!("/proc/{id}/fd")).ok()?.count()))
    }

    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}

// === impl Disk ===

impl Disk {
    fn mount(path: PathBuf) -> Self {
        fs::create_dir(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&path).status();
        assert!(mounted.unwrap().success(), "mount {}", path.display());
        Self { path }
    }

    fn fill(&self) {
        let mut file = File::create(self.path.join("ballast")).unwrap();
        let piece = vec![b'x'; 4096];
        while file.write_all(&piece).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a program that ends late may still write.
        Command::new("umount").arg("-l").arg(&self.path).status().ok();
    }
}
