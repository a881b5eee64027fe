//! What an outcome means to a pattern: errors are matched by name, a name stands for its sub-kinds too.

use serde::{Deserialize, Serialize};

/// What an outcome is to a circuit breaker or a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It went well, or failed in a way that says nothing against the callee.
    Success,
    /// It counts against the callee.
    Failure,
    /// As if the call had not been made.
    Ignored,
}

/// Which errors count, by name: the kinds listed and everything below them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorLists {
    /// Errors that count; empty: all of them.
    pub record: Vec<String>,
    /// Errors that are as if nothing had happened; they win over `record`.
    pub ignore: Vec<String>,
}

impl ErrorLists {
    /// What an error of these kinds (its own name first, then what it is a case of) means.
    ///
    /// An error that is neither ignored nor listed is a *success*: the callee answered, in its own way.
    #[must_use]
    pub fn verdict(&self, kinds: &[&str]) -> Verdict {
        let listed = |list: &[String]| list.iter().any(|name| kinds.contains(&name.as_str()));
        if listed(&self.ignore) {
            Verdict::Ignored
        } else if self.record.is_empty() || listed(&self.record) {
            Verdict::Failure
        } else {
            Verdict::Success
        }
    }
}
