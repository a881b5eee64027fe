//! Text with `{name}` places that are filled with what a pattern captured.

use crate::{PatternError, Variables};

/// A compiled template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Variable(Box<str>),
}

/// A template names a variable that no pattern captured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no value for the template variable '{name}'")]
pub struct UnknownVariable {
    pub name: String,
}

impl Template {
    /// Never fails on odd braces, as the original: `{` without `}` and `{}` stay text.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = source;
        let mut text = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            match after.split_once('}') {
                Some((name, tail)) if !name.is_empty() && !name.contains(['{', '/']) => {
                    if !text.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut text).into()));
                    }
                    // `{name:regexp}` is filled like `{name}`.
                    let name = name.split_once(':').map_or(name, |(name, _)| name);
                    pieces.push(Piece::Variable(name.into()));
                    rest = tail;
                }
                _ => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        text.push_str(rest);
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        Self { source: source.into(), pieces }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The text itself when there is nothing to fill in.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub fn expand(&self, variables: &Variables) -> Result<String, UnknownVariable> {
        let mut out = String::with_capacity(self.source.len() + 16);
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(name) => match variables.get(name) {
                    Some(value) => out.push_str(value),
                    None => return Err(UnknownVariable { name: name.to_string() }),
                },
            }
        }
        Ok(out)
    }

    /// Expands and encodes as a URI path: what is not allowed in a path is escaped, also `%`; `/` of a value stays.
    pub fn expand_path(&self, variables: &Variables) -> Result<String, UnknownVariable> {
        self.expand(variables).map(|text| encode_path(&text))
    }

    /// The template without a query or fragment written into it.
    pub fn path_only(source: &str) -> Result<Self, PatternError> {
        let path = source.split(['?', '#']).next().unwrap_or_default();
        if path.is_empty() && !source.is_empty() {
            return Err(PatternError::new(source, "no path before '?' or '#'"));
        }
        // `?` inside braces belongs to a regular expression that nobody writes here.
        Ok(Self::new(path))
    }
}

/// Escapes everything that RFC 3986 does not allow in a path (`/` is allowed).
#[must_use]
pub fn encode_path(text: &str) -> String {
    encode(text, |byte| matches!(byte, b'/' | b':' | b'@') || sub_delimiter(byte))
}

/// Escapes a name or value of a query so that it reads back as it was: `&`, `=`, `+`, `;`, `#` and `%` are escaped.
#[must_use]
pub fn encode_query_value(text: &str) -> String {
    encode(text, |byte| {
        matches!(byte, b'/' | b'?' | b':' | b'@')
            || (sub_delimiter(byte) && !matches!(byte, b'&' | b'=' | b'+' | b';'))
    })
}

fn sub_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

fn encode(text: &str, also: impl Fn(u8) -> bool) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).map_or('0', |c| char::from(*c));
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') || also(byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Template, encode_path, encode_query_value};
    use crate::Variables;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in pairs {
            variables.set(name, (*value).to_owned());
        }
        variables
    }

    #[test]
    fn values_are_filled_in() {
        let found = variables(&[("a", "a b"), ("b", "c/d"), ("id", "7")]);
        for (template, wanted) in [
            ("Blue-{id}", "Blue-7"),
            ("{id}{id}", "77"),
            ("{id:[0-9]+}", "7"),
            ("plain", "plain"),
            ("", ""),
            ("{", "{"),
            ("{}", "{}"),
            ("{\"a\":{id}}", "{\"a\":7}"),
        ] {
            assert_eq!(Template::new(template).expand(&found).unwrap(), wanted, "{template}");
        }
        assert_eq!(Template::new("/out/{b}/{a}").expand_path(&found).unwrap(), "/out/c/d/a%20b");
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let error = Template::new("x{nope}").expand(&Variables::default()).unwrap_err();
        assert_eq!(error.to_string(), "no value for the template variable 'nope'");
    }

    #[test]
    fn a_query_in_a_path_template_is_dropped() {
        assert_eq!(Template::path_only("/a/{b}?c=d").unwrap().as_str(), "/a/{b}");
        assert!(Template::path_only("?c=d").is_err());
    }

    #[test]
    fn encoding_keeps_what_a_component_allows() {
        assert_eq!(encode_path("/a b/ü%;=1?"), "/a%20b/%C3%BC%25;=1%3F");
        assert_eq!(encode_query_value("a&b=c d+e/?"), "a%26b%3Dc%20d%2Be/?");
    }
}
