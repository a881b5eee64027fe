//! `migrate`: what becomes of each setting of an original server's files.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use wellspring_properties::support::Support;
use wellspring_properties::{Entry, Problem, flatten, java_properties, yaml};

use super::{FailOn, output};
use crate::server::{Outcome, Output, write};
use crate::settings::{self, Fate};

/// A setting and what becomes of it.
struct Line {
    key: String,
    place: String,
    fate: Fate,
}

pub(super) fn run(files: &[PathBuf], fail_on: Option<FailOn>, form: Output, out: &mut dyn Write) -> Outcome {
    let mut fates = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match read(file) {
            Ok(entries) => fates.extend(entries.into_iter().map(|(key, entry)| line(key, &entry))),
            Err(problem) => problems.push(problem),
        }
    }
    let count = |kind| fates.iter().filter(|line| line.fate.support == kind).count();
    let without_effect = match fail_on {
        None => 0,
        Some(FailOn::Ignored) => count(Support::Ignored),
        Some(FailOn::Different) => count(Support::Ignored) + count(Support::Different),
    };
    let fine = problems.is_empty() && without_effect == 0;
    match form {
        Output::Table => text(&fates, &problems, out)?,
        Output::Json | Output::Yaml | Output::Ndjson => {
            let settings = fates.iter().map(|line| {
                json!({"key": line.key, "where": line.place, "support": line.fate.support.as_str(), "remark": line.fate.remark})
            });
            let problems: Vec<_> = problems.iter().map(output::problem).collect();
            let settings: Vec<_> = settings.collect();
            write(form, &json!({"ok": fine, "settings": settings, "problems": problems}), out)?;
        }
    }
    Ok(fine)
}

fn line(key: String, entry: &Entry) -> Line {
    let place = entry.origin.as_ref().map(ToString::to_string).unwrap_or_default();
    let fate = settings::fate(&key);
    Line { key, place, fate }
}

fn read(file: &std::path::Path) -> Result<Vec<(String, Entry)>, Problem> {
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| {
        Problem::new(wellspring_properties::codes::FILE_UNREADABLE, format!("cannot read {shown}: {error}"))
    })?;
    if file.extension().is_some_and(|extension| extension == "properties") {
        return Ok(java_properties::parse(&bytes, &shown)?.into_iter().flatten().collect());
    }
    Ok(yaml::parse_bytes(&bytes, &shown)?.iter().flat_map(flatten::document).collect())
}

/// What needs a hand comes first; what works is counted.
fn text(lines: &[Line], problems: &[Problem], out: &mut dyn Write) -> io::Result<()> {
    for problem in problems {
        writeln!(out, "{problem}\n")?;
    }
    let of_kind = |kind| lines.iter().filter(move |line| line.fate.support == kind);
    for kind in [Support::Different, Support::Ignored] {
        let count = of_kind(kind).count();
        if count == 0 {
            continue;
        }
        let width = of_kind(kind).map(|line| line.key.chars().count()).max().unwrap_or(0).min(60);
        writeln!(out, "{kind} ({count})")?;
        for line in of_kind(kind) {
            writeln!(out, "  {:width$}  {}", line.key, line.place)?;
            writeln!(out, "  {:width$}  → {}", "", line.fate.remark)?;
        }
    }
    let own = of_kind(Support::Own).count();
    let own = if own > 0 { format!(", {own} are the application's own") } else { String::new() };
    writeln!(out, "{} of {} settings do what they did{own}", of_kind(Support::Supported).count(), lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrate(text: &str, fail_on: Option<FailOn>) -> (bool, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("application.yml");
        std::fs::write(&file, text).unwrap();
        let mut out = Vec::new();
        let fine = run(&[file], fail_on, Output::Table, &mut out).unwrap();
        (fine, String::from_utf8(out).unwrap().replace(&format!("{}/", directory.path().display()), ""))
    }

    #[test]
    fn settings_are_sorted_by_what_becomes_of_them() {
        let text = "server:\n  port: 80\n  tomcat.threads.max: 5\nhystrix.command.x: 1\norders.max: 3\n";
        let (fine, answer) = migrate(text, None);
        assert!(fine);
        let wanted = "different (1)\n  hystrix.command.x  application.yml:4:20\n                     → resilience4j.circuitbreaker and resilience4j.timelimiter\nignored (1)\n  server.tomcat.threads.max  application.yml:3:23\n                             → there are no thread pools to size; see wellspring.threads\n1 of 4 settings do what they did, 1 are the application's own\n";
        assert_eq!(answer, wanted);
        assert!(!migrate(text, Some(FailOn::Ignored)).0);
        assert!(migrate("server.port: 1", Some(FailOn::Ignored)).0);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_problem() {
        let (fine, answer) = migrate("a: [", None);
        assert!(!fine);
        assert!(answer.starts_with("error[WS-1001]"), "{answer}");
    }
}
