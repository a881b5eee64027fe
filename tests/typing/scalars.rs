//! Scalars in every form that YAML 1.1 knows, and texts over several lines.

use fastrand::Rng;

use crate::Document;

/// What decides types, one of each kind and its near misses.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "yes", "Yes", "YES", "yEs", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "oFF", "true", "True",
    "TRUE", "tRUE", "false", "False", "FALSE", "y", "Y", "n", "N", "t", "f", "~", "null", "Null", "NULL", "nULL",
    "nil", "none", "", "0", "-0", "+0", "00", "007", "08", "0o17", "-017", "+017", "0_7", "0b", "0b101", "-0b11",
    "0b_1_0", "0B1", "0b2", "0x", "0x1F", "-0xff", "0x_A_B", "0X1f", "0xg", "1", "-1", "+1", "1_000", "1__0", "1_",
    "_1", "12e03", "-2E+05", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775807",
    "9223372036854775808", "-9223372036854775809", "123456789012345678901234567890", "0x7fffffffffffffff",
    "0xFFFFFFFFFFFFFFFFFF", "0777777777777777777777777", "1:30", "190:20:30", "-190:20:30", "+1:2", "1:60", "0:59",
    "00:10", "1:2:3:4:5:6:7", "190:20:30.15", "-1:1.5", "1:1.", "1:1._5", "20:30:", "1.5", "-1.5", "+1.5", ".5",
    "-.5", "+.5", "5.", "-5.", ".", "..", "...x", "1.", "1._", "1_0.5_0", "._5", ".5_0", "1e10", "1E10", "1e+3",
    "1e-3", "1.5e7", "1.5e-7", "1.e2", ".5e2", "1e", "1e400", "-1e400", "1e-400", "1.7976931348623157e308",
    "4.9e-324", "0.1", "0.001", "0.0001", "1234567.0", "12345678.9", "9999999.0", "10000000.0", "100.0", "3.0e0",
    "0.0", "-0.0", "0e0", "1.0f", "1d", "1.5f", "2.2250738585072014e-308", "9007199254740993.0",
    "123456789.123456789", ".inf", ".Inf", ".INF", "-.inf", "+.inf", ".iNF", "inf", ".nan", ".NaN", ".NAN", ".Nan",
    "NaN", "Infinity", "-Infinity", "2024-01-02", "2024-1-2", "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5", "2001-12-15T02:59:43.1Z", "2001-12-14 21:59:43", "2024-01-02T03:04:05+0100",
    "12:30", "12:30:45", "=", "<", "<a", "-", "--", "-a", "- a", "---a", "?", "?a", ":", ":a", "a:", "a:b", "a: b",
    "a :b", "#", "#a", "a#", "a #b", "a# b", "@a", "`a", "%a", "!", "!a", "!!str", "&a", "*a", "|", ">", "|a", "[",
    "]", "[a", "a]", "{", "}", "{a", "a}", ",", ",a", "a,", "a, b", "'a", "a'", "\"a", "a\"", "it's", "say \"x\"",
    "\\n", "a\\tb", "a/b", "http://x.y:80/z?q=1&r#s", "C:\\dir\\file", "1.2.3", "127.0.0.1", "v1.0", "1a", "a1",
    "0x", "1 000", "1,000", "$", "$a", "${a}", "${a:b}", "${none:x}", "#{a}", "\\${a}", "é", "ü ö", "日本語", "😀",
    "\u{a0}a", "a\u{2028}b", "a\u{85}b", "\u{feff}a", "*.example.org", "&amp;", "%d", "<<", "=<", "~a", "a~", "~~",
    "null ", "50%", "12px", "1e3e", "0.5.", "+", "+-1", "--1",
];

