//! Structures: trees in block and flow form, anchors and merges, keys of every type, several documents, tags, broken files.

use fastrand::Rng;

use crate::{Document, scalars};

pub(crate) fn tree(rng: &mut Rng) -> Document {
    let mut out = String::new();
    if rng.u8(..10) == 0 {
        list(rng, &mut out, 0, 3);
    } else {
        map(rng, &mut out, 0, 3);
    }
    Document::yaml(out)
}

fn map(rng: &mut Rng, out: &mut String, indent: usize, depth: usize) {
    for at in 0..rng.usize(1..5) {
        let key = match rng.u8(..12) {
            0 => format!("d{at}.e"),
            1 => format!("\"q {at}\""),
            2 => format!("'{at}'"),
            3 => format!("{at}"),
            _ => format!("k{at}"),
        };
        out.push_str(&format!("{}{key}:", " ".repeat(indent)));
        value(rng, out, indent, depth);
    }
}

fn value(rng: &mut Rng, out: &mut String, indent: usize, depth: usize) {
    match rng.u8(..8) {
        0..=1 if depth > 0 => {
            out.push('\n');
            map(rng, out, indent + 2, depth - 1);
        }
        2..=3 if depth > 0 => {
            out.push('\n');
            let further = if rng.bool() { 2 } else { 0 };
            list(rng, out, indent + further, depth - 1);
        }
        4 => out.push_str(&format!(" {}\n", flow(rng, depth))),
        5 if rng.bool() => out.push_str([" []\n", " {}\n", "\n", " # nothing\n"][rng.usize(..4)]),
        _ => out.push_str(&format!(" {}\n", scalars::safe(rng))),
    }
}

fn list(rng: &mut Rng, out: &mut String, indent: usize, depth: usize) {
    let blanks = " ".repeat(indent);
    for _ in 0..rng.usize(1..4) {
        match rng.u8(..7) {
            0 if depth > 0 => {
                out.push_str(&format!("{blanks}- k: {}\n", scalars::safe(rng)));
                out.push_str(&format!("{blanks}  m:"));
                value(rng, out, indent + 2, depth - 1);
            }
            1 if depth > 0 => {
                out.push_str(&format!(
                    "{blanks}- - {}\n{blanks}  - {}\n",
                    scalars::safe(rng),
                    scalars::safe(rng)
                ));
            }
            2 => out.push_str(&format!("{blanks}- {}\n", flow(rng, depth))),
            3 => out.push_str(&format!("{blanks}-{}\n", ["", " ~", " []", " {}", " ''"][rng.usize(..5)])),
            _ => out.push_str(&format!("{blanks}- {}\n", scalars::safe(rng))),
        }
    }
}

fn flow(rng: &mut Rng, depth: usize) -> String {
    if depth == 0 {
        return scalars::safe(rng);
    }
    let items: Vec<String> = (0..rng.usize(..4))
        .map(|at| match rng.u8(..6) {
            0 => flow(rng, depth - 1),
            1 => format!("f{at}: {}", scalars::safe(rng)),
            _ => scalars::safe(rng),
        })
        .collect();
    if rng.bool() {
        let end = if rng.u8(..4) == 0 && !items.is_empty() { "," } else { "" };
        return format!("[{}{end}]", items.join(", "));
    }
    let pairs: Vec<String> = (0..rng.usize(..4))
        .map(|at| match rng.u8(..6) {
            0 => format!("? g{at} : {}", scalars::safe(rng)),
            1 => format!("g{at}"),
            2 => format!("\"g{at}\":{}", scalars::safe(rng)),
            3 => format!("g{at}: {}", flow(rng, depth - 1)),
            _ => format!("g{at}: {}", scalars::safe(rng)),
        })
        .collect();
    format!("{{{}}}", pairs.join(if rng.u8(..4) == 0 { ",\n      " } else { ", " }))
}

