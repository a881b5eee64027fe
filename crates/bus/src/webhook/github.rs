//! GitHub: the body is signed, `X-Hub-Signature-256: sha256=<hex>`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, commits, has, signature};

#[derive(Debug)]
pub(super) struct GitHub;

impl Webhook for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        has(headers, "x-github-event", "push")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        if self.is_sender(headers) { commits::files(body) } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
        signature::hex_hmac(headers, "x-hub-signature-256", "sha256=", body, secret)
    }
}
