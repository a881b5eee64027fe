//! One segment of an Ant or path pattern: literal text, `?`, `*`, `{name}`, `{name:regexp}` in any mixture.

use std::borrow::Cow;

use crate::{JavaRegex, PatternError, Variables};

/// What one segment of a pattern asks of one segment of the text.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Literal(Box<str>),
    /// A lone `*`.
    Any,
    /// A lone `{name}`.
    Variable(Box<str>),
    /// `*` and `?` between literal text.
    Glob(Vec<Piece>),
    /// Anything with a regular expression or several variables.
    Regex(Box<Captures>),
}

#[derive(Debug, Clone)]
pub(crate) struct Captures {
    regex: JavaRegex,
    names: Vec<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(char),
    One,
    Many,
}

enum Part {
    Text(String),
    One,
    Many,
    Variable { name: String, regex: Option<String> },
}

impl Segment {
    /// Compiles one segment; `whole` is the full pattern, for the message.
    pub(crate) fn parse(text: &str, whole: &str) -> Result<Self, PatternError> {
        let parts = split(text, whole)?;
        match parts.as_slice() {
            [] => return Ok(Self::Literal(Box::default())),
            [Part::Text(literal)] => return Ok(Self::Literal(literal.as_str().into())),
            [Part::Many] => return Ok(Self::Any),
            [Part::Variable { name, regex: None }] => return Ok(Self::Variable(name.as_str().into())),
            _ => {}
        }
        if parts.iter().any(|part| matches!(part, Part::Variable { .. })) {
            return Self::regex(&parts, whole);
        }
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                Part::Text(literal) => pieces.extend(literal.chars().map(Piece::Text)),
                Part::One => pieces.push(Piece::One),
                Part::Many | Part::Variable { .. } => pieces.push(Piece::Many),
            }
        }
        Ok(Self::Glob(pieces))
    }

    fn regex(parts: &[Part], whole: &str) -> Result<Self, PatternError> {
        let mut source = String::new();
        let mut names: Vec<Box<str>> = Vec::new();
        for part in parts {
            match part {
                Part::Text(literal) => source.push_str(&fancy_regex::escape(literal)),
                Part::One => source.push_str("(?s:.)"),
                Part::Many => source.push_str("(?s:.*)"),
                Part::Variable { name, regex } => {
                    let inner = regex.as_deref().unwrap_or("(?s:.*)");
                    let compiled =
                        JavaRegex::new(inner).map_err(|error| PatternError::new(whole, error.to_string()))?;
                    if compiled.groups() > 0 {
                        return Err(PatternError::new(
                            whole,
                            format!("the regular expression of variable '{name}' has a capturing group"),
                        ));
                    }
                    source.push('(');
                    source.push_str(inner);
                    source.push(')');
                    names.push(name.as_str().into());
                }
            }
        }
        let regex = JavaRegex::new(&source).map_err(|error| PatternError::new(whole, error.to_string()))?;
        Ok(Self::Regex(Box::new(Captures { regex, names })))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Variable(name) => vec![name],
            Self::Regex(captures) => captures.names.iter().map(AsRef::as_ref).collect(),
            Self::Literal(_) | Self::Any | Self::Glob(_) => Vec::new(),
        }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Literal(literal) => **literal == *text,
            Self::Any => true,
            Self::Variable(_) => !text.is_empty(),
            Self::Glob(pieces) => glob(pieces, text),
            Self::Regex(captures) => captures.regex.matches(text),
        }
    }

    /// Writes the variables of a segment that matched.
    pub(crate) fn capture(&self, text: &str, into: &mut Variables) {
        match self {
            Self::Variable(name) => into.set(name, text.to_owned()),
            Self::Regex(captures) => {
                for (name, value) in captures.names.iter().zip(captures.regex.whole_groups(text)) {
                    into.set(name, value);
                }
            }
            Self::Literal(_) | Self::Any | Self::Glob(_) => {}
        }
    }
}

fn split(text: &str, whole: &str) -> Result<Vec<Part>, PatternError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let part = match c {
            '?' => Part::One,
            '*' => Part::Many,
            '{' => variable(&mut chars, whole)?,
            '}' => return Err(PatternError::new(whole, "'}' without '{'")),
            other => {
                literal.push(other);
                continue;
            }
        };
        if !literal.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut literal)));
        }
        parts.push(part);
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

fn variable(chars: &mut std::str::Chars<'_>, whole: &str) -> Result<Part, PatternError> {
    let mut depth = 1_u32;
    let mut inside = String::new();
    let mut escaped = false;
    for c in chars.by_ref() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        inside.push(c);
    }
    if depth != 0 {
        return Err(PatternError::new(whole, "'{' without '}'"));
    }
    let (name, regex) = match inside.split_once(':') {
        Some((name, regex)) => (name.to_owned(), Some(regex.to_owned())),
        None => (inside, None),
    };
    check_name(&name, whole)?;
    if regex.as_deref() == Some("") {
        return Err(PatternError::new(whole, format!("variable '{name}' has an empty regular expression")));
    }
    Ok(Part::Variable { name, regex })
}

/// Variable names are identifiers; `-` and `.` are allowed after the first character, as users write `{user-id}`.
pub(crate) fn check_name(name: &str, whole: &str) -> Result<(), PatternError> {
    let mut chars = name.chars();
    let first_fits = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$');
    if first_fits && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.')) {
        return Ok(());
    }
    Err(PatternError::new(whole, format!("'{name}' is no name for a variable")))
}

fn glob(pieces: &[Piece], text: &str) -> bool {
    let mut p = 0;
    let mut rest = text.chars();
    let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = rest.clone();
        let next = rest.next();
        match (pieces.get(p), next) {
            (None, None) => return true,
            (Some(Piece::Many), _) => {
                rest = before.clone();
                retry = Some((p + 1, before));
                p += 1;
                continue;
            }
            (Some(Piece::One), Some(_)) => {
                p += 1;
                continue;
            }
            (Some(Piece::Text(wanted)), Some(c)) if *wanted == c => {
                p += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, mut from)) = retry else { return false };
        if from.next().is_none() {
            return false;
        }
        rest = from.clone();
        retry = Some((after, from));
        p = after;
    }
}

/// Percent-decodes; bytes that are no UTF-8 become the replacement character. Borrowed when there is nothing to decode.
pub(crate) fn decode(raw: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(raw).decode_utf8_lossy()
}
