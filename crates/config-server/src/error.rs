//! What can go wrong between a request and its answer. `http/reply.rs` makes statuses of it.

use wellspring_properties::Problem;

/// The log says all of it, the answer only the status.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Error {
    /// The request itself is wrong: traversal, `#`, a value that is not a boolean.
    #[error("{0}")]
    BadRequest(String),
    /// No such label, no such repository, or it cannot be had.
    #[error("{0}")]
    NotFound(String),
    /// A file on `main` of a Git repository does not parse: the original then looks for `master`, and says that this is not there.
    #[error("{0}")]
    Broken(Box<Problem>),
    /// Everything else.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// Whether the next repository that matches may be asked instead.
    pub(crate) fn falls_through(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::Broken(_))
    }
}
