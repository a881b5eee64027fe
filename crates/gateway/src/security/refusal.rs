//! How a request is turned away: the statuses, headers and bodies of Spring Security's WebFlux entry points.

use axum::body::Body;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};

/// Bearer errors point their readers here, as Spring's do.
const ERROR_URI: &str = "https://tools.ietf.org/html/rfc6750#section-3.1";

/// What Spring Security puts on every answer stands on those that are made here.
const OWN: [(&str, &str); 7] = [
    ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("pragma", "no-cache"),
    ("expires", "0"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("x-xss-protection", "0"),
    ("referrer-policy", "no-referrer"),
];

/// Why a request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No credentials where some are needed.
    Anonymous,
    /// A bearer token that is not believed.
    Token { status: StatusCode, error: &'static str, description: String },
    /// A name with a wrong password, an unknown key: no reason is given.
    Wrong,
    /// Known, and not allowed. `bearer`: it came with a token.
    Forbidden { bearer: bool },
    /// Nobody at this address.
    Address,
    /// The keeper of keys or tokens cannot be asked.
    Unavailable(String),
    /// A page of the gateway's own answers, such as the way to the login.
    Elsewhere,
}

impl Refusal {
    pub(super) fn token(description: impl Into<String>) -> Self {
        Self::Token {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_token",
            description: description.into(),
        }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::Token {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_request",
            description: description.into(),
        }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Anonymous | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::Token { status, .. } => *status,
            Self::Forbidden { .. } | Self::Address => StatusCode::FORBIDDEN,
            Self::Unavailable(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Elsewhere => StatusCode::FOUND,
        }
    }

    /// The answer; `challenges` name the credentials that would have been taken.
    pub(super) fn answer(&self, challenges: &[HeaderValue]) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        for (name, value) in OWN {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        match self {
            Self::Anonymous | Self::Wrong => {
                for challenge in challenges {
                    headers.append(WWW_AUTHENTICATE, challenge.clone());
                }
            }
            Self::Token { error, description, .. } => {
                headers.extend(bearer(error, description).map(|value| (WWW_AUTHENTICATE, value)));
            }
            Self::Forbidden { bearer: true } => {
                let description = "The request requires higher privileges than provided by the access token.";
                headers
                    .extend(bearer("insufficient_scope", description).map(|value| (WWW_AUTHENTICATE, value)));
            }
            Self::Forbidden { bearer: false } | Self::Address => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                *response.body_mut() = Body::from("Access Denied");
            }
            Self::Unavailable(_) | Self::Elsewhere => {}
        }
        response
    }
}

fn bearer(error: &str, description: &str) -> Option<HeaderValue> {
    // A quote or line break of a token must not end the parameter.
    let description: String =
        description.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    let description = description.replace(['"', '\\'], "'");
    HeaderValue::try_from(format!(
        "Bearer error=\"{error}\", error_description=\"{description}\", error_uri=\"{ERROR_URI}\""
    ))
    .ok()
}