#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "a", "word", "two words", " leading", "trailing ", "  both  ", "tab\there", "\ttab first", "tab last\t",
    "line\nbreak", "line\n", "\nline", "a\n\nb", "a\n b\n  c", " a\nb", "a \nb", "a\n\n\n", "\n\n", "a\r\nb", "a\rb",
    "null", "true", "1", "1.5", "0x1F", "1:30", "~", "", "2024-01-02", "é\nü", "emoji 😀 here", "\u{7f}", "\u{85}",
    "\u{2028}", "\u{2029}", "\u{feff}", "\u{0}", "\u{1b}[0m", "\u{8}", "nbsp\u{a0}x", "quote ' here",
    "quote \" here", "back \\ slash", "both '\" x", ": colon", "a: b", "# hash", "a # b", "- dash", "? mark", "[x]",
    "{x}", "*x", "&x", "!x", "|", ">", "%x", "@x", "`x", "---", "...", "--- x", "${a}", "${a:b}", "=", "<<", "y",
    "on", "a,b", "key: |\n  text\n", "{\"json\": [1, 2]}", "<xml a=\"1\"/>",
    "a long text that goes on and on until it is longer than eighty columns and must be folded somewhere near here",
    "a-long-text-without-any-blank-in-it-that-is-longer-than-eighty-columns-and-cannot-be-folded-anywhere-at-all",
    "long 'quoted' text, with: colons and # hashes, that goes on beyond eighty columns: it is folded in quotes, as it must be",
    "a long line first, beyond the eighty columns that are the limit of everything that is written here, and then\nshort\n",
    "ends with a blank and is long enough to be folded at least once, since it has more than eighty columns in it ",
    "two  blanks  between  words  and  long  enough  to  be  folded  somewhere  beyond  the  eightieth  column  of  it",
    "é ü ö ß and more of that kind of text until the line is longer than eighty columns, which takes a while to reach here",
];

pub(crate) fn word(rng: &mut Rng) -> &'static str {
    WORDS[rng.usize(..WORDS.len())]
}

pub(crate) fn text(rng: &mut Rng) -> &'static str {
    TEXTS[rng.usize(..TEXTS.len())]
}

/// A number made up of what numbers are made of; most are numbers.
fn number(rng: &mut Rng) -> String {
    let sign = ["", "", "-", "+"][rng.usize(..4)];
    let digits = |rng: &mut Rng, set: &[u8]| -> String {
        (0..rng.usize(1..8)).map(|_| char::from(set[rng.usize(..set.len())])).collect()
    };
    let body = match rng.u8(..9) {
        0 => format!("0x{}", digits(rng, b"0123456789abcdefABCDEF_")),
        1 => format!("0b{}", digits(rng, b"0101_")),
        2 => format!("0{}", digits(rng, b"01234567_")),
        3 => digits(rng, b"0123456789"),
        4 => digits(rng, b"0123456789_"),
        5 => format!("{}:{}:{}", digits(rng, b"0123456789"), rng.u8(..70), rng.u8(..70)),
        6 => format!("{}.{}", digits(rng, b"0123456789"), digits(rng, b"0123456789_")),
        7 => format!("{}.{}e{}", rng.u8(..10), digits(rng, b"0123456789"), rng.i32(-20..20)),
        _ => format!("{}e{}", rng.u32(..), rng.i32(-12..12)),
    };
    format!("{sign}{body}")
}

/// A scalar as a YAML value on one line; plain ones are often not what they seem.
pub(crate) fn scalar(rng: &mut Rng) -> String {
    match rng.u8(..12) {
        0..=4 => word(rng).to_owned(),
        5..=6 => number(rng),
        7 => format!("'{}'", single_line(rng).replace('\'', "''")),
        8..=9 => quoted(text(rng)),
        10 => quoted(word(rng)),
        _ => single_line(rng).trim().to_owned(),
    }
}

