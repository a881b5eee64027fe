//! What the test run is told: counts of each part, what was left out and why, how long it took.

use std::time::{Duration, Instant};

/// Counts of one part of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Left out, each with its reason.
    pub(crate) skipped: Vec<String>,
    /// Known not to hold yet.
    pub(crate) pending: Vec<String>,
    /// Names of what failed.
    pub(crate) failures: Vec<String>,
    /// Names of what failed first, and passed when it ran again.
    pub(crate) unsteady: Vec<String>,
    /// Lines worth repeating at the end.
    pub(crate) notes: Vec<String>,
    /// Within the names that follow `failures:`.
    listing: bool,
}

impl Count {
    /// Takes in one line of a test program's output.
    pub(crate) fn read(&mut self, line: &str) {
        let listing = std::mem::replace(&mut self.listing, line == "failures:");
        if listing && let Some(name) = line.strip_prefix("    ") {
            self.failures.push(name.to_owned());
            self.listing = true;
            return;
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            for part in counts.split([';', '.']) {
                let mut words = part.split_whitespace();
                let (Some(number), Some(word)) =
                    (words.next().and_then(|n| n.parse::<usize>().ok()), words.next())
                else {
                    continue;
                };
                match word {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    _ => {}
                }
            }
        } else if let Some(rest) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            if let (name, Some(reason)) = (rest.0, rest.1.strip_prefix("ignored")) {
                let reason = reason.trim_start_matches(',').trim();
                self.skipped.push(format!("{name}: {}", if reason.is_empty() { "ignored" } else { reason }));
            }
        } else if let Some(what) = line.strip_prefix("skipped: ") {
            self.skipped.push(what.to_owned());
        } else if let Some(what) = line.strip_prefix("pending ") {
            self.pending.push(what.to_owned());
        } else if let Some(what) = line.strip_prefix("FAIL ") {
            self.failures.push(what.to_owned());
        } else if let Some(what) = line.strip_prefix("report: ") {
            self.notes.push(what.to_owned());
        }
    }
}

impl Count {
    /// Takes in the second run of what failed. True when all of it passed.
    pub(crate) fn passed_again(&mut self, second: &Self) -> bool {
        let all = second.failed == 0 && second.passed >= self.failed;
        if all {
            self.passed += std::mem::take(&mut self.failed);
            self.unsteady.append(&mut self.failures);
        }
        all
    }
}

/// Parts in the order they ran.
#[derive(Debug)]
pub(crate) struct Report {
    started: Instant,
    parts: Vec<(String, Count, Duration)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), parts: Vec::new() }
    }

    /// A part that ran; `ok` is how its program ended.
    pub(crate) fn add(&mut self, name: &str, mut count: Count, ok: bool, since: Instant) {
        if !ok && count.failed == 0 {
            // It did not build, or ended before it could count.
            count.failed = 1;
            count.failures.push(format!("{name} did not run to its end"));
        }
        self.parts.push((name.to_owned(), count, since.elapsed()));
    }

    /// Prints the summary and the closing line. True when nothing failed.
    pub(crate) fn close(&self) -> bool {
        let list = |title: &str, of: fn(&Count) -> &Vec<String>| {
            let items: Vec<&String> = self.parts.iter().flat_map(|(_, count, _)| of(count)).collect();
            if !items.is_empty() {
                println!("\n{title}:");
                items.iter().for_each(|item| println!("  {item}"));
            }
        };
        list("Measured", |count| &count.notes);
        list("Known not to hold yet (tests/conformance/pending.txt)", |count| &count.pending);
        list("Skipped", |count| &count.skipped);
        list("Unsteady (failed, and passed when run again)", |count| &count.unsteady);
        list("Failed", |count| &count.failures);
        println!();
        for (name, count, time) in &self.parts {
            println!(
                "{name:<14} {:>5} passed {:>4} failed {:>4} skipped {:>7.1} s",
                count.passed,
                count.failed,
                count.skipped.len(),
                time.as_secs_f64()
            );
        }
        let sum = |of: fn(&Count) -> usize| self.parts.iter().map(|(_, count, _)| of(count)).sum::<usize>();
        let failed = sum(|count| count.failed);
        println!("{:<14} {:>41.1} s", "in all", self.started.elapsed().as_secs_f64());
        println!(
            "\n{} passed, {failed} failed, {} skipped",
            sum(|count| count.passed),
            sum(|count| count.skipped.len())
        );
        failed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_test_programs_print() {
        let mut count = Count::default();
        for line in [
            "running 3 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "failures:",
            "",
            "---- a::c stdout ----",
            "    some output",
            "failures:",
            "    a::c",
            "    a::d",
            "",
            "    not a name",
            "test d ... ignored, needs a network",
            "skipped: spring: no java (package default-jdk-headless)",
            "pending gateway/cors: 3 of 5 cases hold (preflight)",
            "report: registry 12 ms 9.1 MiB",
            "test result: FAILED. 7 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            count.read(line);
        }
        assert_eq!((count.passed, count.failed), (12, 1));
        assert_eq!(count.failures, ["a::c", "a::d"]);
        assert_eq!(count.skipped, ["d: needs a network", "spring: no java (package default-jdk-headless)"]);
        assert_eq!(count.pending.len(), 1);
        assert_eq!(count.notes, ["registry 12 ms 9.1 MiB"]);
    }

    #[test]
    fn what_passes_the_second_time_is_named_and_not_counted_as_failed() {
        let failed = || Count { passed: 5, failed: 1, failures: vec!["a::b".to_owned()], ..Count::default() };
        let mut count = failed();
        assert!(count.passed_again(&Count { passed: 1, ..Count::default() }));
        assert_eq!((count.passed, count.failed), (6, 0));
        assert_eq!((count.unsteady, count.failures), (vec!["a::b".to_owned()], vec![]));

        for second in [Count { failed: 1, ..Count::default() }, Count::default()] {
            let mut count = failed();
            assert!(!count.passed_again(&second), "{second:?}");
            assert_eq!((count.passed, count.failed, count.unsteady.len()), (5, 1, 0));
        }
    }
}
