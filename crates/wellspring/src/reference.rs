//! Pages of the book that are made of tables in the code: settings of the originals, metrics, codes of complaints.
//!
//! Made text stands between marks, all around it is written by hand. `cargo xtask docs` writes it anew; a page that is behind
//! the code fails here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use wellspring_properties::support::{Row, Support};
use wellspring_telemetry::names;

use crate::commands::all_codes;
use crate::settings::{self, keys};

const END: &str = "<!-- end -->";

/// Page, name of the mark, and what stands below it.
type Made = (&'static str, &'static str, fn() -> String);
const MADE: [Made; 3] = [
    ("metrics.md", "metrics", metrics),
    ("errors.md", "codes", codes),
    ("spring-settings.md", "settings", spring),
];

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// A cell of a table: a bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn metrics() -> String {
    let mut text = "| name | unit | meaning |\n|---|---|---|\n".to_owned();
    for name in names::ALL {
        writeln!(text, "| `{}` | {} | {} |", name.id, name.unit, cell(name.help)).unwrap();
    }
    text
}

fn codes() -> String {
    let mut codes: Vec<_> = all_codes().collect();
    codes.sort_by_key(|code| code.code);
    let mut text = String::new();
    for code in codes {
        writeln!(text, "### {}: {}\n\n{}\n", code.code, code.title, code.explanation).unwrap();
    }
    text.trim_end().to_owned() + "\n"
}

/// Settings of the originals, by the row that holds for them.
fn spring() -> String {
    let mut members: HashMap<&str, Vec<String>> = HashMap::new();
    for key in keys::all().filter(|key| !key.old) {
        let Some(row) = settings::find(key.name) else { continue };
        if let Some(rest) = key.name.strip_prefix(row.prefix).filter(|rest| !rest.is_empty()) {
            members.entry(row.prefix).or_default().push(format!("`{rest}`"));
        }
    }
    let mut text = String::new();
    for (title, rows) in settings::tables() {
        writeln!(text, "## {title}\n").unwrap();
        for row in rows.iter().filter(|row| row.support == Support::Supported) {
            let below = members.get(row.prefix).map(|names| format!(" ({})", names.join(", ")));
            writeln!(text, "- `{}`: {}{}", row.prefix, row.remark, below.unwrap_or_default()).unwrap();
        }
        let others: Vec<&Row> = rows.iter().filter(|row| row.support != Support::Supported).collect();
        if !others.is_empty() {
            text.push_str("\n| has no effect, or is written otherwise | |\n|---|---|\n");
        }
        for row in others {
            let otherwise = if row.support == Support::Different { "otherwise: " } else { "" };
            writeln!(text, "| `{}` | {otherwise}{} |", row.prefix, cell(row.remark)).unwrap();
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

/// The page with its made part exchanged; `None` without marks.
fn renewed(page: &str, mark: &str, made: &str) -> Option<String> {
    let begin = format!("<!-- made by cargo xtask docs: {mark} -->");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}\n{made}{END}{after}"))
}

#[test]
fn pages_are_what_the_code_says() {
    let mut behind = Vec::new();
    for (name, mark, made) in MADE {
        let file = page(name);
        let kept = fs::read_to_string(&file).unwrap_or_default();
        let wanted =
            renewed(&kept, mark, &made()).unwrap_or_else(|| panic!("docs/{name} has no marks of {mark}"));
        if kept != wanted && std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &wanted).unwrap();
        } else if kept != wanted {
            behind.push(name);
        }
    }
    assert!(behind.is_empty(), "behind the code: {behind:?}; `cargo xtask docs` writes them");
}

#[test]
fn made_text_leaves_what_is_written_by_hand() {
    let text = "a\n<!-- made by cargo xtask docs: x -->\nold\n<!-- end -->\nb\n";
    let wanted = "a\n<!-- made by cargo xtask docs: x -->\nnew\n<!-- end -->\nb\n";
    assert_eq!(renewed(text, "x", "new\n").as_deref(), Some(wanted));
    assert_eq!(renewed(text, "y", "new\n"), None);
    assert!(spring().contains("- `eureka.server`: ") && metrics().contains("`http.server.requests`"));
    assert!(codes().contains("### WS-1201: value has the wrong type\n"));
}
