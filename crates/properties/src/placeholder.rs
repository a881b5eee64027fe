//! `${key}`, `${key:default}`, nested in keys and defaults, as Spring resolves them in our own settings.
//!
//! The first `:` at the outermost level ends the key; `\${x}` is the text `${x}`. The lookup gives raw values, which are
//! resolved in turn; a circle is an error.

use std::cell::Cell;

use thiserror::Error;

const DEPTH: usize = 64;
const LIMIT: usize = 4 << 20;
/// Placeholders of one text, with those of the values they stand for: values that name others twice double with each step.
const MOST: usize = 100_000;

/// Why a text could not be resolved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceholderError {
    /// No value and no default.
    #[error("could not resolve placeholder '{key}' in value \"{text}\"")]
    Unresolved {
        /// The key.
        key: String,
        /// The text in which it stands.
        text: String,
    },
    /// The key refers to itself.
    #[error("circular placeholder reference '{0}'")]
    Circular(String),
    /// Nested too deep, or the result is too large.
    #[error("placeholders expand without end: {0}")]
    TooLarge(String),
}

/// Resolves every placeholder of a text; one without value and default is an error.
pub fn resolve(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, PlaceholderError> {
    Resolver { lookup, strict: true, count: Cell::new(0) }.run(text)
}

/// Resolves what can be resolved and leaves the rest as it is.
pub fn resolve_known(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    Resolver { lookup, strict: false, count: Cell::new(0) }.run(text)
}

struct Resolver<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    strict: bool,
    count: Cell<usize>,
}

/// What a placeholder stands for.
enum Meant {
    Value(String),
    /// Nothing; the key, whose own placeholders are resolved.
    Nothing(String),
}

impl Resolver<'_> {
    fn run(&self, text: &str) -> Result<String, PlaceholderError> {
        if !text.contains("${") {
            return Ok(text.to_owned());
        }
        self.expand(text, &mut Vec::new(), 0)
    }

    fn expand(&self, text: &str, open: &mut Vec<String>, depth: usize) -> Result<String, PlaceholderError> {
        if depth > DEPTH {
            return Err(PlaceholderError::TooLarge(shortened(text)));
        }
        let mut out = String::with_capacity(text.len());
        // `at`: where what has not been written begins.
        let mut at = 0;
        for (begin, end) in ends(text) {
            if begin < at {
                continue;
            }
            let before = text.get(at..begin).unwrap_or_default();
            if let Some(before) = before.strip_suffix('\\') {
                out.push_str(before);
                out.push_str("${");
                at = begin + 2;
                continue;
            }
            out.push_str(before);
            let Some((end, body)) = end.and_then(|end| Some((end, text.get(begin + 2..end)?))) else {
                out.push_str("${");
                at = begin + 2;
                continue;
            };
            self.count.set(self.count.get() + 1);
            if self.count.get() > MOST {
                return Err(PlaceholderError::TooLarge(shortened(text)));
            }
            match self.value(body, open, depth)? {
                Meant::Value(value) => out.push_str(&value),
                Meant::Nothing(_) if self.strict => {
                    return Err(PlaceholderError::Unresolved { key: body.to_owned(), text: shortened(text) });
                }
                Meant::Nothing(key) => {
                    out.push_str("${");
                    out.push_str(&key);
                    out.push('}');
                }
            }
            if out.len() > LIMIT {
                return Err(PlaceholderError::TooLarge(shortened(text)));
            }
            at = end + 1;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Ok(out)
    }

    fn value(&self, body: &str, open: &mut Vec<String>, depth: usize) -> Result<Meant, PlaceholderError> {
        let (key, default) = split_default(body);
        // The whole body first: keys may hold a colon themselves.
        if default.is_some()
            && !body.contains("${")
            && let Some(value) = (self.lookup)(body)
        {
            return self.nested(body, &value, open, depth).map(Meant::Value);
        }
        let key = self.expand(key, open, depth + 1)?;
        if let Some(value) = (self.lookup)(&key) {
            return self.nested(&key, &value, open, depth).map(Meant::Value);
        }
        match default {
            Some(default) => self.expand(default, open, depth + 1).map(Meant::Value),
            None => Ok(Meant::Nothing(key)),
        }
    }

    fn nested(
        &self,
        key: &str,
        value: &str,
        open: &mut Vec<String>,
        depth: usize,
    ) -> Result<String, PlaceholderError> {
        if !value.contains("${") {
            return Ok(value.to_owned());
        }
        if open.iter().any(|outer| outer == key) {
            return Err(PlaceholderError::Circular(key.to_owned()));
        }
        open.push(key.to_owned());
        let resolved = self.expand(value, open, depth + 1);
        open.pop();
        resolved
    }
}