/// A scalar that is fine wherever a value may stand, in flow collections too.
pub(crate) fn safe(rng: &mut Rng) -> String {
    match rng.u8(..6) {
        0 => number(rng),
        1 => ["yes", "off", "~", "null", "1.5", "0x1F", "190:20:30", ".inf", "2024-01-02", "text", "é"]
            [rng.usize(..11)]
        .to_owned(),
        2 => format!("'{}'", single_line(rng).replace('\'', "''")),
        _ => quoted(text(rng)),
    }
}

fn single_line(rng: &mut Rng) -> &'static str {
    loop {
        let text = text(rng);
        if !text
            .contains(['\n', '\r', '\u{0}', '\u{1b}', '\u{7f}', '\u{8}', '\u{85}', '\u{2028}', '\u{2029}'])
        {
            return text;
        }
    }
}

/// In double quotes, escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if u32::from(c) > 0xFFFF => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Keys with scalars; those that would break the file stand alone in it.
pub(crate) fn table(rng: &mut Rng) -> Document {
    let mut text = String::new();
    for at in 0..rng.usize(4..10) {
        let value = loop {
            let value = scalar(rng);
            if !breaks(&value) || rng.u8(..30) == 0 {
                break value;
            }
        };
        let comment = if rng.u8(..8) == 0 { " # comment" } else { "" };
        text.push_str(&format!("k{at}: {value}{comment}\n"));
    }
    text.push_str("a: found\n");
    Document::yaml(text)
}

/// Whether a value makes the whole file unreadable, roughly.
fn breaks(value: &str) -> bool {
    !value.starts_with(['"', '\''])
        && (value.starts_with([
            '@', '`', '%', '!', '&', '*', '|', '>', '[', ']', '{', '}', ',', '"', '\'', '?', '-', '<',
        ]) || value.contains(": ")
            || value.ends_with(':')
            || value.contains('\t'))
        && !value
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'))
}

/// Texts over several lines: literal, folded, quoted, plain.
pub(crate) fn blocks(rng: &mut Rng) -> Document {
    #[rustfmt::skip]
    const LINES: &[&str] = &[
        "one", "two words", "", "", "  deeper", "   deepest", "- dash", "# no comment", "key: value", "trailing ",
        "tab\tinside", "é 日本 😀", "\"quoted\"", "it's", "${a}",
        "a line that is long enough to be folded by whoever writes it again, since it has ninety columns",
    ];
    let mut out = String::new();
    for at in 0..rng.usize(2..5) {
        let lines: Vec<&str> = (0..rng.usize(1..6)).map(|_| LINES[rng.usize(..LINES.len())]).collect();
        out.push_str(&format!("t{at}: "));
        match rng.u8(..6) {
            0..=2 => {
                let style = ["|", ">"][rng.usize(..2)];
                let chomp = ["", "-", "+"][rng.usize(..3)];
                let hint = if rng.u8(..4) == 0 { "2" } else { "" };
                let comment = if rng.u8(..5) == 0 { " # c" } else { "" };
                let order = if rng.bool() { format!("{hint}{chomp}") } else { format!("{chomp}{hint}") };
                out.push_str(&format!("{style}{order}{comment}\n"));
                for line in &lines {
                    out.push_str(&if line.is_empty() && rng.bool() {
                        "\n".to_owned()
                    } else {
                        format!("  {line}\n")
                    });
                }
            }
            3 => out.push_str(&format!("'{}'\n", lines.join("\n  ").replace('\'', "''"))),
            4 => {
                let joint = ["\n  ", "\\\n  ", "\\n\n  ", " \n\n  "][rng.usize(..4)];
                out.push_str(&format!("\"{}\"\n", lines.join(joint).replace("\"quoted\"", "\\\"quoted\\\"")));
            }
            _ => {
                let words: Vec<&str> = lines
                    .iter()
                    .filter(|line| !line.starts_with(['#', '-', '"']) && !line.contains(": "))
                    .copied()
                    .collect();
                out.push_str(&format!("plain {}\n", words.join("\n    ")));
            }
        }
    }
    out.push_str("a: found\n");
    Document::yaml(out)
}
