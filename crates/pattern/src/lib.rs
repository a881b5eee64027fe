//! Spring's matching: path patterns, Ant patterns, star patterns, URI templates.
//!
//! Gateway paths and hosts, bus destinations and names of config repositories all use these, so that one pattern means
//! the same everywhere. No I/O; everything is compiled once and matched without allocation where nothing is captured.

pub mod ant;
pub mod java_regex;
pub mod path;
mod segment;
pub mod star;
pub mod template;

pub use ant::Ant;
pub use java_regex::JavaRegex;
pub use path::PathPattern;
pub use template::Template;

/// A pattern that cannot be compiled; the text says why, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} in pattern '{pattern}'")]
pub struct PatternError {
    pub pattern: String,
    pub message: String,
}

impl PatternError {
    pub(crate) fn new(pattern: &str, message: impl Into<String>) -> Self {
        Self { pattern: pattern.to_owned(), message: message.into() }
    }
}

/// Values of the variables that a pattern captured, in the order they were set. A later value of a name replaces an earlier one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}
