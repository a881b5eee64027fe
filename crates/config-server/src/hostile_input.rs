//! Fuzzing as a property test: whatever files, keys, values and paths hold, the readers and writers end, in bounded memory,
//! without a panic, and what is written reads back.
//!
//! Seeded: a failure prints `SEED=…`, which replays that very case.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use indexmap::IndexMap;
use tokio::time::Instant;
use wellspring_properties::{Entry, Scalar, flatten, java_properties, yaml};
use wellspring_test_support::long;
use wellspring_test_support::process::cpu_time;

use crate::encryption::Keys;
use crate::encryption::prefixes::Prefixes;
use crate::encryption::values::Decryptor;
use crate::http::resource::checked;
use crate::http::route::Mount;
use crate::render::tree::Tree;
use crate::render::{json, merge, placeholders, properties, yaml as written};
use crate::sources::{files::is_clean, xml};

/// No case takes more processor time than this; on a busy machine that may be long.
const HANG: Duration = Duration::from_secs(60);
/// Resident memory may grow by so much, in KiB: limits of single files are well below.
const GROWTH: u64 = 600 * 1024;

#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "a", "b: ", "- ", "? ", ": ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "'", "\"", "&x ", "*x", "<<: *x",
    "<<: ", "!!str ", "!!binary ", "!!int ", "!y ", "|\n", ">-\n", "|+2\n", " # c", "\n---\n", "\n...\n", "\t",
    "%TAG ! x\n", "@", "~", "1", "0x", "1:2", ".inf", "1e9999", "\\", "\\u00e9", "\\x", "é", "😀", "\u{2028}",
    "\u{85}", "\u{feff}", "\0", "${", "}", "${a:", "${a}", "\\${", "#---\n", "=", "\\\n", "(", ")", "\r", "\r\n",
    "[0]", "[99999]", "[x]", "..", ".", "{cipher}", "{key:x}", "{plain}", "AQIDBA==", "00ff", "<entry key=\"a\">",
    "</entry>", "&amp;", "<![CDATA[", "]]>", "<!DOCTYPE x [<!ENTITY a \"b\">]>", "&a;",
    "spring.config.activate.on-profile: ", "/", "%2e", "%252f", "(_)", ".git", ";", "%00", "%c0%ae", "//",
];

/// Documents of the typing test: what real files look like.
fn corpus() -> Vec<String> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/typing/0.ndjson")).unwrap();
    text.lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["text"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// Pieces of syntax in any order; or a real file with pieces put in, taken out, repeated, very often repeated.
fn hostile(rng: &mut Rng, corpus: &[String]) -> String {
    let token = |rng: &mut Rng| TOKENS[rng.usize(..TOKENS.len())];
    if rng.bool() {
        return (0..rng.usize(..60)).map(|_| token(rng)).collect();
    }
    if rng.u8(..40) == 0 {
        let (first, count) = (token(rng).to_owned() + token(rng), rng.usize(..20_000));
        return first.repeat(count);
    }
    let mut characters: Vec<char> = corpus[rng.usize(..corpus.len())].chars().collect();
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(..=characters.len());
        let end = (at + rng.usize(..20)).min(characters.len());
        match rng.u8(..4) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy: Vec<char> = characters[at..end].repeat(rng.usize(1..20));
                characters.splice(at..at, copy);
            }
            _ => drop(characters.splice(at..at, token(rng).chars()).collect::<Vec<_>>()),
        }
    }
    characters.into_iter().collect()
}

fn case(seed: u64, corpus: &[String], decryptor: &Decryptor) {
    let rng = &mut Rng::with_seed(seed);
    let text = hostile(rng, corpus);
    let documents = yaml::parse(&text, "x.yml")
        .map(|documents| documents.iter().map(flatten::document).collect::<Vec<_>>());
    let lines = java_properties::parse(text.as_bytes(), "x.properties");
    drop(xml::parse(text.as_bytes(), "x.xml"));
    for entries in documents.into_iter().flatten().chain(lines.into_iter().flatten()) {
        writers(decryptor.decrypt(entries, "x"));
    }
    let (prefixes, rest) = Prefixes::split(&text);
    assert!(text.ends_with(rest) && prefixes.text().len() <= 2 * text.len(), "{text:?}");
    drop(decryptor.decrypt_text(&text));
    for path in ["x.yml", "x.json", "x.properties"] {
        decryptor.decrypt_inside(path, &text);
    }
    paths(&text);
    round_trip(rng);
}

fn writers(entries: IndexMap<String, Entry>) {
    let sources = [entries];
    let merged = merge::merge(sources.iter());
    properties::dump(&merged);
    let Ok(tree) = Tree::unflatten(&merged) else { return };
    let flat = json::dump(&tree);
    serde_json::from_str::<serde_json::Value>(&flat).unwrap_or_else(|error| panic!("{error}: {flat}"));
    let text = written::dump(&tree);
    let lookup = |key: &str| sources[0].get(key).map(|entry| Cow::Owned(entry.value.to_string()));
    drop(placeholders::resolve(&text, &lookup));
}

