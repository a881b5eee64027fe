//! Why a verb did not do what it was asked, and the exit status that says so.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::Value;

use crate::codes;

/// True: fine. False: it was answered, and the answer names a problem.
pub(crate) type Outcome = Result<bool, Failed>;

/// The exit status: 0 fine, 1 a problem found, 2 wrong use, 3 not reachable, 4 refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Problem = 1,
    Usage = 2,
    Unreachable = 3,
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A complaint for standard error.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) exit: Exit,
    code: Option<String>,
    message: String,
    place: Option<String>,
    hint: Option<String>,
    /// The reader of our output went away, as `head` does: nothing to talk about.
    silent: bool,
    /// Of a program that ran on our behalf.
    status: Option<u8>,
}

impl Failed {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: None,
            message: message.into(),
            place: None,
            hint: None,
            silent: false,
            status: None,
        }
    }

    /// With the exit status of a program that ran on our behalf.
    pub(crate) fn status(code: u8, message: impl Into<String>) -> Self {
        Self { status: Some(code), ..Self::new(Exit::Problem, message) }
    }

    /// What was asked cannot be meant.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message).code(codes::USAGE)
    }

    /// With a code that `explain` knows.
    #[must_use]
    pub(crate) fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With what to do instead.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the admin API says instead of an answer: `{code, message, where, hint}`.
    pub(crate) fn refusal(status: u16, body: &Value) -> Self {
        let exit = match status {
            400 | 405 | 415 | 422 => Exit::Usage,
            404 | 410 => Exit::Problem,
            500.. => Exit::Unreachable,
            _ => Exit::Refused,
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let message = text("message").unwrap_or_else(|| format!("the server answers {status}"));
        Self { code: text("code"), place: text("where"), hint: text("hint"), ..Self::new(exit, message) }
    }

    pub(crate) fn unreachable(server: &str, error: &dyn std::error::Error) -> Self {
        Self::new(Exit::Unreachable, format!("no admin API answers at {server}: {}", causes(error)))
            .code(codes::UNREACHABLE)
            .hint("--server URL, or WELLSPRING_SERVER: the daemon's wellspring.admin.address")
    }
}

/// The innermost cause of an error says what happened; those around it say that something did.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.silent {
            return Ok(());
        }
        match &self.code {
            Some(code) => write!(f, "error[{code}]: {}", self.message)?,
            None => write!(f, "error: {}", self.message)?,
        }
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n   = try: {hint}")?;
        }
        if let Some(code) = &self.code {
            write!(f, "\n   = more: wellspring explain {code}")?;
        }
        Ok(())
    }
}

impl Failed {
    /// Says it on standard error.
    pub(crate) fn report(&self) -> ExitCode {
        if !self.silent {
            eprintln!("{self}");
        }
        self.status.map_or_else(|| self.exit.into(), ExitCode::from)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { silent, ..Self::new(Exit::Problem, error.to_string()) }
    }
}

impl From<serde_json::Error> for Failed {
    fn from(error: serde_json::Error) -> Self {
        Self::new(Exit::Problem, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_exit_status_says_what_kind_of_refusal_it_was() {
        for (status, exit) in [
            (400, Exit::Usage),
            (401, Exit::Refused),
            (403, Exit::Refused),
            (404, Exit::Problem),
            (409, Exit::Refused),
            (502, Exit::Unreachable),
        ] {
            assert_eq!(Failed::refusal(status, &json!({})).exit, exit, "{status}");
        }
    }

    #[test]
    fn a_refusal_is_told_as_the_server_tells_it() {
        let body = json!({"code": "WS-1611", "message": "no such service: x", "where": "/services/x", "hint": "orders"});
        let wanted = "error[WS-1611]: no such service: x\n  --> /services/x\n   = try: orders\n   = more: wellspring explain WS-1611";
        assert_eq!(Failed::refusal(404, &body).to_string(), wanted);
    }
}
