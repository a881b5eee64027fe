//! What the kernel says about this process and machine, from `/proc`.

use std::os::unix::fs::MetadataExt;

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
