//! What one registry sends to another: a batch of changes, and one answer per change.

use super::{InstanceInfo, Status};
use crate::Millis;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Register,
    Heartbeat,
    Cancel,
    StatusUpdate,
    DeleteStatusOverride,
}

impl Action {
    const ALL: [Self; 5] =
        [Self::Register, Self::Heartbeat, Self::Cancel, Self::StatusUpdate, Self::DeleteStatusOverride];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "Register",
            Self::Heartbeat => "Heartbeat",
            Self::Cancel => "Cancel",
            Self::StatusUpdate => "StatusUpdate",
            Self::DeleteStatusOverride => "DeleteStatusOverride",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }
}

/// One change. What is absent is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicationInstance {
    pub app_name: Option<String>,
    pub id: Option<String>,
    pub last_dirty: Option<Millis>,
    /// As sent: what is no status is refused by the receiver, per item.
    pub overridden_status: Option<String>,
    pub status: Option<String>,
    /// With Register only.
    pub instance: Option<std::sync::Arc<InstanceInfo>>,
    pub action: Option<Action>,
}

impl ReplicationInstance {
    /// The override to adopt, if the sender has one.
    pub fn overridden(&self) -> Option<Status> {
        self.overridden_status
            .as_deref()
            .and_then(Status::from_name)
            .filter(|status| *status != Status::Unknown)
    }
}

/// The answer to one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationResponse {
    pub status: u16,
    /// The receiver's own entry, when it is newer (409).
    pub entity: Option<std::sync::Arc<InstanceInfo>>,
}
