//! YAML as SnakeYAML and Spring read it: version 1.1 scalars, strict about what would be lost or guessed.
//!
//! The way of a text: `reader` → `scanner` (tokens; `names`, `scalars`) → `events` (grammar) → `compose` (anchors, merges, types by
//! `resolve`). The reader is our own because YAML 1.2 readers accept and refuse other files than SnakeYAML does: closing
//! brackets at the margin, tabs, text after `...`. Timestamps stay text, as Spring Boot sets it up.

mod compose;
mod decode;
mod events;
mod merge;
mod names;
mod reader;
mod resolve;
mod scalars;
mod scanner;
mod strict;

use std::sync::Arc;

pub use decode::decode;

use crate::{Origin, Problem, Scalar};

/// One document of a file. Empty documents do not appear.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its value.
    pub root: Node,
    /// The file all places refer to.
    pub file: Arc<str>,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Written without quotes (a scalar only).
    pub plain: bool,
    /// Stands here by an alias.
    aliased: bool,
}

/// Scalar, list or mapping.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A typed scalar.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping in file order, merges done.
    Map(Vec<(Key, Node)>),
}

/// A mapping's key as Spring spells it: text as it is, other types in brackets (`[1]`, `[true]`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The spelling.
    pub name: String,
    /// The key was a number or a boolean, not text.
    pub typed: bool,
}

impl Node {
    /// The place in `file`.
    pub fn origin(&self, file: &Arc<str>) -> Origin {
        Origin::new(file, self.line, self.column)
    }

    /// The value below a text key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => {
                entries.iter().find(|(k, _)| !k.typed && k.name == key).map(|(_, node)| node)
            }
            Kind::Scalar(_) | Kind::List(_) => None,
        }
    }
}

/// Reads all documents of a text. `file` is what places and problems name.
pub fn parse(text: &str, file: &str) -> Result<Vec<Document>, Problem> {
    let file: Arc<str> = Arc::from(file);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    strict::check(text, &file)?;
    compose::documents(text, &file)
}

/// Reads all documents of a file's bytes: UTF-8, or UTF-16 with a byte order mark.
pub fn parse_bytes(bytes: &[u8], file: &str) -> Result<Vec<Document>, Problem> {
    parse(&decode(bytes, file)?, file)
}

#[cfg(test)]
mod tests;
