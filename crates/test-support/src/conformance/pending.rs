//! What is known not to hold yet: `tests/conformance/pending.txt`.
//!
//! A line is `SUITE # reason` or `SUITE :: CASE # reason`. What is listed may fail; when it holds, the run fails until the
//! line is gone, so the list never says more than is true.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reasons by (suite, case); no case means the whole suite.
#[derive(Debug, Clone, Default)]
pub struct Pending(BTreeMap<(String, Option<String>), String>);

impl Pending {
    /// Reads the list; no file is an empty list.
    pub fn read(file: &Path) -> Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => Self::parse(&text).with_context(|| file.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).context(file.display().to_string()),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let mut entries = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let Some((subject, reason)) = line.split_once(" # ") else {
                bail!("no reason (SUITE :: CASE # reason): {line}");
            };
            let key = match subject.trim().split_once(" :: ") {
                Some((suite, case)) => (suite.trim().to_owned(), Some(case.trim().to_owned())),
                None => (subject.trim().to_owned(), None),
            };
            entries.insert(key, reason.trim().to_owned());
        }
        Ok(Self(entries))
    }

    /// Why a whole suite is pending.
    pub fn suite(&self, suite: &str) -> Option<&str> {
        self.0.get(&(suite.to_owned(), None)).map(String::as_str)
    }

    /// Why a case is pending.
    pub fn case(&self, suite: &str, case: &str) -> Option<&str> {
        self.0.get(&(suite.to_owned(), Some(case.to_owned()))).map(String::as_str)
    }

    /// Lines that name no suite or case there is.
    pub fn strangers(&self, suites: &[super::Suite]) -> Vec<String> {
        let known = |(suite, case): &(String, Option<String>)| {
            suites
                .iter()
                .filter(|s| s.name == *suite)
                .any(|s| case.as_ref().is_none_or(|case| s.script.cases.iter().any(|c| c.name == *case)))
        };
        let strangers = self.0.keys().filter(|key| !known(key));
        strangers.map(|(suite, case)| format!("{suite} :: {}", case.as_deref().unwrap_or("*"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_suites_and_cases_and_wants_reasons() {
        let pending = Pending::parse("# list\n\na/b # not built\nc :: x: y # z # w\n").unwrap();
        assert_eq!(pending.suite("a/b"), Some("not built"));
        assert_eq!(pending.suite("c"), None);
        assert_eq!(pending.case("c", "x: y"), Some("z # w"));
        assert!(Pending::parse("a/b").is_err());
    }
}
