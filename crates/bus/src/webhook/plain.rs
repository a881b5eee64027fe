//! `{"path": "…"}` or `{"path": ["…", "…"]}`, for scripts and forms. The secret is sent as `Authorization: Bearer`.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::{Webhook, signature};

#[derive(Debug)]
pub(super) struct Plain;

impl Webhook for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn is_sender(&self, _headers: &HeaderMap) -> bool {
        true
    }

    fn paths(&self, _headers: &HeaderMap, body: &Map<String, Value>) -> Vec<String> {
        match body.get("path") {
            Some(Value::String(path)) => vec![path.clone()],
            Some(Value::Array(paths)) => {
                paths.iter().filter_map(|path| path.as_str().map(str::to_owned)).collect()
            }
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
        }
    }

    fn is_signed(&self, headers: &HeaderMap, _body: &[u8], secret: &str) -> bool {
        signature::token(headers, "authorization", "Bearer ", secret)
    }
}
