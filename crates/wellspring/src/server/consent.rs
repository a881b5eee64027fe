//! Changes are asked for on a terminal and want `--yes` elsewhere; they carry a reason for the event log.

use std::io::{self, BufRead, IsTerminal, Write};

use serde_json::Value;

use super::{Exit, Failed};
use crate::codes;

/// What a verb that changes something takes besides.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct Consent {
    /// Does it without asking.
    #[arg(short, long)]
    yes: bool,
    /// Why, for the event log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Consent {
    /// Goes on when the user wants it: `what` is what will happen, as in "take orders-7 out of traffic".
    pub(crate) fn ask(&self, what: &str) -> Result<(), Failed> {
        if self.yes {
            return Ok(());
        }
        if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
            return Err(Failed::new(Exit::Usage, format!("nobody can be asked whether to {what}"))
                .code(codes::CONSENT)
                .hint("--yes"));
        }
        let mut answer = String::new();
        write!(io::stderr(), "{what}? [y/N] ")?;
        io::stdin().lock().read_line(&mut answer)?;
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failed::new(Exit::Refused, "nothing was changed").code(codes::CONSENT)),
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The body with the reason in it.
    pub(crate) fn body(&self, mut body: Value) -> Value {
        if let (Some(members), Some(reason)) = (body.as_object_mut(), self.reason()) {
            members.insert("reason".to_owned(), reason.into());
        }
        body
    }
}
