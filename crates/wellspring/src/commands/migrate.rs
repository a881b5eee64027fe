//! `migrate`: what becomes of each setting of an original server's files.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use wellspring_properties::{Entry, Problem, flatten, java_properties, yaml};

use super::support::{self, Support};
use super::{FailOn, output};
use crate::server::{Outcome, Output, write};

/// A setting and what becomes of it.
struct Fate {
    key: String,
    place: String,
    support: Support,
    remark: &'static str,
}

const UNKNOWN: &str = "no daemon reads it; it is still there for placeholders and for applications";

pub(super) fn run(files: &[PathBuf], fail_on: Option<FailOn>, form: Output, out: &mut dyn Write) -> Outcome {
    let mut fates = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        match read(file) {
            Ok(entries) => fates.extend(entries.into_iter().map(|(key, entry)| fate(key, &entry))),
            Err(problem) => problems.push(problem),
        }
    }
    let ignored = fates.iter().any(|fate| fate.support == Support::Ignored);
    let fine = problems.is_empty() && !(ignored && fail_on == Some(FailOn::Ignored));
    match form {
        Output::Table => text(&fates, &problems, out)?,
        Output::Json | Output::Yaml | Output::Ndjson => {
            let settings = fates.iter().map(|fate| {
                json!({"key": fate.key, "where": fate.place, "support": fate.support.to_string(), "remark": fate.remark})
            });
            let problems: Vec<_> = problems.iter().map(output::problem).collect();
            let settings: Vec<_> = settings.collect();
            write(form, &json!({"ok": fine, "settings": settings, "problems": problems}), out)?;
        }
    }
    Ok(fine)
}

fn fate(key: String, entry: &Entry) -> Fate {
    let place = entry.origin.as_ref().map(ToString::to_string).unwrap_or_default();
    match support::find(&key) {
        Some(row) => Fate { key, place, support: row.support, remark: row.remark },
        None => Fate { key, place, support: Support::Ignored, remark: UNKNOWN },
    }
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
fn text(fates: &[Fate], problems: &[Problem], out: &mut dyn Write) -> io::Result<()> {
    for problem in problems {
        writeln!(out, "{problem}\n")?;
    }
    let width = fates.iter().map(|fate| fate.key.chars().count()).max().unwrap_or(0).min(60);
    for kind in [Support::Different, Support::Ignored] {
        let of_kind: Vec<_> = fates.iter().filter(|fate| fate.support == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        writeln!(out, "{kind} ({})", of_kind.len())?;
        for fate in of_kind {
            writeln!(out, "  {:width$}  {}  → {}", fate.key, fate.place, fate.remark)?;
        }
    }
    let supported = fates.iter().filter(|fate| fate.support == Support::Supported).count();
    writeln!(out, "{supported} of {} settings do what they did", fates.len())
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
        let text = "server:\n  port: 80\n  tomcat.threads.max: 5\nhystrix.command.x: 1\n";
        let (fine, answer) = migrate(text, None);
        assert!(fine);
        let wanted = "different (1)\n  hystrix.command.x          application.yml:4:20  → resilience4j.circuitbreaker and resilience4j.timelimiter\nignored (1)\n  server.tomcat.threads.max  application.yml:3:23  → belongs to the JVM or its web server; remove it\n1 of 3 settings do what they did\n";
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
