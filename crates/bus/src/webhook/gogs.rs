//! Gogs: the body is signed, `X-Gogs-Signature: <hex>`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, commits, has, signature};

#[derive(Debug)]
pub(super) struct Gogs;

impl Webhook for Gogs {
    fn name(&self) -> &'static str {
        "gogs"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        has(headers, "x-gogs-event", "push")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        if self.is_sender(headers) { commits::files(body) } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
        signature::hex_hmac(headers, "x-gogs-signature", "", body, secret)
    }
}
