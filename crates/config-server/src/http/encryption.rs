//! `/encrypt`, `/decrypt`, `/key`: texts in bodies, JSON where something is wrong.

use http::StatusCode;
use serde_json::json;
use wellspring_daemon::{Request, Response};

use super::posted::{self, Posted};
use super::reply::{self, Failure};
use crate::encryption::Refusal;
use crate::encryption::prefixes::Prefixes;
use crate::server::Server;

const TEXT: &str = "text/plain;charset=UTF-8";

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
    let posted = Posted::read(request).await?;
    let mut text = posted.text.clone();
    if posted.is_form(&text) {
        text = posted::decoded(text.as_bytes()).ok_or_else(|| Failure::status(StatusCode::BAD_REQUEST))?;
        text.pop();
    }
    match server.decryptor.encrypt_text(&text) {
        Ok(cipher) => Ok(reply::with_type(TEXT, cipher)),
        // The original has descriptions for these where it decrypts, and none where it encrypts.
        Err(Refusal::NotSupported | Refusal::Invalid) => {
            Err(Failure::status(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Err(refusal) => Ok(refused(refusal)),
    }
}

pub(super) async fn decrypt(server: &Server, request: Request) -> Result<Response, Failure> {
    let posted = Posted::read(request).await?;
    let plain = || -> Result<String, Refusal> {
        // Prefixes are looked for before a form is decoded: in a form that the container wrote there are none.
        let (prefixes, cipher) = Prefixes::split(&posted.text);
        let key = server.decryptor.key(&prefixes)?;
        if !posted.is_form(cipher) {
            return key.decrypt(cipher);
        }
        let text = posted::decoded(cipher.as_bytes()).ok_or(Refusal::Invalid)?.replace(' ', "+");
        match text.strip_suffix('=') {
            Some(cut) if is_cipher(cut) => key.decrypt(cut),
            _ => key.decrypt(&text),
        }
    };
    Ok(match plain() {
        Ok(plain) => reply::with_type(TEXT, plain),
        Err(refusal) => refused(refusal),
    })
}

/// A cipher text that a form's `=` was put behind: of even length.
fn is_cipher(text: &str) -> bool {
    use base64::Engine;
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit());
    text.len().is_multiple_of(2) && (hex || base64::engine::general_purpose::STANDARD.decode(text).is_ok())
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
