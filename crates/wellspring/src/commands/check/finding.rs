//! A line of the answer.

use serde_json::{Value, json};

/// How it stands with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Fine,
    Warning,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) group: &'static str,
    pub(super) state: State,
    pub(super) text: String,
    /// What to do.
    pub(super) hint: Option<String>,
    /// What `explain` knows about it.
    pub(super) code: Option<&'static str>,
}

impl Finding {
    pub(super) fn fine(group: &'static str, text: impl Into<String>) -> Self {
        Self { group, state: State::Fine, text: text.into(), hint: None, code: None }
    }

    pub(super) fn warning(group: &'static str, code: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Warning, code: Some(code), ..Self::fine(group, text) }
    }

    pub(super) fn bad(group: &'static str, code: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Bad, code: Some(code), ..Self::fine(group, text) }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn json(&self) -> Value {
        let state = match self.state {
            State::Fine => "fine",
            State::Warning => "warning",
            State::Bad => "problem",
        };
        json!({"group": self.group, "state": state, "text": self.text, "hint": self.hint, "code": self.code})
    }
}
