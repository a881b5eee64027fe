//! `POST /actuator/shutdown`, off unless `management.endpoint.shutdown.access` says otherwise.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::endpoint::{Access, Endpoint, Reply};

pub(super) fn endpoint(asked: &CancellationToken) -> Endpoint {
    let asked = asked.clone();
    Endpoint::new("shutdown").default_access(Access::None).write("", move |_| {
        asked.cancel();
        std::future::ready(Reply::json(&json!({"message": "Shutting down, bye..."})))
    })
}
