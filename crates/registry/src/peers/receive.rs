//! One item of a peer's batch, applied as if the peer had called the matching path.

use std::sync::Arc;

use wellspring_wire::eureka::replication::{Action, ReplicationInstance, ReplicationResponse};
use wellspring_wire::eureka::{InstanceInfo, Status};

use crate::invalid::why_invalid;
use crate::node::{Beat, Caller, Node};

impl Node {
    /// Applies one item; what is missing from it is a 500 of its own, the rest of the batch goes on.
    pub fn replicated(&self, item: ReplicationInstance, caller: Caller) -> ReplicationResponse {
        let (Some(action), Some(app)) = (item.action, item.app_name.as_deref().map(str::to_uppercase)) else {
            return status(500);
        };
        let id = item.id.as_deref().unwrap_or_default();
        match action {
            Action::Register => {
                let Some(instance) = item.instance else { return status(500) };
                match why_invalid(&instance, &app) {
                    // The original's answer to an invalid instance is 200 and a line in its log.
                    Some(reason) => tracing::warn!(app, reason, "replicated registration was dropped"),
                    None => self.register(Arc::unwrap_or_clone(instance), caller),
                }
                status(200)
            }
            Action::Heartbeat => match self.renew(&app, id, item.last_dirty, item.overridden(), caller) {
                Beat::Renewed => status(200),
                Beat::Unknown => status(404),
                Beat::Outdated(ours) => conflict(ours),
            },
            Action::Cancel => known(self.cancel(&app, id, caller)),
            Action::StatusUpdate => {
                if self.instance(&app, id).is_none() {
                    return status(404);
                }
                let Some(value) = item.status.as_deref().and_then(Status::from_name) else {
                    return status(500);
                };
                known(self.override_status(&app, id, value, item.last_dirty, caller))
            }
            Action::DeleteStatusOverride => {
                // The original reads the timestamp first and trips over its absence.
                if item.last_dirty.is_none() {
                    return status(500);
                }
                if self.instance(&app, id).is_none() {
                    return status(404);
                }
                let value = item.status.as_deref().map_or(Some(Status::Unknown), Status::from_name);
                let Some(value) = value else { return status(500) };
                known(self.lift_override(&app, id, value, item.last_dirty, caller))
            }
        }
    }
}

fn status(status: u16) -> ReplicationResponse {
    ReplicationResponse { status, entity: None }
}

fn known(known: bool) -> ReplicationResponse {
    status(if known { 200 } else { 404 })
}

fn conflict(ours: Arc<InstanceInfo>) -> ReplicationResponse {
    ReplicationResponse { status: 409, entity: Some(ours) }
}
