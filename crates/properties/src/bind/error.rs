//! The deserializer's error: a Problem, and the signals by which a binding learns.

use std::fmt;

use serde::de;

use crate::{Problem, codes};

#[derive(Debug)]
pub(super) enum Signal {
    /// The map at this path wants scalars.
    Flat(String),
    /// The empty value at this path counts as absent.
    Absent(String),
}

#[derive(Debug)]
pub(super) struct Error {
    pub(super) problem: Box<Problem>,
    pub(super) signal: Option<Signal>,
    /// The problem names its key already.
    pub(super) located: bool,
}

impl Error {
    pub(super) fn located(problem: Problem) -> Self {
        Self { problem: Box::new(problem), signal: None, located: true }
    }

    pub(super) fn signal(signal: Signal) -> Self {
        let problem = Problem::new(codes::WRONG_SHAPE, "binding again");
        Self { problem: Box::new(problem), signal: Some(signal), located: true }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), signal: None, located: false }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.line())
    }
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        received(&message.to_string()).into()
    }

    fn missing_field(field: &'static str) -> Self {
        Problem::new(codes::MISSING_VALUE, format!("{field} is required")).into()
    }
}

/// A Problem as the text of a foreign deserializer's error; [`received`] takes it apart again.
pub(crate) fn carried(problem: &Problem) -> String {
    let hint = problem.hint.as_deref().unwrap_or_default();
    format!("{}; try: {hint} [{}]", problem.message, problem.code)
}

fn received(text: &str) -> Problem {
    let parts = text.strip_suffix(']').and_then(|text| text.rsplit_once(" [")).and_then(|(rest, code)| {
        let code = codes::explain(code).filter(|known| known.code == code)?;
        let (message, hint) = rest.split_once("; try: ")?;
        Some(Problem::new(code.code, message).hint(hint))
    });
    parts.unwrap_or_else(|| Problem::new(codes::TYPE_MISMATCH, text))
}
