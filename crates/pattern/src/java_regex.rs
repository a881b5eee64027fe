//! Regular expressions as Java reads them, on Rust's engines.
//!
//! `\d`, `\w`, `\s` are ASCII only, `\Q…\E` quotes, `\h` is horizontal white space. Look-around, back-references and
//! possessive quantifiers work; an expression that backtracks beyond all bounds counts as "no match".

use std::sync::OnceLock;

use fancy_regex::{Captures, Expr, Regex};

use crate::PatternError;

/// A compiled expression.
#[derive(Debug, Clone)]
pub struct JavaRegex {
    source: Box<str>,
    translated: Box<str>,
    whole: Regex,
    anywhere: OnceLock<Option<Regex>>,
}

impl JavaRegex {
    pub fn new(source: &str) -> Result<Self, PatternError> {
        let translated = translate(source);
        let refused = |error: fancy_regex::Error| PatternError::new(source, error.to_string());
        // By itself first: `a)(b` has a meaning only between the parentheses that are put around it.
        Expr::parse_tree(&translated).map_err(refused)?;
        let whole = Regex::new(&format!(r"\A(?:{translated})\z")).map_err(refused)?;
        Ok(Self { source: source.into(), translated: translated.into(), whole, anywhere: OnceLock::new() })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Does the whole text match (`String.matches`)?
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text).unwrap_or(false)
    }

    /// Does any part of the text match (`Matcher.find`)?
    #[must_use]
    pub fn finds(&self, text: &str) -> bool {
        self.anywhere().is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }

    /// The first group of the first match anywhere (`Matcher.find`, `group(1)`).
    #[must_use]
    pub fn first_group(&self, text: &str) -> Option<String> {
        let found = self.anywhere()?.captures(text).ok()??;
        Some(found.get(1)?.as_str().to_owned())
    }

    /// How many capturing groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.whole.captures_len().saturating_sub(1)
    }

    /// The groups of a whole match, an absent one as empty text; nothing when the text does not match.
    #[must_use]
    pub fn whole_groups(&self, text: &str) -> Vec<String> {
        let Ok(Some(found)) = self.whole.captures(text) else { return Vec::new() };
        (1..found.len())
            .map(|i| found.get(i).map_or_else(String::new, |group| group.as_str().to_owned()))
            .collect()
    }

    /// Replaces every match. `None` when nothing matched, so that callers keep what they have.
    #[must_use]
    pub fn replace_all(&self, text: &str, with: &Replacement) -> Option<String> {
        let regex = self.anywhere()?;
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut any = false;
        for found in regex.captures_iter(text) {
            let Ok(found) = found else { break };
            let Some(all) = found.get(0) else { break };
            out.push_str(text.get(copied..all.start())?);
            with.append(&found, &mut out);
            copied = all.end();
            any = true;
        }
        out.push_str(text.get(copied..)?);
        any.then_some(out)
    }

    fn anywhere(&self) -> Option<&Regex> {
        self.anywhere.get_or_init(|| Regex::new(&self.translated).ok()).as_ref()
    }

    fn group_named(&self, name: &str) -> Option<usize> {
        self.whole.capture_names().position(|known| known == Some(name))
    }
}

/// The replacement text of `Matcher.replaceAll`: `$1`, `${name}`, and `\` before a character taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Groups must exist in `regex`.
    pub fn new(source: &str, regex: &JavaRegex) -> Result<Self, PatternError> {
        let wrong = |message: String| Err(PatternError::new(source, message));
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            let group = match c {
                '\\' => {
                    let Some(next) = chars.next() else {
                        return wrong("a '\\' ends the replacement".to_owned());
                    };
                    text.push(next);
                    continue;
                }
                '$' if chars.peek() == Some(&'{') => {
                    chars.next();
                    let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                    match regex.group_named(&name) {
                        Some(group) => group,
                        None => return wrong(format!("no group named '{name}' in '{}'", regex.as_str())),
                    }
                }
                '$' => {
                    let Some(first) = chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) else {
                        return wrong(
                            "'$' must be followed by a digit or {name}; write \\$ for the sign".to_owned(),
                        );
                    };
                    let mut group = first as usize;
                    if group > regex.groups() {
                        return wrong(format!("no group {group} in '{}'", regex.as_str()));
                    }
                    // Further digits belong to the number as long as such a group exists.
                    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                        let longer = group * 10 + digit as usize;
                        if longer > regex.groups() {
                            break;
                        }
                        group = longer;
                        chars.next();
                    }
                    group
                }
                other => {
                    text.push(other);
                    continue;
                }
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(Piece::Group(group));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        Ok(Self(pieces))
    }

    fn append(&self, found: &Captures<'_, str>, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => out.push_str(found.get(*group).map_or("", |m| m.as_str())),
            }
        }
    }
}

