//! Codes of complaints about gateway configuration. 15xx; never reused.

use wellspring_properties::{Origin, Problem};

/// Unknown predicate or filter.
pub const UNKNOWN_NAME: &str = "WS-1501";
/// A predicate or filter that this gateway cannot have, with the reason.
pub const NOT_OFFERED: &str = "WS-1502";
/// A required argument is missing.
pub const MISSING_ARGUMENT: &str = "WS-1503";
/// An argument has the wrong form.
pub const BAD_ARGUMENT: &str = "WS-1504";
/// The route itself: uri, order, shape.
pub const BAD_ROUTE: &str = "WS-1505";
/// A `#{...}` expression that is not allowed.
pub const EXPRESSION: &str = "WS-1506";
/// A setting of the gateway outside routes.
pub const BAD_SETTING: &str = "WS-1507";

/// A complaint with place and what was found.
pub(crate) fn bad(
    code: &'static str,
    message: impl Into<String>,
    found: &str,
    place: Option<Origin>,
) -> Problem {
    Problem::new(code, message).found(found).at(place)
}
