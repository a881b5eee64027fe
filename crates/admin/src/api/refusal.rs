//! The one form of an error: `{code, message, where, hint, docs}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::access::Role;
use crate::codes;
use crate::denied::Denied;
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

    pub(super) fn body(cause: &str) -> Self {
        let message = format!("the body cannot be understood: {cause}");
        Self {
            r#where: Some("body".to_owned()),
            hint: Some("a JSON object as openapi.json describes it".to_owned()),
            ..Self::new(codes::BAD_REQUEST, message)
        }
    }

    /// A member of the body.
    pub(super) fn member(name: &str, hint: &str) -> Self {
        let message = format!("{name} cannot be understood");
        Self {
            r#where: Some(format!("body.{name}")),
            hint: Some(hint.to_owned()),
            ..Self::new(codes::BAD_REQUEST, message)
        }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        let hint = "sign in on the console, or send Authorization: Bearer TOKEN".to_owned();
        Self { hint: Some(hint), ..Self::new(codes::UNAUTHORIZED, message.to_owned()) }
    }

    pub(super) fn role(own: Role, least: Role) -> Self {
        let message = format!("the role {} is not enough", own.as_str());
        Self::forbidden(&message, &format!("ask somebody with the role {}", least.as_str()))
    }

    pub(super) fn out_of_reach(what: &str) -> Self {
        let what = if what.is_empty() { "all applications" } else { what };
        Self::forbidden(
            &format!("{what} is out of reach of this credential"),
            "name an application that is within reach",
        )
    }

    pub(super) fn conflict(message: &str, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..Self::new(codes::CONFLICT, message.to_owned()) }
    }

    /// Another daemon has the answer and cannot be asked.
    pub(super) fn unreachable(daemon: &str, cause: &str) -> Self {
        let message = format!("{daemon} cannot be asked: {cause}");
        let hint = "see GET /api/v1/daemons for who is there".to_owned();
        Self { hint: Some(hint), ..Self::new(codes::UNREACHABLE, message) }
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
            codes::FAILED | codes::UNREACHABLE => StatusCode::BAD_GATEWAY,
            codes::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
            codes::CONFLICT => StatusCode::CONFLICT,
            codes::FORBIDDEN => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, Json(self)).into_response()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unknown(what, name) => Self::unknown(what, &name),
            Denied::Wrong(parameter, hint) => Self::parameter(parameter, &hint),
            Denied::Conflict(why) => Self::conflict(&why, "look at what is there, then ask again"),
            Denied::Refused { code, message, place, hint } => {
                Self { r#where: place, hint, ..Self::new(&code, message) }
            }
            Denied::Failed(cause) => Self::failed(&cause),
        }
    }
}
