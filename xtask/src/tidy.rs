//! `cargo xtask tidy`: house rules that neither rustfmt nor clippy knows.
//!
//! Files stay readable, rooms are named after what is in them, crates depend downwards only, every metric is documented.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::root;

/// Lines of production code in a file.
const LONGEST: usize = 500;

/// Names that say nothing about what is inside.
const NAMELESS: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "misc", "core", "manager", "impl"];

/// What each crate may depend on, besides its own macros. `docs` of the ground plan: arrows only go down.
const ARROWS: [(&str, &[&str]); 15] = [
    ("properties", &[]),
    ("wire", &[]),
    ("pattern", &[]),
    ("telemetry", &["wire"]),
    ("tls", &["properties"]),
    ("redis", &["properties", "tls"]),
    ("resilience", &[]),
    ("lb-client", &["properties", "wire", "pattern", "telemetry", "tls", "resilience"]),
    ("daemon", &["lb-client", "admin", "properties", "wire", "pattern", "telemetry", "tls", "resilience"]),
    ("bus", &["daemon", "lb-client", "properties", "wire", "pattern", "telemetry", "tls", "resilience"]),
    ("registry", &["daemon", "lb-client", "properties", "wire", "pattern", "telemetry", "tls", "resilience"]),
    (
        "config-server",
        &[
            "bus",
            "daemon",
            "lb-client",
            "properties",
            "wire",
            "pattern",
            "telemetry",
            "tls",
            "redis",
            "resilience",
        ],
    ),
    (
        "gateway",
        &[
            "bus",
            "daemon",
            "lb-client",
            "properties",
            "wire",
            "pattern",
            "telemetry",
            "tls",
            "redis",
            "resilience",
        ],
    ),
    ("admin", &["lb-client", "properties", "wire", "pattern", "telemetry", "tls", "resilience"]),
    ("test-support", &[]),
];

/// True when nothing is to be said.
pub(crate) fn run() -> bool {
    let mut found = Vec::new();
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap_or_default();
        found.extend(about_file(&file, &text));
    }
    found.extend(about_arrows());
    found.extend(about_metrics());
    found.sort();
    println!("\ntidy: {} to mend", found.len());
    found.iter().for_each(|line| println!("  {line}"));
    found.is_empty()
}

/// Every Rust file of the project.
fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        ["bench", "crates", "examples", "tests", "xtask"].iter().map(|f| root().join(f)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != "node_modules" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn about_file(file: &Path, text: &str) -> Vec<String> {
    let shown = file.strip_prefix(root()).unwrap_or(file).display();
    let mut found = Vec::new();
    let lines = production_lines(text);
    let is_test = file
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "benches")));
    if lines > LONGEST && !is_test {
        found.push(format!("{shown}: {lines} lines of production code, at most {LONGEST}"));
    }
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let room = file
        .parent()
        .and_then(|parent| parent.file_name())
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    for name in [stem, room] {
        if NAMELESS.contains(&name) {
            found.push(format!("{shown}: {name} says nothing about what is inside"));
        }
    }
    if stem == room {
        found.push(format!("{shown}: write {room}/mod.rs"));
    }
    let has_header =
        text.lines().find(|line| !line.starts_with("#!")).is_some_and(|line| line.starts_with("//!"));
    let speaks_for_itself = stem == "tests" || (stem == "main" && lines <= 12);
    if !has_header && !speaks_for_itself {
        found.push(format!("{shown}: no //! header that says what it is for"));
    }
    found
}

/// Lines before the test module.
fn production_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| match pair {
        [first, second] => *first == "#[cfg(test)]" && second.starts_with("mod ") && second.ends_with('{'),
        _ => false,
    });
    tests.unwrap_or(lines.len())
}

fn about_arrows() -> Vec<String> {
    let mut found = Vec::new();
    for (name, allowed) in ARROWS {
        let Ok(manifest) = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")) else {
            continue;
        };
        for other in dependencies(&manifest) {
            let own_macros = other == format!("{name}-macros");
            if !own_macros && !allowed.contains(&other.as_str()) {
                found.push(format!("crates/{name}: depends on wellspring-{other}, which is not below it"));
            }
        }
    }
    found
}

/// The crates of this project under `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[dependencies]"
            && let Some(rest) = line.strip_prefix("wellspring-")
        {
            found.push(rest.split(['.', ' ', '=']).next().unwrap_or_default().to_owned());
        }
    }
    found
}

/// Names in the list of all metrics that the users' page does not have.
fn about_metrics() -> Vec<String> {
    let list = fs::read_to_string(root().join("crates/telemetry/src/names.rs")).unwrap_or_default();
    let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap_or_default();
    metric_names(&list)
        .into_iter()
        .filter(|name| !page.contains(&format!("`{name}`")))
        .map(|name| format!("docs/metrics.md: no line about `{name}`"))
        .collect()
}

/// `CONSTANT = "dotted.name", …` lines.
fn metric_names(list: &str) -> Vec<&str> {
    let constant =
        |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    list.lines()
        .filter_map(|line| line.trim().split_once(" = \""))
        .filter(|(name, _)| constant(name))
        .filter_map(|(_, rest)| rest.split('"').next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_not_production_lines() {
        assert_eq!(production_lines("//! x\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n}\n"), 3);
        assert_eq!(production_lines("//! x\n#[cfg(test)]\nmod tests;\nfn a() {}\n"), 4);
    }

    #[test]
    fn reads_dependencies_of_the_project_only() {
        let manifest = "[dependencies]\nwellspring-wire.workspace = true\ntokio = \"1\"\nwellspring-bus = { x = 1 }\n[dev-dependencies]\nwellspring-test-support = 1\n";
        assert_eq!(dependencies(manifest), ["wire", "bus"]);
    }

    #[test]
    fn finds_metric_names() {
        let list = "names! {\n    A_B = \"a.b\", \"seconds\", \"text\";\n    let x = \"no\";\n}\n";
        assert_eq!(metric_names(list), ["a.b"]);
    }

    #[test]
    fn a_file_says_what_it_is_for_and_is_named_after_it() {
        let file = root().join("crates/x/src/utils/utils.rs");
        assert_eq!(about_file(&file, "fn a() {}").len(), 4);
        assert!(about_file(&root().join("crates/x/src/lease.rs"), "//! Leases.\n").is_empty());
    }
}
