//! How a text may be written in YAML: which styles can hold it, and whether it would read back as text.

use std::sync::LazyLock;

use regex::Regex;

/// The styles that can hold a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Analysis {
    pub(super) multiline: bool,
    /// Without quotes in block context.
    pub(super) plain: bool,
    pub(super) single_quoted: bool,
    /// As a literal block.
    pub(super) block: bool,
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that YAML allows; text with any other is written as binary.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

fn is_blank(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c)
}

impl Analysis {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { multiline: false, plain: true, single_quoted: true, block: false };
        }
        // Digits after a zero are quoted, octal or not.
        let zero = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        let mut indicators =
            text.starts_with("---") || text.starts_with("...") || text.strip_prefix('0').is_some_and(zero);
        let mut special = false;
        let mut edge = text.starts_with([' ']) || text.starts_with(is_break) || text.ends_with(is_break);
        let trailing_space = text.ends_with(' ');
        edge |= trailing_space;
        let (mut break_space, mut space_break, mut multiline) = (false, false, false);
        let mut previous: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let followed_by_blank = chars.peek().is_none_or(|next| is_blank(*next));
            indicators |= match previous {
                None => match c {
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                    | '@' | '`' => true,
                    '?' | ':' | '-' => followed_by_blank,
                    _ => false,
                },
                Some(previous) => match c {
                    ':' => followed_by_blank,
                    '#' => is_blank(previous),
                    _ => false,
                },
            };
            multiline |= is_break(c);
            special |= !(c == '\n'
                || (' '..='~').contains(&c)
                || (c >= '\u{A0}' && is_printable(c))
                || c == '\u{85}');
            break_space |= c == ' ' && previous.is_some_and(is_break);
            space_break |= is_break(c) && previous == Some(' ');
            previous = Some(c);
        }
        let impossible = space_break || special;
        Self {
            multiline,
            plain: !(edge || break_space || impossible || indicators),
            single_quoted: !(break_space || impossible),
            block: !(trailing_space || impossible),
        }
    }
}

/// Whether the text, written plain, is text for a YAML 1.1 reader: not a boolean, number, null, date, merge key.
pub(super) fn reads_as_text(text: &str) -> bool {
    #[expect(clippy::expect_used, reason = "a constant pattern; a test compiles it")]
    static TYPED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(concat!(
            r"^(?:",
            r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
            r"|~|null|Null|NULL|<<",
            // Integers: binary, octal, decimal, hexadecimal, base 60.
            r"|[-+]?0b_*[01][01_]*|[-+]?0_*[0-7][0-7_]*|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x_*[0-9a-fA-F][0-9a-fA-F_]*|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
            // Floats.
            r"|[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?",
            r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            // Dates and times.
            r"|[0-9]{4}-[0-9]{2}-[0-9]{2}",
            r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?",
            r")$"
        ))
        .expect("a valid pattern")
    });
    // Most texts begin with a letter that no typed word has.
    match text.as_bytes().first() {
        None => false,
        Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'~' | b'<') => !TYPED.is_match(text),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') if text.len() <= 5 => {
            !TYPED.is_match(text)
        }
        Some(_) => true,
    }
}
