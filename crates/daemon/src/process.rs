//! What the kernel says about this process and machine, from `/proc`. Absent values mean that it does not say.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Linux counts processor time in hundredths of a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory; 0 when `/proc` is not there.
pub(crate) fn resident_bytes() -> u64 {
    status_field("VmRSS:").map_or(0, |kib| kib * 1024)
}

pub(crate) fn threads() -> u64 {
    status_field("Threads:").unwrap_or(0)
}

fn status_field(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub(crate) fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count())
}

pub(crate) fn most_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time of all threads.
pub(crate) fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold blanks; the fields after it are fixed.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// Ticks of all processors: not idle, and all.
pub(crate) fn busy_and_total() -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|tick| tick.parse().ok())
        .collect();
    let total = ticks.iter().sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some((total - idle, total))
}

pub(crate) fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// Bytes free for us, and all, of the file system that holds `path`.
pub(crate) fn disk(path: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some((stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize))
}

/// One thread of this process.
pub(crate) struct Thread {
    pub(crate) id: u64,
    pub(crate) name: String,
    /// Linux's letter: R, S, D …
    pub(crate) state: char,
}

pub(crate) fn all_threads() -> Vec<Thread> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let read = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let (start, fields) = stat.rsplit_once(')')?;
        let (id, name) = start.split_once(" (")?;
        let state = fields.trim_start().chars().next()?;
        Some(Thread { id: id.parse().ok()?, name: name.to_owned(), state })
    };
    let mut threads: Vec<_> = tasks.flatten().filter_map(read).collect();
    threads.sort_by_key(|thread| thread.id);
    threads
}

/// The name of the user that runs the process, or the number when there is no name for it.
pub(crate) fn owner() -> String {
    let Ok(uid) = std::fs::metadata("/proc/self").map(|own| own.uid().to_string()) else {
        return String::new();
    };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    name.unwrap_or(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers() {
        assert!(resident_bytes() > 1024 * 1024);
        assert!(threads() >= 1);
        assert!(open_files().unwrap() >= 3);
        assert!(most_files().unwrap() >= 64);
        assert!(cpu_time().is_some());
        let (busy, total) = busy_and_total().unwrap();
        assert!(0 < busy && busy < total);
        let (free, all) = disk(Path::new("/")).unwrap();
        assert!(free <= all && all > 0);
        assert!(all_threads().iter().any(|thread| thread.id == u64::from(std::process::id())));
        assert!(!owner().is_empty());
    }
}
