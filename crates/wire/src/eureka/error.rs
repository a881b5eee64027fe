//! Why a body could not be read.

/// A body that is not what it should be. The text names the field, or the place in the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl DecodeError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<quick_xml::Error> for DecodeError {
    fn from(error: quick_xml::Error) -> Self {
        Self(error.to_string())
    }
}