/// Where each `${` begins, and the `}` that closes it, if there is one; found in one go, however many are never closed.
#[must_use]
pub fn ends(text: &str) -> Vec<(usize, Option<usize>)> {
    let mut found: Vec<(usize, Option<usize>)> = Vec::new();
    // Braces that are open: of which placeholder, or of none.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut before = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if before == b'$' => {
                open.push(Some(found.len()));
                found.push((at - 1, None));
            }
            b'{' => open.push(None),
            b'}' => {
                if let Some(placeholder) = open.pop().flatten().and_then(|number| found.get_mut(number)) {
                    placeholder.1 = Some(at);
                }
            }
            _ => {}
        }
        before = byte;
    }
    found
}

/// Key and default, split at the first `:` outside nested placeholders.
fn split_default(body: &str) -> (&str, Option<&str>) {
    let mut depth = 0_usize;
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return (body.get(..at).unwrap_or(body), body.get(at + 1..)),
            _ => {}
        }
    }
    (body, None)
}

fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::{PlaceholderError, resolve, resolve_known};

    fn lookup(key: &str) -> Option<String> {
        let value = match key {
            "a" => "1",
            "b" => "${a}2",
            "which" => "a",
            "loop" => "${pool}",
            "pool" => "${loop}",
            "host:port" => "both",
            "twice" => "${b}-${b}",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn placeholders_resolve_nested_with_defaults() {
        for (text, wanted) in [
            ("plain", "plain"),
            ("x${a}y", "x1y"),
            ("${b}", "12"),
            ("${${which}}", "1"),
            ("${none:x:y}", "x:y"),
            ("${none:${a}}", "1"),
            ("${none:${nope:deep}}", "deep"),
            ("${none:}", ""),
            ("${host:port}", "both"),
            ("\\${a}", "${a}"),
            ("${a", "${a"),
            ("${none:{x}}", "{x}"),
            ("${twice}", "12-12"),
            ("$a}", "$a}"),
        ] {
            assert_eq!(resolve(text, &lookup).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn unresolved_is_an_error_or_stays() {
        let error = resolve("x ${nope}", &lookup).unwrap_err();
        assert_eq!(error.to_string(), "could not resolve placeholder 'nope' in value \"x ${nope}\"");
        assert_eq!(resolve_known("${nope} ${a} ${n${a}}", &lookup).as_deref(), Ok("${nope} 1 ${n1}"));
        assert_eq!(resolve("${loop}", &lookup), Err(PlaceholderError::Circular("loop".into())));
    }

    #[test]
    fn endless_nesting_ends() {
        let deep = "${a:".repeat(10_000) + &"}".repeat(10_000);
        assert_eq!(resolve(&deep, &lookup).as_deref(), Ok("1"));
        let deep = "${".repeat(10_000) + &"}".repeat(10_000);
        assert!(resolve(&deep, &lookup).is_err());
    }

    #[test]
    fn what_would_double_without_end_is_given_up() {
        let nothing = |_: &str| None;
        // Nested and unknown: read once for each level, not twice.
        let nested = format!("{}a{}", "${".repeat(50), "}".repeat(50));
        assert_eq!(resolve_known(&nested, &nothing).unwrap(), nested);
        // Never closed: read once, not once for each.
        for open in ["${", "${a:", "${$"] {
            let open = open.repeat(200_000);
            assert_eq!(resolve_known(&open, &nothing).unwrap(), open);
        }
        // Empty at the end of every way, of which there are 2^40.
        let doubling = |key: &str| match key.parse::<u32>().unwrap() {
            40 => Some(String::new()),
            number => Some(format!("${{{0}}}${{{0}}}", number + 1)),
        };
        assert!(matches!(resolve("${0}", &doubling), Err(PlaceholderError::TooLarge(_))));
    }

    #[test]
    fn braces_close_what_they_belong_to() {
        let found = |key: &str| (key == "a").then(|| "1".to_owned());
        for (text, wanted) in [
            ("${b ${a}", "${b 1"),
            ("${a}}", "1}"),
            ("{${a}}", "{1}"),
            ("${b:{x}}", "{x}"),
            ("}${a}", "}1"),
            ("$${a}", "$1"),
            ("\\${a} ${a}", "${a} 1"),
            ("\\${b:${a}} ${a}", "${b:1} 1"),
        ] {
            assert_eq!(resolve_known(text, &found).unwrap(), wanted, "{text}");
        }
    }
}
