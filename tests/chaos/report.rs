//! Tables of what happened, in the form that the documentation shows.

use std::collections::BTreeMap;
use std::time::Duration;

use wellspring_test_support::long;

use crate::fault::{Episode, Fault, Kind};
use crate::fleet::Fleet;

/// Memory may move by this much: arenas, buffers of the moment.
const MEMORY_PERCENT: u64 = 10;
const MEMORY_KIB: u64 = 2048;
const FILES: usize = 12;
/// What is filled once may be filled late in the few seconds of the short form: there only what runs away is seen.
const SHORT: u64 = 8;

pub(crate) fn line(episode: &Episode) -> String {
    let Fault { kind, victim } = episode.fault;
    let mut line = format!(
        "{victim}: {kind}; {} requests, {} tried again, {} lost; impact {:.1} s, well again after {:.1} s",
        episode.requests,
        episode.troubled,
        episode.lost.len(),
        episode.impact.as_secs_f64(),
        episode.recovery.as_secs_f64()
    );
    for outcome in episode.lost.iter().take(3) {
        line.push_str(&format!(
            "\n    lost after {} attempts in {:?}: {:?}, at first {:?}",
            outcome.attempts, outcome.took, outcome.lost, outcome.first
        ));
    }
    line
}

/// By kind of fault: the worst and the usual.
pub(crate) fn print(episodes: &[Episode], requests: usize, time: Duration) {
    let mut kinds: BTreeMap<Kind, Vec<&Episode>> = BTreeMap::new();
    for episode in episodes {
        kinds.entry(episode.fault.kind).or_default().push(episode);
    }
    println!("\n| fault | times | requests | tried again | lost | well again after, median | worst |");
    println!("|---|---|---|---|---|---|---|");
    for (kind, episodes) in kinds {
        let mut recoveries: Vec<f64> =
            episodes.iter().map(|episode| episode.recovery.as_secs_f64()).collect();
        recoveries.sort_by(f64::total_cmp);
        let sum = |of: fn(&Episode) -> usize| episodes.iter().map(|episode| of(episode)).sum::<usize>();
        println!(
            "| {kind} | {} | {} | {} | {} | {:.1} s | {:.1} s |",
            episodes.len(),
            sum(|episode| episode.requests),
            sum(|episode| episode.troubled),
            sum(|episode| episode.lost.len()),
            recoveries[recoveries.len() / 2],
            recoveries[recoveries.len() - 1],
        );
    }
    println!("\n{} faults and {requests} requests in {:.0} s\n", episodes.len(), time.as_secs_f64());
}

/// The ends of the logs of the victim and of those beside it.
pub(crate) fn logs(fleet: &Fleet, fault: Fault) -> String {
    let mut text = String::new();
    for member in &fleet.members {
        let log = member.log();
        // Of a Java stack the cause is what matters.
        let is_frame = |line: &&str| line.starts_with("\tat ") || line.is_empty();
        let lines: Vec<&str> = log.lines().filter(|line| !is_frame(line)).collect();
        let count = if member.name == fault.victim { 40 } else { 6 };
        let tail = lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n");
        text.push_str(&format!("--- {}\n{tail}\n", member.name));
    }
    text
}

/// Memory and open files of every member over time.
pub(crate) struct Sizes(BTreeMap<&'static str, Vec<(u64, usize)>>);

impl Sizes {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        Self(
            fleet
                .members
                .iter()
                .filter(|member| !member.is_jvm())
                .map(|member| (member.name, vec![]))
                .collect(),
        )
    }

    pub(crate) fn take(&mut self, fleet: &Fleet) {
        for (name, sizes) in &mut self.0 {
            sizes.extend(fleet.member(name).size());
        }
    }

    pub(crate) fn print(&self, requests: usize) {
        println!("\n{requests} requests; KiB and open files, second quarter against last quarter:");
        println!("| | memory | | open files | |\n|---|---|---|---|---|");
        for (name, sizes) in &self.0 {
            let ((kib, files), (later_kib, later_files)) = ends(sizes);
            println!("| {name} | {kib} | {later_kib} | {files} | {later_files} |");
        }
    }

    /// Those that grew.
    pub(crate) fn grown(&self) -> Vec<String> {
        let mut grown = Vec::new();
        let times = if long::wanted() { 1 } else { SHORT };
        let more_files = if long::wanted() { FILES } else { FILES * 8 };
        for (name, sizes) in &self.0 {
            let ((kib, files), (later_kib, later_files)) = ends(sizes);
            if later_kib > kib + times * (kib * MEMORY_PERCENT / 100 + MEMORY_KIB) {
                grown.push(format!("{name}: {kib} -> {later_kib} KiB"));
            }
            if later_files > files + more_files {
                grown.push(format!("{name}: {files} -> {later_files} open files"));
            }
        }
        grown
    }
}

/// Medians of the second and of the last quarter.
fn ends(sizes: &[(u64, usize)]) -> ((u64, usize), (u64, usize)) {
    let quarter = sizes.len() / 4;
    let median = |part: &[(u64, usize)]| {
        let mut kib: Vec<u64> = part.iter().map(|size| size.0).collect();
        let mut files: Vec<usize> = part.iter().map(|size| size.1).collect();
        kib.sort_unstable();
        files.sort_unstable();
        (kib[kib.len() / 2], files[files.len() / 2])
    };
    (median(&sizes[quarter..quarter * 2]), median(&sizes[quarter * 3..]))
}
