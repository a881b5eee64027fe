//! GitLab: the secret itself is sent, `X-Gitlab-Token`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, commits, has, signature};

#[derive(Debug)]
pub(super) struct GitLab;

impl Webhook for GitLab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn is_sender(&self, headers: &HeaderMap) -> bool {
        has(headers, "x-gitlab-event", "Push Hook")
    }

    fn paths(&self, headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        if self.is_sender(headers) { commits::files(body) } else { Vec::new() }
    }

    fn is_signed(&self, headers: &HeaderMap, _body: &[u8], secret: &str) -> bool {
        signature::token(headers, "x-gitlab-token", "", secret)
    }
}
