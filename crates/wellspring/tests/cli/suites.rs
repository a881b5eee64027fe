//! `check`, `validate` and `migrate` on the files of all conformance suites: no panic, and no setting without an answer.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{ask, root};

/// Every settings file of the suites; those that a suite serves as configuration, too.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    collect(&root().join("tests/conformance"), &mut files);
    assert!(files.len() >= 25, "{files:?}");
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|end| ["yml", "yaml", "properties"].iter().any(|known| end == *known))
        {
            files.push(path);
        }
    }
}

#[test]
fn migrate_classifies_every_setting_of_every_suite() {
    let files = files();
    let mut words = vec!["migrate", "-o", "json"];
    words.extend(files.iter().map(|file| file.to_str().unwrap()));
    let said = ask(&words);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    let settings = answer["settings"].as_array().unwrap();
    assert!(settings.len() > 250, "{}", settings.len());
    for setting in settings {
        let text = |name: &str| setting[name].as_str().unwrap().to_owned();
        let (key, support, remark) = (text("key"), text("support"), text("remark"));
        assert!(["supported", "different", "ignored", "own"].contains(&support.as_str()), "{setting}");
        assert!(!remark.is_empty() && !remark.starts_with("no such setting"), "{setting}");
        let springs =
            ["spring.", "server.", "management.", "logging.", "eureka.", "resilience4j.", "encrypt."];
        let served = text("where").contains("/native-files/files/") || text("where").contains("/repo/");
        assert!(
            served || support != "own" || !springs.iter().any(|first| key.starts_with(first)),
            "{setting}"
        );
    }
}

#[test]
fn validate_reads_every_file_of_every_suite() {
    for file in files() {
        let said = ask(&["validate", "-o", "json", file.to_str().unwrap()]);
        assert!([0, 1].contains(&said.code), "{}: {}{}", file.display(), said.out, said.err);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        for problem in answer["files"][0]["problems"].as_array().unwrap() {
            let code = problem["code"].as_str().unwrap();
            // Nothing is reported that cannot be looked up.
            assert_eq!(ask(&["explain", code]).code, 0, "{}: {problem}", file.display());
        }
    }
}

#[test]
fn check_looks_at_every_file_of_every_suite() {
    for file in
        files().into_iter().filter(|file| file.file_name().is_some_and(|name| name == "application.yml"))
    {
        let said = ask(&["check", "--pre", "--config", file.to_str().unwrap(), "-o", "json"]);
        assert!([0, 1].contains(&said.code), "{}: {}{}", file.display(), said.out, said.err);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        let items = answer["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{}", file.display());
        for item in items {
            let bad = item["state"] != "fine";
            assert!(!bad || item["code"].is_string(), "{}: {item}", file.display());
        }
    }
}
