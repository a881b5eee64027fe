//! `cargo xtask sbom`: what each program is made of, as CycloneDX; and whether licences, sources and bans are as `deny.toml` says.
//!
//! Read from `cargo tree` and `Cargo.lock`, so that it needs no tool; where cargo-deny is installed, `cargo xtask check` asks that as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::command::{cargo, root, target};

/// Package and program.
const PROGRAMS: [(&str, &str); 5] = [
    ("wellspring", "wellspring"),
    ("wellspring-registry", "wellspring-registry"),
    ("wellspring-config-server", "wellspring-config-server"),
    ("wellspring-gateway", "wellspring-gateway"),
    ("wellspring-bus", "wellspring-bus"),
];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// A crate at a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    name: String,
    version: String,
    licence: String,
}

/// What `Cargo.lock` says of one.
#[derive(Debug, Default)]
struct Locked {
    source: Option<String>,
    checksum: Option<String>,
}

/// Writes `target/sbom/<program>.cdx.json` for each program.
pub(crate) fn sbom() -> bool {
    let folder = target().join("sbom");
    if let Err(error) = fs::create_dir_all(&folder) {
        println!("{}: {error}", folder.display());
        return false;
    }
    let locked = locked(&lock_file());
    PROGRAMS.iter().all(|(package, program)| {
        let Some(components) = components(Some(package)) else { return false };
        let file = folder.join(format!("{program}.cdx.json"));
        println!("{}: {} components", file.display(), components.len());
        fs::write(&file, document(program, &components, &locked)).is_ok()
    })
}

/// True when every dependency has an allowed licence and comes from an allowed place, and none is banned.
pub(crate) fn check() -> bool {
    let Some(components) = components(None) else { return false };
    let rules = fs::read_to_string(root().join("deny.toml")).unwrap_or_default();
    let (allowed, banned) = (list(&rules, "allow = ["), named(&rules, "crate = "));
    let locked = locked(&lock_file());
    let mut found = Vec::new();
    for Component { name, version, licence } in &components {
        if !is_allowed(licence, &allowed) {
            found.push(format!("{name} {version}: licence {licence:?} is not in deny.toml"));
        }
        if banned.contains(name) {
            found.push(format!("{name} {version} is banned by deny.toml"));
        }
    }
    for ((name, version), Locked { source, .. }) in &locked {
        if source.as_deref().is_some_and(|source| source != CRATES_IO) {
            found.push(format!("{name} {version} comes from {}", source.as_deref().unwrap_or_default()));
        }
    }
    println!("\ndependencies: {} components, {} to mend", components.len(), found.len());
    found.iter().for_each(|line| println!("  {line}"));
    found.is_empty() && !components.is_empty() && !allowed.is_empty()
}

fn lock_file() -> String {
    fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default()
}

/// What a package, or all of them, are built of; build scripts' crates too.
fn components(package: Option<&str>) -> Option<Vec<Component>> {
    let mut tree =
        cargo(&["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}|{l}"]);
    match package {
        Some(package) => tree.args(["--package", package]),
        None => tree.arg("--workspace"),
    };
    let output = tree.output().ok()?;
    if !output.status.success() {
        println!("{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let all: BTreeSet<Component> = text.lines().filter_map(component).collect();
    Some(all.into_iter().collect())
}

/// `name v1.2.3 (a note)|MIT OR Apache-2.0 (*)`
fn component(line: &str) -> Option<Component> {
    let (package, licence) = line.split_once('|')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let licence = licence.trim_end_matches(" (*)").replace('/', " OR ");
    Some(Component { name: name.to_owned(), version: version.to_owned(), licence })
}

fn locked(text: &str) -> BTreeMap<(String, String), Locked> {
    let mut all = BTreeMap::new();
    for package in text.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
        };
        if let (Some(name), Some(version)) = (field("name"), field("version")) {
            all.insert((name, version), Locked { source: field("source"), checksum: field("checksum") });
        }
    }
    all
}

/// The texts of a list that begins with `start`.
fn list(text: &str, start: &str) -> Vec<String> {
    let inner =
        text.split_once(start).and_then(|(_, rest)| rest.split_once(']')).map_or("", |(inner, _)| inner);
    inner.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The texts that follow `key`.
fn named(text: &str, key: &str) -> Vec<String> {
    text.split(key).skip(1).filter_map(|rest| rest.split('"').nth(1)).map(str::to_owned).collect()
}

/// An SPDX expression: one side of each OR, both of each AND, whatever is in parentheses first.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let mut words = Vec::new();
    for word in expression.replace('(', " ( ").replace(')', " ) ").split_whitespace().map(str::to_owned) {
        words.push(word);
    }
    let mut at = 0;
    let ok = either(&words, &mut at, allowed);
    ok && at == words.len()
}

