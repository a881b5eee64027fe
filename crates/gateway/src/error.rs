//! What can go wrong with one exchange, and everything others ask about it.
//!
//! Statuses are the original's: a refused or reset upstream is 500, only a response time-out is 504, no instance is 503.

use http::{Method, StatusCode};

/// Why an exchange has no answer from an upstream.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("no route")]
    NoRoute,
    /// Unknown template variable, illegal target: the route and the request do not fit.
    #[error("{0}")]
    Unroutable(String),
    #[error("cannot connect to {upstream}: {reason}")]
    Connect { upstream: String, reason: String },
    #[error("connection to {upstream} timed out after {millis} ms")]
    ConnectTimeout { upstream: String, millis: u128 },
    /// The connection broke; `safe` when no byte of the request can have been processed.
    #[error("connection to {upstream} broke: {reason}")]
    Broken { upstream: String, reason: String, safe: bool },
    /// An answer came that a filter of our own cannot use.
    #[error("answer of {upstream} cannot be used: {reason}")]
    BadAnswer { upstream: String, reason: String },
    #[error("no response from {upstream} within {millis} ms")]
    ResponseTimeout { upstream: String, millis: u128 },
    #[error("unable to find instance for {service}")]
    NoInstance { service: String, status: StatusCode },
    #[error("no connection to {upstream} became free within {millis} ms")]
    PoolExhausted { upstream: String, millis: u128 },
    #[error("CircuitBreaker '{name}' is OPEN and does not permit further calls")]
    BreakerOpen { name: String },
    #[error("Did not observe any item or terminal signal within {millis}ms in 'circuitBreaker'")]
    TimeLimit { name: String, millis: u128 },
    /// A status that a breaker counts as a failure.
    #[error("{} {}", .0.as_u16(), enum_name(*.0))]
    BreakerStatus(StatusCode),
    /// The body of the request could not be read.
    #[error("request body: {0}")]
    RequestBody(String),
    #[error("{0}")]
    Status(StatusCode),
}

impl Error {
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Unroutable(_)
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Broken { .. }
            | Self::PoolExhausted { .. }
            | Self::BreakerStatus(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ResponseTimeout { .. } | Self::TimeLimit { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::BadAnswer { .. } => StatusCode::BAD_GATEWAY,
            Self::BreakerOpen { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::RequestBody(_) => StatusCode::BAD_REQUEST,
            Self::NoInstance { status, .. } | Self::Status(status) => *status,
        }
    }

    /// The name that the JVM original gives this kind: FallbackHeaders shows it, Retry's `exceptions` names it.
    #[must_use]
    pub fn java_type(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::Status(_) | Self::RequestBody(_) | Self::ResponseTimeout { .. } => {
                "org.springframework.web.server.ResponseStatusException"
            }
            Self::Unroutable(_) | Self::BadAnswer { .. } => "java.lang.IllegalArgumentException",
            Self::Connect { reason, .. } if reason.contains("resolve") || reason.contains("lookup") => {
                "java.net.UnknownHostException"
            }
            Self::Connect { .. } => "io.netty.channel.AbstractChannel$AnnotatedConnectException",
            Self::ConnectTimeout { .. } => "io.netty.channel.ConnectTimeoutException",
            Self::Broken { .. } => "reactor.netty.http.client.PrematureCloseException",
            Self::NoInstance { .. } => "org.springframework.cloud.gateway.support.NotFoundException",
            Self::PoolExhausted { .. } => {
                "reactor.netty.internal.shaded.reactor.pool.PoolAcquireTimeoutException"
            }
            Self::BreakerOpen { .. } => "io.github.resilience4j.circuitbreaker.CallNotPermittedException",
            Self::TimeLimit { .. } => "java.util.concurrent.TimeoutException",
            Self::BreakerStatus(_) => {
                "org.springframework.cloud.gateway.filter.factory.SpringCloudCircuitBreakerFilterFactory$CircuitBreakerStatusCodeException"
            }
        }
    }

