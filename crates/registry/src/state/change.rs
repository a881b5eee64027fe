//! What a call changed, for those who must hear of it: cache, peers, watchers, event log.

use std::sync::Arc;

use wellspring_wire::eureka::InstanceInfo;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Registered,
    Cancelled,
    Evicted,
    /// A status was set from outside.
    Overridden,
    /// An override was lifted.
    Lifted,
    /// A renewal found another status by the rules.
    StatusFollowed,
}

impl ChangeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Cancelled => "cancelled",
            Self::Evicted => "evicted",
            Self::Overridden => "status overridden",
            Self::Lifted => "override lifted",
            Self::StatusFollowed => "status followed the rules",
        }
    }

    /// Whether the instance is gone.
    pub fn removes(self) -> bool {
        matches!(self, Self::Cancelled | Self::Evicted)
    }
}

#[derive(Debug, Clone)]
pub struct Change {
    /// Counts all changes since start; later is greater.
    pub version: u64,
    pub kind: ChangeKind,
    /// The instance after the change, or as it was last.
    pub instance: Arc<InstanceInfo>,
}
