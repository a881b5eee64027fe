//! Problems in answers for programs.

use serde_json::{Value, json};
use wellspring_properties::Problem;

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
