//! Properties files: separators, escapes, continued lines, comments, parts.

use fastrand::Rng;

use crate::Document;

#[rustfmt::skip]
const KEYS: &[&str] = &[
    "a", "a.b", "a.b.c", "a[0]", "a[1]", "a[0].x", "l[0]", "l[2]", "m[k]", "m[k.l].n", "key\\ with\\ blank",
    "key\\:colon", "key\\=equals", "\\u00e9", "é", "A.B", "a-b", "x_y", "1", "[0]", ".a", "a..b", "b.", "\\#hash",
    "a\\\n  b", "true", "n.o", "n", "spring.profiles.include",
];

#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", "x", "1", "true", "two words", "trailing  ", "a\\tb", "a\\nb", "a\\rb", "a\\fb", "a\\\\b", "a\\qb",
    "\\u00e9", "\\u20ac", "\\ud83d\\ude00", "\\u0041\\u0042", "one \\\n   two", "one\\\n\ttwo\\\n three",
    "ends with backslash\\\\", "é ü ß", "\u{a0}", "a=b", "a:b", "= x", ": x", "# no comment", "! no comment", "${a}",
    "${none:d}", "\\${a}", "1.5", "0x1F", "yes", "null", "~", "[x]", "{x}", "- x", "'q'", "\"q\"", "a,b,c",
    "\\ leading", "  leading", "\\u0000", "\\u0007", "a\\u2028b", "\\u0085",
    "a long text that goes on and on until it is longer than eighty columns and must be folded somewhere near here, twice if need be",
];

pub(crate) fn properties(rng: &mut Rng) -> Document {
    let mut out = String::new();
    for _ in 0..rng.usize(3..9) {
        match rng.u8(..20) {
            0 => out.push_str("# comment\n"),
            1 => out.push_str("! comment \\\n"),
            2 => out.push('\n'),
            3 => out.push_str(["#---\n", "!---\n", "#---  \n", "# ---\n", "#--- x\n"][rng.usize(..5)]),
            4 => out.push_str("   \t\n"),
            _ => {}
        }
        let separator = ["=", ":", " = ", " : ", " ", "\t", "=="][rng.usize(..7)];
        let indent = ["", "", "", "  ", "\t"][rng.usize(..5)];
        let ending = if rng.u8(..8) == 0 { "\r\n" } else { "\n" };
        let limit = if rng.u8(..10) == 0 { KEYS.len() } else { KEYS.len() - 1 };
        let key = KEYS[rng.usize(..limit)];
        out.push_str(&format!("{indent}{key}{separator}{}{ending}", VALUES[rng.usize(..VALUES.len())]));
    }
    match rng.u8(..12) {
        0 => out.push_str("bad=\\u12\n"),
        1 => out.push_str("bad=\\uzzzz\n"),
        2 => out.push_str("last=no line end"),
        3 => out.push_str("last=continued \\"),
        4 => out.push_str("alone"),
        _ => {}
    }
    let profiles = if out.contains("#---") && rng.bool() {
        out.push_str("#---\nspring.config.activate.on-profile=dev\nd=1\n");
        "dev"
    } else {
        "default"
    };
    Document { extension: "properties", text: out, profiles }
}
