//! `/encrypt`, `/decrypt`, `/key`.

use http::StatusCode;
use serde_json::json;
use wellspring_daemon::{Request, Response};

use super::reply::{self, Failure};
use crate::server::Server;

pub(super) fn status(_server: &Server) -> Result<Response, Failure> {
    Ok(reply::json(
        StatusCode::NOT_FOUND,
        &json!({"status": "NO_KEY", "description": "No key was installed for encryption service"}),
    ))
}

pub(super) fn key(_server: &Server) -> Result<Response, Failure> {
    Ok(reply::json(
        StatusCode::NOT_FOUND,
        &json!({"status": "NOT_FOUND", "description": "No public key available"}),
    ))
}

pub(super) async fn encrypt(_server: &Server, _request: Request) -> Result<Response, Failure> {
    Err(Failure::status(StatusCode::NOT_FOUND))
}

pub(super) async fn decrypt(_server: &Server, _request: Request) -> Result<Response, Failure> {
    Err(Failure::status(StatusCode::NOT_FOUND))
}