/// Rewrites what Java means differently; everything else is the same in both.
fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut depth = 0_u32;
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Q') => {
                    let rest = chars.as_str();
                    let (quoted, after) = rest.split_once("\\E").unwrap_or((rest, ""));
                    out.push_str(&fancy_regex::escape(quoted));
                    chars = after.chars();
                }
                Some(class) => out.push_str(&escape_class(class, depth > 0)),
                None => out.push('\\'),
            },
            '[' => {
                depth += 1;
                out.push('[');
            }
            ']' => {
                depth = depth.saturating_sub(1);
                out.push(']');
            }
            other => out.push(other),
        }
    }
    out
}

fn escape_class(letter: char, inside: bool) -> String {
    let set = match letter.to_ascii_lowercase() {
        'd' => "0-9",
        'w' => "A-Za-z0-9_",
        's' => r" \t\n\x0B\x0C\r",
        'h' => r" \t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}",
        _ => return format!("\\{letter}"),
    };
    match (letter.is_ascii_lowercase(), inside) {
        (true, true) => set.to_owned(),
        (true, false) => format!("[{set}]"),
        (false, _) => format!("[^{set}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::{JavaRegex, Replacement};

    #[test]
    fn matches_are_anchored_at_both_ends() {
        for (regex, text, wanted) in [
            (r"\d+", "42", true),
            (r"\d+", "4a", false),
            (r"\d", "٣", false),
            (r"[\d.]+", "1.2", true),
            (r"[^\W_]+", "ab1", true),
            (r"ch.p", "chips", false),
            (r"a|b", "b", true),
            (r"a|bc", "ac", false),
            (r"(?i)AbC", "aBc", true),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"(?=.*x)[a-z]+", "axb", true),
            (r"(\w)\1", "aa", true),
            (r"^(qa|dev)-\d+$", "qa-7", true),
            (r"\s\S", " x", true),
            (r"", "", true),
        ] {
            assert_eq!(JavaRegex::new(regex).unwrap().matches(text), wanted, "{regex} on {text}");
        }
    }

    #[test]
    fn replacements_follow_java() {
        for (regex, replacement, text, wanted) in [
            (r"/rewrite/?(?<segment>.*)", "/${segment}", "/rewrite/foo/bar", Some("/foo/bar")),
            (r"/n/(\d+)/(.*)", "/$2/$1", "/n/12/ab/c", Some("/ab/c/12")),
            (r"/n/(\d+)/(.*)", "/$2/$1", "/n/xx/ab", None),
            (r"(a)", "$11", "xa", Some("xa1")),
            (r"a", r"\$\\", "a", Some(r"$\")),
            (r"o", "0", "foo", Some("f00")),
            (r"x*", "-", "ab", Some("-a-b-")),
        ] {
            let regex = JavaRegex::new(regex).unwrap();
            let replacement = Replacement::new(replacement, &regex).unwrap();
            assert_eq!(regex.replace_all(text, &replacement).as_deref(), wanted, "{}", regex.as_str());
        }
    }

    #[test]
    fn what_is_no_expression_by_itself_is_refused() {
        for source in ["a)(b", "$$)(", "(", ")", "[", "*"] {
            assert!(JavaRegex::new(source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_refused() {
        let regex = JavaRegex::new("(a)").unwrap();
        for replacement in ["$2", "${b}", "$x", "\\", "$"] {
            assert!(Replacement::new(replacement, &regex).is_err(), "{replacement}");
        }
    }

    #[test]
    fn endless_backtracking_is_no_match() {
        let regex = JavaRegex::new(r"(?=(a+)+b)(a+)+\1b").unwrap();
        assert!(!regex.matches(&"a".repeat(60)));
    }
}
