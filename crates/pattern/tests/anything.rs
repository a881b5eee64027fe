//! Whatever the pattern and the text: an answer or a complaint, never a panic and never a search without end, and those who ask
//! in two ways get one answer.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; there is no runtime whose time could stand still"
)]

use std::time::{Duration, Instant};

use wellspring_pattern::java_regex::Replacement;
use wellspring_pattern::{Ant, JavaRegex, PathPattern, Template, Variables, star, template};
use wellspring_test_support::long;

/// What matters to the grammars, and a little of what does not.
const PIECES: &[&str] = &[
    "/",
    "/",
    "a",
    "b",
    "ab",
    "*",
    "**",
    "?",
    "{a}",
    "{*rest}",
    "{b:[a-c]+}",
    "{",
    "}",
    ":",
    ".",
    "..",
    "(",
    ")",
    "[",
    "]",
    "+",
    "|",
    "\\",
    "\\d",
    "$",
    "$1",
    "${a}",
    "^",
    "(?<a>",
    "(?i)",
    "\\Q",
    "\\E",
    "{2}",
    "{0,9}",
    "%2F",
    "%",
    ";v=1",
    " ",
    "é",
    "\u{1F600}",
    "\0",
    "&&",
    "-",
    ",",
    "_",
    "(a+)+",
    "(?=a)",
    "\\1",
];

fn soup(most: usize) -> String {
    (0..fastrand::usize(..=most))
        .map(|_| PIECES.get(fastrand::usize(..PIECES.len())).unwrap())
        .copied()
        .collect()
}

#[test]
fn long_any_pattern_meets_any_text() {
    fastrand::seed(long::seed());
    let time = long::time(Duration::from_secs(2), Duration::from_secs(600));
    let began = Instant::now();
    let mut cases = 0;
    while began.elapsed() < time {
        let (pattern, text) = (soup(8), soup(10));
        meet(&pattern, &text);
        cases += 1;
    }
    println!("{cases} patterns");
}

fn meet(pattern: &str, text: &str) {
    let mut variables = Variables::default();
    if let Ok(ant) = Ant::new(pattern, '/') {
        assert_eq!(ant.matches(text), ant.capture(text, &mut variables), "{pattern:?} {text:?}");
    }
    for optional_slash in [false, true] {
        if let Ok(path) = PathPattern::new(pattern, optional_slash) {
            variables.clear();
            assert_eq!(path.matches(text), path.capture(text, &mut variables), "{pattern:?} {text:?}");
            assert!(path.literal_segments().count() <= pattern.len() + 1);
        }
    }
    if let Ok(regex) = JavaRegex::new(pattern) {
        let found = regex.finds(text);
        assert!(
            found || !regex.matches(text),
            "{pattern:?} matches {text:?} as a whole and is not found in it"
        );
        assert!(regex.whole_groups(text).len() <= regex.groups() + 1, "{pattern:?} {text:?}");
        assert!(found || regex.first_group(text).is_none(), "{pattern:?} {text:?}");
        if let Ok(replacement) = Replacement::new(text, &regex) {
            let replaced = regex.replace_all(pattern, &replacement);
            assert!(replaced.is_none_or(|text| text.len() < 1 << 20), "{pattern:?} {text:?}");
        }
    }
    assert_eq!(star::matches(pattern, text), star::matches_any([pattern], text));
    let template = Template::new(pattern);
    let (plain, path) = (template.expand(&variables), template.expand_path(&variables));
    assert_eq!(plain.is_ok(), path.is_ok(), "{pattern:?}");
    drop(Template::path_only(pattern));
    assert!(template::encode_path(text).is_ascii() && template::encode_query_value(text).is_ascii());
}