    /// Is this one of the Java exceptions `name` (the class itself, a superclass, or that of its cause)?
    #[must_use]
    pub fn is_java(&self, name: &str) -> bool {
        if matches!(name, "java.lang.Exception" | "java.lang.Throwable") || name == self.java_type() {
            return true;
        }
        let io = ["java.io.IOException", "IOException"];
        let runtime = "java.lang.RuntimeException";
        let timeout = [
            "org.springframework.cloud.gateway.support.TimeoutException",
            "java.util.concurrent.TimeoutException",
            "io.netty.handler.timeout.ReadTimeoutException",
        ];
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } => {
                io.contains(&name) || matches!(name, "java.net.ConnectException" | "java.net.SocketException")
            }
            Self::Broken { .. } => io.contains(&name) || name == "java.net.SocketException",
            Self::PoolExhausted { .. } | Self::TimeLimit { .. } => timeout.contains(&name),
            // The original turns the time-out into a 504 whose cause is the time-out.
            Self::ResponseTimeout { .. } => timeout.contains(&name) || name == runtime,
            Self::NoInstance { .. } | Self::NoRoute | Self::Status(_) | Self::RequestBody(_) => {
                name == "org.springframework.web.server.ResponseStatusException" || name == runtime
            }
            Self::Unroutable(_)
            | Self::BadAnswer { .. }
            | Self::BreakerOpen { .. }
            | Self::BreakerStatus(_) => name == runtime,
        }
    }

    /// May the same request be sent again, as far as the wire is concerned?
    #[must_use]
    pub fn is_safe_for(&self, method: &Method) -> bool {
        match self {
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::PoolExhausted { .. } => true,
            Self::Broken { safe, .. } => *safe || method.is_idempotent(),
            _ => false,
        }
    }

    /// Where it happened, for the log.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::Unroutable(_) => "route",
            Self::NoInstance { .. } => "balance",
            Self::Connect { .. } | Self::ConnectTimeout { .. } | Self::PoolExhausted { .. } => "connect",
            Self::Broken { .. } => "transfer",
            Self::ResponseTimeout { .. } | Self::BadAnswer { .. } => "response",
            Self::BreakerOpen { .. } | Self::TimeLimit { .. } | Self::BreakerStatus(_) => "breaker",
            Self::RequestBody(_) | Self::Status(_) => "request",
        }
    }
}

/// Spring's enum constant for a status: `SERVICE_UNAVAILABLE`.
#[must_use]
pub fn enum_name(status: StatusCode) -> String {
    let text = match status.as_u16() {
        418 => "I_AM_A_TEAPOT",
        414 => "URI_TOO_LONG",
        413 => "PAYLOAD_TOO_LARGE",
        422 => "UNPROCESSABLE_ENTITY",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A status by number or enum name, any case, `-` for `_`.
#[must_use]
pub fn parse_status(text: &str) -> Option<StatusCode> {
    let text = text.trim();
    if let Ok(number) = text.parse::<u16>() {
        return StatusCode::from_u16(number).ok();
    }
    let wanted: String = text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
    // Older names that Spring still knows.
    let wanted = match wanted.as_str() {
        "MOVED_TEMPORARILY" => "FOUND",
        "REQUEST_ENTITY_TOO_LARGE" => "PAYLOAD_TOO_LARGE",
        "REQUEST_URI_TOO_LONG" => "URI_TOO_LONG",
        "UNPROCESSABLE_CONTENT" => "UNPROCESSABLE_ENTITY",
        other => other,
    };
    (100..600)
        .filter_map(|n| StatusCode::from_u16(n).ok())
        .find(|s| !wanted.is_empty() && enum_name(*s) == wanted)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Error, enum_name, parse_status};

    #[test]
    fn statuses_have_springs_names() {
        for (text, wanted) in [
            ("401", Some(401)),
            ("BAD_REQUEST", Some(400)),
            ("service-unavailable", Some(503)),
            ("I_AM_A_TEAPOT", Some(418)),
            ("432", Some(432)),
            ("NOPE", None),
            ("", None),
            ("99", None),
        ] {
            assert_eq!(parse_status(text).map(|s| s.as_u16()), wanted, "{text}");
        }
        assert_eq!(enum_name(StatusCode::INTERNAL_SERVER_ERROR), "INTERNAL_SERVER_ERROR");
    }

    #[test]
    fn a_refused_upstream_is_500_and_a_late_one_504() {
        let refused = Error::Connect { upstream: "a:1".to_owned(), reason: "refused".to_owned() };
        assert_eq!(refused.status(), 500);
        assert!(refused.is_java("java.io.IOException") && refused.is_java("java.net.ConnectException"));
        let late = Error::ResponseTimeout { upstream: "a:1".to_owned(), millis: 5 };
        assert_eq!(late.status(), 504);
        assert!(
            late.is_java("java.util.concurrent.TimeoutException") && !late.is_java("java.io.IOException")
        );
        assert!(late.is_java("org.springframework.web.server.ResponseStatusException"));
    }
}
