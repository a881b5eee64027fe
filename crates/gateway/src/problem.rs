//! Codes of complaints about gateway configuration. 17xx; never reused.

use wellspring_properties::codes::Code;
use wellspring_properties::{Origin, Problem};

/// Unknown predicate or filter.
pub const UNKNOWN_NAME: &str = "WS-1701";
/// A predicate or filter that this gateway cannot have, with the reason.
pub const NOT_OFFERED: &str = "WS-1702";
/// A required argument is missing.
pub const MISSING_ARGUMENT: &str = "WS-1703";
/// An argument has the wrong form.
pub const BAD_ARGUMENT: &str = "WS-1704";
/// The route itself: uri, order, shape.
pub const BAD_ROUTE: &str = "WS-1705";
/// A `#{...}` expression that is not allowed.
pub const EXPRESSION: &str = "WS-1706";
/// A setting of the gateway outside routes.
pub const BAD_SETTING: &str = "WS-1707";
/// A filter that cannot do anything with these settings.
pub const NO_EFFECT: &str = "WS-1708";

/// All codes of this crate, in order, with the paragraph that `wellspring explain` prints.
pub const CODES: &[Code] = &[
    code(
        UNKNOWN_NAME,
        "unknown predicate or filter",
        "A route names a predicate or filter that does not exist. Names are those of Spring Cloud Gateway, without GatewayFilterFactory and RoutePredicateFactory. The hint has the nearest name.",
    ),
    code(
        NOT_OFFERED,
        "predicate or filter is not offered",
        "The original has this predicate or filter, but it needs something that only a JVM has, or it was switched off in the settings. The message gives the reason.",
    ),
    code(
        MISSING_ARGUMENT,
        "argument is missing",
        "A predicate or filter lacks an argument that it cannot do without. In short form arguments follow the = in order, in long form they stand below args.",
    ),
    code(
        BAD_ARGUMENT,
        "argument has the wrong form",
        "An argument of a predicate or filter cannot be read: a number, a status, a regular expression, a date, an address. The place is that of the route's line.",
    ),
    code(
        BAD_ROUTE,
        "route cannot be used",
        "The route itself is wrong: no uri, a uri without scheme or host, an order that is no number.",
    ),
    code(
        EXPRESSION,
        "expression is not allowed",
        "Only #{@name} for a known bean, literals and system-free expressions are read in route arguments.",
    ),
    code(
        BAD_SETTING,
        "gateway setting cannot be used",
        "A setting below spring.cloud.gateway, outside the routes, has a value that it cannot have.",
    ),
    code(
        NO_EFFECT,
        "filter without effect",
        "A filter stands in a route, but what it works on is not configured: TokenRelay without an OAuth2 client registration, SaveSession without anybody who could log in. The route works, the filter does nothing.",
    ),
];

const fn code(code: &'static str, title: &'static str, explanation: &'static str) -> Code {
    Code { code, title, explanation }
}

/// A complaint with place and what was found.
pub(crate) fn bad(
    code: &'static str,
    message: impl Into<String>,
    found: &str,
    place: Option<Origin>,
) -> Problem {
    Problem::new(code, message).found(found).at(place)
}
