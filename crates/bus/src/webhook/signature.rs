//! Proofs that a sender knows the secret. All comparisons take the same time whether they fail early or late.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ring::hmac;

use super::header;

/// `name: <prefix><hex of HMAC-SHA256(secret, body)>`.
pub(super) fn hex_hmac(headers: &HeaderMap, name: &str, prefix: &str, body: &[u8], secret: &str) -> bool {
    let signature =
        header(headers, name).and_then(|value| hex::decode(value.trim().strip_prefix(prefix)?).ok());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    signature.is_some_and(|signature| hmac::verify(&key, body, &signature).is_ok())
}

/// `name: <prefix><secret>`.
pub(super) fn token(headers: &HeaderMap, name: &str, prefix: &str, secret: &str) -> bool {
    let Some(token) = header(headers, name).and_then(|value| value.strip_prefix(prefix)) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"compare");
    let expected = hmac::sign(&key, secret.as_bytes());
    hmac::verify(&key, token.as_bytes(), expected.as_ref()).is_ok()
}

/// `X-Gitee-Token: <base64 of HMAC-SHA256(secret, timestamp "\n" secret)>` with `X-Gitee-Timestamp`.
pub(super) fn gitee(headers: &HeaderMap, secret: &str) -> bool {
    let (Some(timestamp), Some(token)) =
        (header(headers, "x-gitee-timestamp"), header(headers, "x-gitee-token"))
    else {
        return false;
    };
    let Ok(signature) = STANDARD.decode(token.trim()) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, format!("{timestamp}\n{secret}").as_bytes(), &signature).is_ok()
}
