//! Gitea: its file lists are not looked at, any push counts as a change of everything. Signed by `X-Gitea-Signature: <hex>`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, has, signature};

#[derive(Debug)]
pub(super) struct Gitea;

impl Webhook for Gitea {
    fn name(&self) -> &'static str {
        "gitea"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        has(headers, "x-gitea-event", "push")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        let pushed = self.is_sender(headers) && body.get("commits").is_some_and(Value::is_array);
        if pushed { vec!["application.yml".to_owned()] } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
        signature::hex_hmac(headers, "x-gitea-signature", "", body, secret)
    }
}