fn either(words: &[String], at: &mut usize, allowed: &[String]) -> bool {
    let mut ok = both(words, at, allowed);
    while words.get(*at).is_some_and(|word| word == "OR") {
        *at += 1;
        // Not short: the words of the other side must be read as well.
        ok |= both(words, at, allowed);
    }
    ok
}

fn both(words: &[String], at: &mut usize, allowed: &[String]) -> bool {
    let mut ok = one(words, at, allowed);
    while words.get(*at).is_some_and(|word| word == "AND") {
        *at += 1;
        ok &= one(words, at, allowed);
    }
    ok
}

fn one(words: &[String], at: &mut usize, allowed: &[String]) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if word == "(" {
        let ok = either(words, at, allowed);
        let is_closed = words.get(*at).is_some_and(|word| word == ")");
        *at += 1;
        return ok && is_closed;
    }
    let mut licence = word.clone();
    if words.get(*at).is_some_and(|word| word == "WITH") {
        licence.push_str(" WITH ");
        licence.push_str(words.get(*at + 1).map_or("", String::as_str));
        *at += 2;
    }
    allowed.contains(&licence)
}

fn document(program: &str, components: &[Component], locked: &BTreeMap<(String, String), Locked>) -> String {
    let own = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "{{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.5\",\n  \"version\": 1,\n  \"metadata\": {{ \"component\": {{ \"type\": \"application\", \
         \"name\": \"{program}\", \"version\": \"{own}\" }} }},\n  \"components\": [\n"
    );
    for (number, Component { name, version, licence }) in components.iter().enumerate() {
        let lock = locked.get(&(name.clone(), version.clone()));
        let hash = lock.and_then(|lock| lock.checksum.as_ref()).map_or_else(String::new, |checksum| {
            format!(", \"hashes\": [{{ \"alg\": \"SHA-256\", \"content\": \"{checksum}\" }}]")
        });
        let purl = match lock.and_then(|lock| lock.source.as_ref()) {
            Some(_) => format!(", \"purl\": \"pkg:cargo/{name}@{version}\""),
            None => String::new(),
        };
        let licences = match licence.is_empty() {
            true => String::new(),
            false => format!(", \"licenses\": [{{ \"expression\": \"{licence}\" }}]"),
        };
        let comma = if number + 1 < components.len() { "," } else { "" };
        if writeln!(
            text,
            "    {{ \"type\": \"library\", \"name\": \"{name}\", \"version\": \"{version}\"{purl}{licences}{hash} }}{comma}"
        )
        .is_err()
        {
            break;
        }
    }
    text.push_str("  ]\n}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_sources_and_bans_of_everything_that_is_built_in_hold() {
        assert!(check(), "what is printed above is against deny.toml");
    }

    #[test]
    fn licences_are_judged_as_expressions() {
        let allowed = ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, wanted) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT AND GPL-3.0", false),
            ("Apache-2.0 AND ISC", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("(MIT OR ISC) AND GPL-3.0", false),
            ("MIT OR ISC AND GPL-3.0", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Other-exception", false),
            ("(MIT", false),
            ("MIT)", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), wanted, "{expression}");
        }
    }

    #[test]
    fn lines_of_the_tree_and_of_the_lock_file_become_a_document() {
        let wanted =
            Component { name: "a-b".into(), version: "1.2.3".into(), licence: "MIT OR Apache-2.0".into() };
        assert_eq!(component("a-b v1.2.3 (/x/y)|MIT/Apache-2.0 (*)"), Some(wanted.clone()));
        assert_eq!(component(""), None);
        let lock = format!(
            "version = 4\n\n[[package]]\nname = \"a-b\"\nversion = \"1.2.3\"\nsource = \"{CRATES_IO}\"\nchecksum = \"00ff\"\n"
        );
        let text = document("p", &[wanted], &locked(&lock));
        for part in [
            "\"purl\": \"pkg:cargo/a-b@1.2.3\"",
            "\"content\": \"00ff\"",
            "\"expression\": \"MIT OR Apache-2.0\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("},\n  ]"), "{text}");
    }

    #[test]
    fn rules_are_read_from_their_file() {
        let rules = "[licenses]\nallow = [\"MIT\", \"ISC\"]\n[bans]\ndeny = [\n { crate = \"x-sys\", reason = \"r\" },\n]\n";
        assert_eq!(
            (list(rules, "allow = ["), named(rules, "crate = ")),
            (vec!["MIT".to_owned(), "ISC".to_owned()], vec!["x-sys".to_owned()])
        );
    }
}
