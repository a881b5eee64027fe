//! What becomes of an original's setting here: rows by prefix, written by the crate that reads the setting.
//!
//! The longest prefix that fits holds. `wellspring migrate` and the checks of files gather the rows of all crates.

use std::fmt;

use crate::relaxed::canonical;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Support {
    /// Does what it does in the original.
    Supported,
    /// Has to be written otherwise, or does something else.
    Different,
    /// Has no effect.
    Ignored,
    /// No setting of the originals: kept for placeholders and applications.
    Own,
}

impl Support {
    /// As it is written in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Different => "different",
            Self::Ignored => "ignored",
            Self::Own => "own",
        }
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A prefix, what becomes of the keys at and below it, and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// As people write it, with dashes.
    pub prefix: &'static str,
    /// What becomes of it.
    pub support: Support,
    /// What it is for, or what to write or do instead.
    pub remark: &'static str,
}

/// Works as in the original; `remark` says what for.
pub const fn yes(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Supported, remark }
}

/// Works otherwise; `remark` says what to write.
pub const fn other(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Different, remark }
}

/// Has no effect; `remark` says why, and what to do.
pub const fn no(prefix: &'static str, remark: &'static str) -> Row {
    Row { prefix, support: Support::Ignored, remark }
}

/// The row with the longest prefix of a key.
pub fn find<'r>(rows: impl IntoIterator<Item = &'r Row>, key: &str) -> Option<&'r Row> {
    let key = canonical(key);
    let fits = |row: &&Row| {
        let rest = key.strip_prefix(canonical(row.prefix).as_ref());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    rows.into_iter().filter(fits).max_by_key(|row| canonical(row.prefix).len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_holds_and_ends_at_a_word() {
        let rows = [no("server", "a"), yes("server.tomcat", "b"), other("server.tomcat.threads", "c")];
        let remark = |key: &str| find(&rows, key).map(|row| row.remark);
        assert_eq!(remark("server.tomcat.max-connections"), Some("b"));
        assert_eq!(remark("server.tomcat.threads[0]"), Some("c"));
        assert_eq!(remark("SERVER.tomCat.x"), Some("b"));
        assert_eq!(remark("server.tom"), Some("a"));
        assert_eq!(remark("serverside.x"), None);
    }
}