/// What is let through stays below its directory, and no raw path upsets the router.
fn paths(text: &str) {
    drop(Mount::default().route(text, false));
    drop(Mount::default().route(&format!("/a/b/main/{text}"), true));
    if let Ok(path) = checked(text) {
        assert!(is_clean(&path) && !path.starts_with('/'), "{text:?} became {path:?}");
        let inside =
            Path::new(&path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        assert!(inside, "{text:?} became {path:?}");
    }
}

/// Keys and values made up, unflattened, written as YAML, read, flattened: the same.
fn round_trip(rng: &mut Rng) {
    let mut entries: IndexMap<String, Entry> = IndexMap::new();
    for at in 0..rng.usize(1..6) {
        // Names differ from key to key, so none is both a value and a parent.
        let mut key = format!("k{at}");
        for _ in 0..rng.usize(..4) {
            match rng.u8(..4) {
                0 => key.push_str("[0]"),
                1 if !key.ends_with(']') => key.push_str("[x/y]"),
                _ => key.push_str(&format!(".{}", ["a", "b-c", "D", "é"][rng.usize(..4)])),
            }
        }
        let value = match rng.u8(..6) {
            0 => Scalar::Int(rng.i64(..)),
            1 => Scalar::Bool(rng.bool()),
            2 => Scalar::Float(f64::from(rng.i32(..)) / 8.0),
            _ => Scalar::Text((0..rng.usize(..8)).map(|_| TOKENS[rng.usize(..TOKENS.len())]).collect()),
        };
        entries.insert(key, Entry { value, origin: None });
    }
    let sources = [entries];
    let merged = merge::merge(sources.iter());
    let text = written::dump(&Tree::unflatten(&merged).unwrap());
    let documents = yaml::parse(&text, "x").unwrap_or_else(|problem| panic!("{problem}\n{text:?}"));
    let read: BTreeMap<String, String> =
        documents.iter().flat_map(flatten::document).map(|(key, entry)| (key, shown(&entry.value))).collect();
    let given: BTreeMap<String, String> =
        sources[0].iter().map(|(key, entry)| (key.clone(), shown(&entry.value))).collect();
    assert_eq!(read, given, "{text}");
}

/// Text that YAML cannot hold is written as binary, and the break U+0085 reads back as a line feed.
fn shown(scalar: &Scalar) -> String {
    let text = match scalar {
        Scalar::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.to_string(),
    };
    text.replace('\u{85}', "\n")
}

fn resident() -> u64 {
    let pages: u64 =
        fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4
}

#[test]
fn long_hostile_input_is_read_and_written_or_refused() {
    let env = wellspring_properties::Environment::new(
        vec![wellspring_properties::PropertySource::of_pairs("test", [("encrypt.key", "a key")])],
        Vec::new(),
    );
    let decryptor = Decryptor { keys: Keys::from_env(&env).unwrap(), prefix_invalid: true };
    let corpus = corpus();
    if let Some(seed) = std::env::var_os("SEED").and_then(|seed| seed.to_str()?.parse().ok()) {
        return case(seed, &corpus, &decryptor);
    }
    let current = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let watched = Arc::clone(&current);
    std::thread::spawn(move || {
        let used = || cpu_time(std::process::id());
        let mut last = (u64::MAX, used());
        loop {
            std::thread::sleep(Duration::from_millis(500));
            let count = watched.1.load(Ordering::Relaxed);
            if count == u64::MAX {
                return;
            }
            if count != last.0 {
                last = (count, used());
            } else if used().saturating_sub(last.1) > HANG {
                eprintln!("a case does not end: SEED={}", watched.0.load(Ordering::Relaxed));
                std::process::abort();
            }
        }
    });
    let end = Instant::now() + long::time(Duration::from_secs(3), Duration::from_secs(600));
    let before = resident();
    let mut seeds = Rng::new();
    let mut count = 0;
    while Instant::now() < end {
        let seed = seeds.u64(..);
        current.0.store(seed, Ordering::Relaxed);
        count += 1;
        current.1.store(count, Ordering::Relaxed);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(seed, &corpus, &decryptor))) {
            eprintln!("replay with SEED={seed}");
            resume_unwind(panic);
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < GROWTH, "{grown} KiB more; SEED={seed}");
    }
    current.1.store(u64::MAX, Ordering::Relaxed);
    assert!(count > 10, "{count} cases");
}

#[test]
fn bombs_are_refused_in_bounded_memory() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        aliases.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
    }
    let mut merges = "m0: &m0 {k0: 1}\n".to_owned();
    for n in 1..2_000 {
        merges.push_str(&format!("m{n}: &m{n} {{<<: *m{}, k{n}: 1}}\n", n - 1));
    }
    let before = resident();
    for text in [
        aliases,
        merges,
        "[".repeat(1 << 20),
        "{a: ".repeat(1 << 18),
        "- ".repeat(1 << 19),
        "&a ".repeat(1 << 18),
        "? ".repeat(1 << 19),
    ] {
        assert!(yaml::parse(&text, "x").is_err(), "{text:.40}");
    }
    for key in [
        "a.".repeat(1 << 18) + "a",
        "a".to_owned() + &"[0]".repeat(1 << 18),
        "a".to_owned() + &"[x]".repeat(1 << 18),
    ] {
        let entries: IndexMap<String, Entry> = [(key, Entry::text("1"))].into_iter().collect();
        writers(entries);
    }
    assert!(resident().saturating_sub(before) < GROWTH);
}
