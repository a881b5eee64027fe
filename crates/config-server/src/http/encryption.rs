//! `/encrypt`, `/decrypt`, `/key`: texts in bodies, JSON where something is wrong.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;
use wellspring_daemon::{Request, Response, body};

use super::reply::{self, Failure};
use crate::encryption::Refusal;
use crate::encryption::values::Prefixes;
use crate::server::Server;

const TEXT: &str = "text/plain;charset=UTF-8";
/// Bytes of a body; certificates and keys are far smaller.
const LARGEST: usize = 1 << 20;

pub(super) fn status(server: &Server) -> Response {
    match server.decryptor.key(&Prefixes::default()) {
        Ok(_) => reply::json(StatusCode::OK, &json!({"status": "OK"})),
        Err(refusal) => refused(refusal),
    }
}

pub(super) fn key(server: &Server) -> Response {
    match server.decryptor.key(&Prefixes::default()).ok().and_then(|key| key.public_key()) {
        Some(line) => reply::with_type(TEXT, line),
        None => reply::json(
            StatusCode::NOT_FOUND,
            &json!({"description": "No public key available", "status": "NOT_FOUND"}),
        ),
    }
}

pub(super) async fn encrypt(server: &Server, request: Request) -> Result<Response, Failure> {
    let (headers, body) = read(request).await?;
    let text = match form(&headers, &body) {
        Some(decoded) => decoded.strip_suffix('=').unwrap_or(&decoded).to_owned(),
        None => body,
    };
    match server.decryptor.encrypt_text(&text) {
        Ok(cipher) => Ok(reply::with_type(TEXT, cipher)),
        // The original has a description for this where it decrypts, and none where it encrypts.
        Err(Refusal::NotSupported) => Err(Failure::status(StatusCode::INTERNAL_SERVER_ERROR)),
        Err(refusal) => Ok(refused(refusal)),
    }
}

pub(super) async fn decrypt(server: &Server, request: Request) -> Result<Response, Failure> {
    let (headers, body) = read(request).await?;
    let text = match form(&headers, &body) {
        Some(decoded) => {
            let text = decoded.replace(' ', "+");
            match text.strip_suffix('=') {
                Some(cut) if is_cipher(Prefixes::split(cut).2) => cut.to_owned(),
                _ => text,
            }
        }
        None => body,
    };
    Ok(match server.decryptor.decrypt_text(&text) {
        Ok(plain) => reply::with_type(TEXT, plain),
        Err(refusal) => refused(refusal),
    })
}

/// A body with its type; both are required.
async fn read(request: Request) -> Result<(HeaderMap, String), Failure> {
    let (head, incoming) = request.into_parts();
    let bytes: Bytes =
        body::limited(incoming, LARGEST).await.map_err(|refused| Failure::status(refused.status()))?;
    if bytes.is_empty() || !head.headers.contains_key(CONTENT_TYPE) {
        return Err(Failure::status(StatusCode::BAD_REQUEST));
    }
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| Failure::status(StatusCode::BAD_REQUEST))?;
    Ok((head.headers, text))
}

/// What curl sends by default: a form with one name and no value. `None`: the body is the text itself.
fn form(headers: &HeaderMap, body: &str) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // With a parameter (`text/plain;charset=…`) the original takes it for something else, too.
    if kind.trim().eq_ignore_ascii_case("text/plain") || !body.ends_with('=') {
        return None;
    }
    Some(percent_decode_str(&body.replace('+', " ")).decode_utf8_lossy().into_owned())
}

fn is_cipher(text: &str) -> bool {
    use base64::Engine;
    let hex = text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex || base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

fn refused(refusal: Refusal) -> Response {
    let (status, name, description) = match refusal {
        Refusal::NoKey => (StatusCode::NOT_FOUND, "NO_KEY", "No key was installed for encryption service"),
        Refusal::Invalid => (StatusCode::BAD_REQUEST, "INVALID", "Text not encrypted with this key"),
        Refusal::NotSupported => {
            (StatusCode::BAD_REQUEST, "BAD_REQUEST", "Server-side decryption is not supported")
        }
    };
    reply::json(status, &json!({"description": description, "status": name}))
}
