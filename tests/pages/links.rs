//! Links of all pages lead to files and headings that are there, paths in the text exist, and the book's list has every page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use wellspring_test_support::tools;

use crate::block::fences;
use crate::book::pages;

/// Folders whose files are named in the text.
const FOLDERS: [&str; 8] = ["crates/", "deploy/", "docs/", "examples/", "tests/", "xtask/", "bench/", ".ci/"];

/// The name by which a heading is linked to: lower case, blanks are dashes, other signs are left out.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// Headings outside of blocks; the second of a name has `-1` behind it.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let headings = fences(page).1.into_iter().filter_map(|(_, line)| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len() && text.starts_with(' ')).then(|| anchor(text))
    });
    headings
        .map(|name| {
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
        })
        .collect()
}

/// Targets of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Without `..` and `.`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
        plain
    })
}

/// Whether the project, or one of its crates, has this file.
fn is_there(path: &str) -> bool {
    let crates = std::fs::read_dir(tools::root().join("crates")).unwrap();
    tools::root().join(path).exists() || crates.flatten().any(|it| it.path().join(path).exists())
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut complaints = Vec::new();
    let mut count = 0;
    for (name, text) in &pages {
        for (number, line) in fences(text).1 {
            for target in targets(line).filter(|target| !target.contains("://")) {
                count += 1;
                let (file, heading) = target.split_once('#').unwrap_or((target, ""));
                let folder = Path::new(name).parent().unwrap_or(Path::new(""));
                let file = if file.is_empty() { PathBuf::from(name) } else { plain(&folder.join(file)) };
                let shown = file.display().to_string();
                let is_there = tools::root().join(&file).exists();
                let has_heading = heading.is_empty()
                    || pages.get(&shown).is_some_and(|page| anchors(page).contains(heading));
                if !is_there {
                    complaints.push(format!("{name}:{number}: there is no {shown}"));
                } else if !has_heading {
                    complaints.push(format!("{name}:{number}: {shown} has no heading #{heading}"));
                }
            }
            for span in line.split('`').skip(1).step_by(2) {
                let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder))
                    && !span.contains([' ', '*', '<', '{', '$', '…']);
                if is_path && !is_there(span) {
                    complaints.push(format!("{name}:{number}: there is no {span}"));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(count > 100, "{count} links");
    println!("\nreport: {count} links of {} pages lead somewhere", pages.len());
}

#[test]
fn the_book_has_every_page() {
    let pages = pages();
    let list = &pages["docs/SUMMARY.md"];
    for page in pages.keys().filter_map(|page| page.strip_prefix("docs/")) {
        let linked = list.contains(&format!("]({page})"));
        assert!(linked || page == "SUMMARY.md", "docs/SUMMARY.md does not have {page}");
    }
}

#[test]
fn headings_and_links_are_read() {
    let page = "# A `b`, c\n```sh\n# none\n```\n## Who may pass?\n## Who may pass?\n#no\n";
    assert_eq!(anchors(page).into_iter().collect::<Vec<_>>(), ["a-b-c", "who-may-pass", "who-may-pass-1"]);
    assert_eq!(targets("a [b](c.md#d) ![e](f.png) (g)").collect::<Vec<_>>(), ["c.md#d", "f.png"]);
    assert_eq!(plain(Path::new("docs/../examples/./a")), Path::new("examples/a"));
}
