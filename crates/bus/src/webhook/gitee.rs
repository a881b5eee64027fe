//! Gitee: the secret itself is sent or signs the time stamp, `X-Gitee-Token`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, commits, has, signature};

#[derive(Debug)]
pub(super) struct Gitee;

impl Webhook for Gitee {
    fn name(&self) -> &'static str {
        "gitee"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        has(headers, "x-git-oschina-event", "Push Hook")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        if self.is_sender(headers) { commits::files(body) } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, _body: &[u8], secret: &str) -> bool {
        signature::token(headers, "x-gitee-token", "", secret) || signature::gitee(headers, secret)
    }
}
