//! Spring's `PathPattern`: a path is compared element by element, where `/` is an element of its own.
//!
//! Segments are percent-decoded and lose their `;parameters` before they are compared, so `%2F` never divides a path.
//! Every element of a pattern takes exactly one element of the path; only `**` and `{*name}` at the end take more.

use std::borrow::Cow;

use crate::segment::{Segment, check_name, decode};
use crate::{PatternError, Variables};

/// A compiled path pattern.
#[derive(Debug, Clone)]
pub struct PathPattern {
    source: Box<str>,
    elements: Vec<Element>,
    optional_slash: bool,
    /// Some of its elements have names.
    captures: bool,
}

#[derive(Debug, Clone)]
enum Element {
    Slash,
    Segment(Segment),
    /// `/**` or `/{*name}`, with the slash before it.
    Rest(Option<Box<str>>),
}

/// An element of a path, still encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Slash,
    Segment(&'a str),
}

impl PathPattern {
    /// Compiles a pattern. With `optional_slash` a path may have one slash more at its end than the pattern.
    pub fn new(pattern: &str, optional_slash: bool) -> Result<Self, PatternError> {
        let mut elements = Vec::new();
        let mut rest = pattern;
        while !rest.is_empty() {
            if matches!(elements.last(), Some(Element::Rest(_))) {
                return Err(PatternError::new(pattern, "nothing may follow '**' or '{*name}'"));
            }
            let Some(after) = rest.strip_prefix('/') else {
                let end = segment_end(rest);
                let (text, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
                if text.starts_with("{*") {
                    return Err(PatternError::new(pattern, "'{*name}' must follow a '/'"));
                }
                elements.push(Element::Segment(Segment::parse(text, pattern)?));
                rest = tail;
                continue;
            };
            let end = segment_end(after);
            let (text, tail) = after.split_at_checked(end).unwrap_or((after, ""));
            if text == "**" {
                elements.push(Element::Rest(None));
                rest = tail;
            } else if let Some(inner) = text.strip_prefix("{*") {
                let Some(name) = inner.strip_suffix('}') else {
                    return Err(PatternError::new(pattern, "nothing may follow '{*name}'"));
                };
                check_name(name, pattern)?;
                elements.push(Element::Rest(Some(name.into())));
                rest = tail;
            } else {
                elements.push(Element::Slash);
                rest = after;
            }
        }
        let mut compiled = Self { source: pattern.into(), elements, optional_slash, captures: false };
        compiled.captures = compiled.check_names()?;
        Ok(compiled)
    }

    /// Whether there are any names; each may be used once.
    fn check_names(&self) -> Result<bool, PatternError> {
        let mut names: Vec<&str> = Vec::new();
        for element in &self.elements {
            match element {
                Element::Segment(segment) => names.extend(segment.names()),
                Element::Rest(Some(name)) => names.push(name),
                Element::Slash | Element::Rest(None) => {}
            }
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some(pair) => {
                let name = pair.first().copied().unwrap_or_default();
                Err(PatternError::new(&self.source, format!("variable '{name}' is used twice")))
            }
            None => Ok(!names.is_empty()),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The decoded segments that every matching path must begin with, for an index. `/a/b/**` gives `a`, `b`.
    pub fn literal_segments(&self) -> impl Iterator<Item = &str> {
        // A path that does not begin with a slash, and doubled slashes, fall outside the index: they give nothing.
        let mut elements = self.elements.iter();
        let mut done = false;
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            match (elements.next(), elements.clone().next()) {
                (Some(Element::Slash), Some(Element::Segment(Segment::Literal(text)))) => {
                    elements.next();
                    Some(&**text)
                }
                _ => {
                    done = true;
                    None
                }
            }
        })
    }

    /// Does the raw path (no query) match?
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.walk(path, &mut |_, _| {})
    }

    /// Like `matches`, and writes the captured values when the path matches.
    pub fn capture(&self, path: &str, into: &mut Variables) -> bool {
        if !self.walk(path, &mut |_, _| {}) {
            return false;
        }
        if !self.captures {
            return true;
        }
        self.walk(path, &mut |element, text| match element {
            Element::Segment(segment) => segment.capture(text, into),
            Element::Rest(Some(name)) => into.set(name, text.to_owned()),
            Element::Slash | Element::Rest(None) => {}
        })
    }

    fn walk(&self, path: &str, taken: &mut dyn FnMut(&Element, &str)) -> bool {
        let mut pieces = Pieces(path);
        let last = self.elements.len().saturating_sub(1);
        for (at, element) in self.elements.iter().enumerate() {
            let optional = self.optional_slash && at == last;
            match element {
                Element::Slash => {
                    if pieces.next() != Some(Piece::Slash) {
                        return false;
                    }
                }
                Element::Segment(segment) => match pieces.next() {
                    Some(Piece::Segment(raw)) => {
                        let value = value_of(raw);
                        if !segment.matches(&value)
                            || (value.is_empty() && !matches!(segment, Segment::Literal(_)))
                        {
                            return false;
                        }
                        taken(element, &value);
                        if optional && pieces.0 == "/" {
                            return true;
                        }
                    }
                    // A lone star at the very end is content with nothing: `/a/*` takes `/a/`.
                    None => return at == last && matches!(segment, Segment::Any),
                    Some(Piece::Slash) => return false,
                },
                Element::Rest(name) => {
                    let rest = pieces.0;
                    if !(rest.is_empty() || rest.starts_with('/')) {
                        return false;
                    }
                    if name.is_some() {
                        taken(element, &rest_of(rest));
                    }
                    return true;
                }
            }
        }
        pieces.0.is_empty() || (self.elements.is_empty() && self.optional_slash && pieces.0 == "/")
    }
}

/// Walks over the elements of a raw path; holds what is left.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(after) = self.0.strip_prefix('/') {
            self.0 = after;
            return Some(Piece::Slash);
        }
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.find('/').unwrap_or(self.0.len());
        let (segment, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        Some(Piece::Segment(segment))
    }
}

/// Iterates the decoded segments of a raw path, for an index; stops at the first empty one.
pub fn segments(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    path.strip_prefix('/')
        .into_iter()
        .flat_map(|rest| rest.split('/'))
        .take_while(|s| !s.is_empty())
        .map(value_of)
}

fn value_of(raw: &str) -> Cow<'_, str> {
    if !raw.bytes().any(|byte| matches!(byte, b';' | b'%')) {
        return Cow::Borrowed(raw);
    }
    decode(raw.split_once(';').map_or(raw, |(before, _)| before))
}

fn rest_of(rest: &str) -> String {
    Pieces(rest)
        .map(|piece| match piece {
            Piece::Slash => Cow::Borrowed("/"),
            Piece::Segment(raw) => value_of(raw),
        })
        .collect()
}

/// Where the segment ends that `rest` begins with: at the next `/` that is not inside braces.
fn segment_end(rest: &str) -> usize {
    let (mut depth, mut escaped) = (0_u32, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if depth > 0 => escaped = true,
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => return at,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests;
