//! Answers for programs, and problems in them.

use std::io::{self, Write};

use serde_json::{Value, json};
use wellspring_properties::Problem;

use super::Output;

/// `{code, message, where, found, hint}`, as the administrative API writes errors.
pub(super) fn problem(problem: &Problem) -> Value {
    json!({
        "code": problem.code,
        "message": problem.message,
        "where": problem.place.as_ref().map(ToString::to_string),
        "found": problem.found,
        "hint": problem.hint,
    })
}

/// Writes an answer in a form for programs; as text it is for the caller to write.
pub(super) fn write(form: Output, answer: &Value, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Text => Ok(()),
        Output::Json => writeln!(out, "{answer:#}"),
        Output::Yaml => write!(out, "{}", serde_yaml::to_string(answer).map_err(io::Error::other)?),
    }
}
