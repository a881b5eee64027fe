//! `${key}`, `${key:default}`, nested in keys and defaults, as Spring resolves them in our own settings.
//!
//! The first `:` at the outermost level ends the key; `\${x}` is the text `${x}`. The lookup gives raw values, which are
//! resolved in turn; a circle is an error.

use thiserror::Error;

const DEPTH: usize = 64;
const LIMIT: usize = 4 << 20;

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
    Resolver { lookup, strict: true }.run(text)
}

/// Resolves what can be resolved and leaves the rest as it is.
pub fn resolve_known(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    Resolver { lookup, strict: false }.run(text)
}

struct Resolver<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    strict: bool,
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
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('\\') {
                out.push_str(before);
                out.push_str("${");
                rest = after;
                continue;
            }
            out.push_str(before);
            let Some((body, tail)) = split_at_end(after) else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match self.value(body, open, depth)? {
                Some(value) => out.push_str(&value),
                None if self.strict => {
                    return Err(PlaceholderError::Unresolved { key: body.to_owned(), text: shortened(text) });
                }
                None => {
                    out.push_str("${");
                    out.push_str(&self.expand(body, open, depth + 1)?);
                    out.push('}');
                }
            }
            if out.len() > LIMIT {
                return Err(PlaceholderError::TooLarge(shortened(text)));
            }
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(
        &self,
        body: &str,
        open: &mut Vec<String>,
        depth: usize,
    ) -> Result<Option<String>, PlaceholderError> {
        let (key, default) = split_default(body);
        // The whole body first: keys may hold a colon themselves.
        if default.is_some()
            && !body.contains("${")
            && let Some(value) = (self.lookup)(body)
        {
            return self.nested(body, &value, open, depth).map(Some);
        }
        let key = self.expand(key, open, depth + 1)?;
        if let Some(value) = (self.lookup)(&key) {
            return self.nested(&key, &value, open, depth).map(Some);
        }
        default.map(|default| self.expand(default, open, depth + 1)).transpose()
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

/// The body up to the `}` that closes it, and what follows.
fn split_at_end(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                depth += 1;
                at += 1;
            }
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
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
}
