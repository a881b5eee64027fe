//! Where a value stands: file, line and column, counted from 1.

use std::fmt;
use std::sync::Arc;

/// Place of a value in a file. For a list it is the item's place, for an alias that of the anchored value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Path or name of the file, shared by all values of the file.
    pub file: Arc<str>,
    /// Line, from 1; 0 when the place has none (an environment variable, an argument).
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Origin {
    /// A place in a file.
    pub fn new(file: &Arc<str>, line: u32, column: u32) -> Self {
        Self { file: Arc::clone(file), line, column }
    }

    /// A place without lines: an environment variable, an argument.
    pub fn named(name: &str) -> Self {
        Self { file: Arc::from(name), line: 0, column: 0 }
    }

    /// `line:column`, as the config server's origins are written.
    pub fn line_column(&self) -> String {
        format!("{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}