pub(crate) fn anchors(rng: &mut Rng) -> Document {
    let mut out = format!(
        "base: &base\n  x: {}\n  y: {}\n  deep: {{p: 1, q: [1, 2]}}\nother: &other {{y: {}, z: 3}}\nlist: &list [{}, {}]\none: &one {}\n",
        scalars::safe(rng),
        scalars::safe(rng),
        scalars::safe(rng),
        scalars::safe(rng),
        scalars::safe(rng),
        scalars::safe(rng),
    );
    #[rustfmt::skip]
    const USES: &[&str] = &[
        "<<: *base", "<<: [*base, *other]", "<<: [*other, *base]", "y: own\n  <<: *base", "<<: *base\n  y: own",
        "deep:\n    p: own\n  <<: *base", "<<: *base\n  deep: {r: 1}", "c: *base", "c: *list", "c: *one",
        "c: [*one, *list, *base]", "c: {<<: *other, w: 1}", "'<<': *one", "<<: {y: inline, v: 2}",
        "y: own\n  <<: {y: inline}", "<<: []", "<<: *base\n  <<: *other", "*one : as key",
        "c: &inner {a: 1}\n  d: *inner", "c:\n    - <<: *base\n      s: 1\n    - *other", "<<: *list", "<<: *one",
        "c: *nowhere", "c: &one again\n  d: *one", "c: &a-b_c 1\n  d: *a-b_c",
    ];
    for at in 0..rng.usize(2..5) {
        let limit = if rng.u8(..8) == 0 { USES.len() } else { USES.len() - 5 };
        out.push_str(&format!("u{at}:\n  {}\n", USES[rng.usize(..limit)]));
    }
    Document::yaml(out)
}

pub(crate) fn odd_keys(rng: &mut Rng) -> Document {
    #[rustfmt::skip]
    const KEYS: &[&str] = &[
        "1", "-1", "0x10", "010", "1.5", "1.50", "1e3", ".inf", "true", "yes", "No", "~", "null", "''", "\"\"",
        "' '", "a b", "a.b", "a..b", ".a", "a.", "[a]", "'[a]'", "'[a/b]'", "'[0]'", "'[1]'", "'a[0]'", "'a[b]'",
        "'a[b].c'", "'a[0].b'", "'a.[b]'", "'[a][b]'", "'[a'", "'a]'", "'a[01]'", "'a[-1]'", "'a[1'", "a/b", "'a:b'",
        "'a: b'", "a#b", "'#a'", "é", "日本", "😀", "'a\nb'", "\"a\\tb\"", "A", "aB", "a-b", "a_b", "2024-01-02",
        "1:30", "? [x, y]\n", "? {x: 1}\n", "? ", "? |\n  block\n", "? a\n", "'${x}'",
        "'key with a name so long that it cannot be written in front of a colon on one line of a document, since keys have a limit, which is this'",
        "*", "x,y", "'{a}'", "'*'", "'&'", "'!x'", "'%'", "'@'", "'- a'", "'-'", "'?'", "'a '", "' a'", "\"it's\"",
        "'say \"x\"'", "'a\\b'", "=", "<", "'<<'", "spring.profiles", "invalid.x", "'~'", "'true'", "'1'",
    ];
    let mut out = String::new();
    let deep = rng.bool();
    if deep {
        out.push_str("m:\n");
    }
    for _ in 0..rng.usize(2..7) {
        let key = KEYS[rng.usize(..KEYS.len())];
        let blanks = if deep { "  " } else { "" };
        let value = match rng.u8(..6) {
            0 => "{n: 1}".to_owned(),
            1 => "[1, 2]".to_owned(),
            2 => "{'[x]': 1, y: 2}".to_owned(),
            _ => scalars::safe(rng),
        };
        // A block key ends with a line break, which must be followed by the same indentation.
        let key = key.replace('\n', &format!("\n{blanks}"));
        out.push_str(&format!("{blanks}{key}: {value}\n"));
    }
    Document::yaml(out)
}

