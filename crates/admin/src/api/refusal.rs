//! The one form of an error: `{code, message, where, hint, docs}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::codes;
use crate::schema::view;

view! {
    /// Why a request was not answered.
    pub(crate) struct Refusal {
        /// `wellspring explain CODE` says more.
        code: String,
        /// What is wrong.
        message: String,
        /// The part of the request concerned.
        r#where: Option<String>,
        /// What to write instead.
        hint: Option<String>,
        /// Where to read on.
        docs: Option<String>,
    }
}

impl Refusal {
    fn new(code: &str, message: String) -> Self {
        let docs = Some(format!("wellspring explain {code}"));
        Self { code: code.to_owned(), message, r#where: None, hint: None, docs }
    }

    pub(super) fn unknown(what: &str, name: &str) -> Self {
        Self::new(codes::UNKNOWN, format!("no such {what}: {name}"))
    }

    pub(super) fn parameter(name: &str, hint: &str) -> Self {
        let message = format!("the parameter {name} cannot be understood");
        Self {
            r#where: Some(format!("?{name}=")),
            hint: Some(hint.to_owned()),
            ..Self::new(codes::BAD_REQUEST, message)
        }
    }

    pub(super) fn failed(cause: &str) -> Self {
        Self::new(codes::FAILED, cause.to_owned())
    }

    pub(super) fn forbidden(message: &str, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::new(codes::FORBIDDEN, message.to_owned()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.code.as_str() {
            codes::UNKNOWN => StatusCode::NOT_FOUND,
            codes::FAILED => StatusCode::BAD_GATEWAY,
            codes::FORBIDDEN => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(self)).into_response()
    }
}
