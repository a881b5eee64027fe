//! Bitbucket, cloud and server: files are not listed, so every push counts as a change of everything.
//!
//! Both sign the body, `X-Hub-Signature: sha256=<hex>`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, header, signature};

#[derive(Debug)]
pub(super) struct Bitbucket;

impl Webhook for Bitbucket {
    fn name(&self) -> &'static str {
        "bitbucket"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        headers.contains_key("x-event-key")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        let changes = |object: Option<&Value>| object.is_some_and(Value::is_array);
        let from_cloud = header(headers, "x-hook-uuid").is_some();
        let from_server = header(headers, "x-request-id").is_some();
        let pushed = match header(headers, "x-event-key") {
            Some("repo:push" | "pullrequest:fulfilled") => {
                from_cloud && changes(body.get("push").and_then(|push| push.get("changes")))
            }
            Some("repo:refs_changed") => from_server && changes(body.get("changes")),
            Some("pr:merged") => from_server,
            Some(_) | None => false,
        };
        if pushed { vec!["application.yml".to_owned()] } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
        signature::hex_hmac(headers, "x-hub-signature", "sha256=", body, secret)
    }
}