pub(crate) fn documents(rng: &mut Rng) -> Document {
    #[rustfmt::skip]
    const EXPRESSIONS: &[&str] = &[
        "dev", "prod", "\"!dev\"", "dev & prod", "dev | prod", "\"!prod & dev\"", "(dev | prod) & !x",
        "\"dev,prod\"", "[dev, x]", "default", "\"!default\"", "DEV", "\"(dev\"", "dev & prod | x", "\"dev.*\"",
        "\"\"",
    ];
    let mut out = String::new();
    if rng.u8(..4) == 0 {
        out.push_str("# first\n---\n");
    }
    let count = rng.usize(2..5);
    for at in 0..count {
        if at > 0 {
            out.push_str(
                ["---\n", "--- # next\n", "---\n---\n", "...\n---\n", "---\n# only a comment\n---\n"]
                    [rng.usize(..5)],
            );
        }
        if rng.u8(..3) > 0 {
            let limit = if rng.u8(..10) == 0 { EXPRESSIONS.len() } else { EXPRESSIONS.len() - 4 };
            let expression = EXPRESSIONS[rng.usize(..limit)];
            out.push_str(&if rng.bool() {
                format!("spring.config.activate.on-profile: {expression}\n")
            } else {
                format!("spring:\n  config:\n    activate:\n      on-profile: {expression}\n")
            });
        }
        out.push_str(&format!(
            "n: {at}\nshared:\n  k{at}: {}\n  same: {}\nl: [{}]\n",
            scalars::safe(rng),
            scalars::safe(rng),
            at
        ));
    }
    let profiles = ["default", "dev", "prod", "dev,prod", "x", "prod,dev"][rng.usize(..6)];
    Document { extension: "yml", text: out, profiles }
}

pub(crate) fn tagged(rng: &mut Rng) -> Document {
    #[rustfmt::skip]
    const VALUES: &[&str] = &[
        "!!str 1", "!!str yes", "!!str ~", "!!str", "!!str ''", "!!int 12", "!!int \"12\"", "!!int '0x1F'",
        "!!int 1_0", "!!int '1:30'", "!!float 1", "!!float '1e3'", "!!float .inf", "!!float '1:30.5'", "!!bool yes",
        "!!bool \"no\"", "!!bool 'TRUE'", "!!null x", "!!null ''", "!!binary aGVsbG8=", "!!binary \"AP8=\"",
        "!!binary |\n    aGVs\n    bG8=", "! 12", "! x", "! 'yes'", "!!map {a: 1}", "!!seq [1, 2]",
        "!<tag:yaml.org,2002:str> 1", "!<tag:yaml.org,2002:int> '7'", "&a !!str 1", "!!str &b 1",
        "!!str |\n    block", "!!int |\n    12", "[!!str 1, !!int '2']", "{!!str 1: x}", "!!merge '<<'",
        "!!binary ''", "!!int abc", "!!int ''", "!!float x", "!!bool x", "!foo x", "!!foo x", "!!map [a]",
        "!!seq {a: 1}", "!!str [a]", "!!binary '*'", "!!int 08",
    ];
    let mut out = String::new();
    if rng.u8(..6) == 0 {
        out.push_str("%YAML 1.1\n%TAG !e! tag:yaml.org,2002:\n---\ne: !e!str 1\n");
    }
    for at in 0..rng.usize(2..7) {
        // The last eleven make the file unreadable.
        let limit = if rng.u8(..25) == 0 { VALUES.len() } else { VALUES.len() - 11 };
        out.push_str(&format!("k{at}: {}\n", VALUES[rng.usize(..limit)]));
    }
    Document::yaml(out)
}

/// A good file with one character changed, taken out or put in: some stay good.
pub(crate) fn broken(rng: &mut Rng) -> Document {
    #[rustfmt::skip]
    const PUT: &[char] = &[
        ':', '-', ' ', '\t', '"', '\'', '[', ']', '{', '}', ',', '#', '&', '*', '!', '|', '>', '%', '@', '?', '\n',
        'x', '0', '\\', '.', '\r',
    ];
    let whole = match rng.u8(..4) {
        0 => scalars::blocks(rng),
        1 => anchors(rng),
        2 => scalars::table(rng),
        _ => tree(rng),
    };
    let mut characters: Vec<char> = whole.text.chars().collect();
    let at = rng.usize(..characters.len());
    match rng.u8(..6) {
        0 => characters.truncate(at),
        1 => {
            characters.remove(at);
        }
        2 => characters[at] = PUT[rng.usize(..PUT.len())],
        3 => {
            // A line twice: most often a key twice.
            let lines: Vec<&str> = whole.text.lines().collect();
            let line = lines[rng.usize(..lines.len())];
            return Document::yaml(format!("{}{line}\n", whole.text));
        }
        _ => characters.insert(at, PUT[rng.usize(..PUT.len())]),
    }
    Document::yaml(characters.into_iter().collect())
}
