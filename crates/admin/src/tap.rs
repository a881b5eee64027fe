//! Live requests of a gateway, as the API hands them on.

use axum::response::Response;
use tokio_util::sync::CancellationToken;

use crate::denied::Denied;

/// A gateway whose requests can be watched.
pub trait Tap: Send + Sync + 'static {
    /// Server-sent events until `stopping`; the query says which.
    fn follow(&self, query: &str, stopping: CancellationToken) -> Result<Response, Denied>;
}
