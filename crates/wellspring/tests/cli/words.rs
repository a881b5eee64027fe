//! What the command line says about itself.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{ask, root};

#[test]
fn every_code_of_the_workspace_is_explained() {
    let mut codes = BTreeSet::new();
    collect(&root().join("crates"), &mut codes);
    assert!(codes.len() > 80, "{codes:?}");
    for code in &codes {
        let said = ask(&["explain", code]);
        assert_eq!(said.code, 0, "{code}: {}", said.out);
        assert!(said.out.starts_with(&format!("{code}: ")) && said.out.lines().count() >= 3, "{}", said.out);
    }
}

/// Codes that production code names; those of tests may be invented.
fn collect(folder: &Path, codes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" && name != "target" {
                collect(&path, codes);
            }
            continue;
        }
        if path.extension().is_none_or(|end| end != "rs") || name == "tests.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for part in production.split("\"WS-").skip(1) {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 4
                && part.strip_prefix(digits.as_str()).is_some_and(|rest| rest.starts_with('"'))
            {
                codes.insert(format!("WS-{digits}"));
            }
        }
    }
}

#[test]
fn shells_and_manuals_know_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let said = ask(&["completion", shell]);
        assert_eq!(said.code, 0, "{}", said.err);
        for verb in ["migrate", "config-server", "drain", "--server"] {
            assert!(said.out.contains(verb.trim_start_matches('-')), "{shell}: {verb}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let said = ask(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    for page in ["wellspring.1", "wellspring-check.1", "wellspring-config-pin.1", "wellspring-bus-send.1"] {
        let text = std::fs::read_to_string(folder.path().join(page))
            .unwrap_or_else(|_| panic!("{page}: {}", said.out));
        assert!(text.contains(".TH") && text.contains("wellspring"), "{page}");
    }
}

/// The verbs of `--help`, which the page for users must have.
#[test]
fn the_page_of_the_command_line_has_every_verb() {
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let help = ask(&["--help"]).out;
    let verbs = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let verbs: Vec<&str> = verbs
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 25, "{help}");
    let missing: Vec<_> = verbs.iter().filter(|verb| !page.contains(&format!("`{verb}"))).collect();
    assert!(missing.is_empty(), "docs/cli.md lacks {missing:?}");
}

#[test]
fn versions_and_schemas_are_for_programs() {
    let version: Value = serde_json::from_str(&ask(&["version", "--json"]).out).unwrap();
    assert_eq!(version["name"], "wellspring");
    assert_eq!(ask(&["--version", "--json"]).out, ask(&["version", "--json"]).out);
    assert_eq!(ask(&["version"]).out, format!("wellspring {}\n", version["version"].as_str().unwrap()));
    let schema: Value = serde_json::from_str(&ask(&["schema"]).out).unwrap();
    assert!(schema.pointer("/properties/server/properties/port").is_some());
    let said = ask(&["migrat"]);
    assert!(said.code == 2 && said.err.contains("'migrate'"), "{}", said.err);
}
