//! The ids and the decision that travel with a trace.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};

/// Where in which trace something happens.
#[derive(Clone, Debug, Default)]
pub struct Context {
    pub trace: u128,
    pub span: u64,
    /// `None`: the caller left the decision to us.
    pub sampled: Option<bool>,
    /// B3's "report at all costs".
    pub debug: bool,
    /// Headers that go on as they came: `tracestate`, `baggage`, remote fields.
    pub carried: Option<Arc<[(HeaderName, HeaderValue)]>>,
}

impl Context {
    pub(super) fn has_ids(&self) -> bool {
        self.trace != 0 && self.span != 0
    }

    /// A new trace; `decided` may hold a decision and carried headers.
    pub(super) fn root(decided: Option<&Self>, sample: impl FnOnce() -> bool) -> Self {
        let decision = decided.and_then(|decided| decided.sampled);
        Self {
            trace: fastrand::u128(1..),
            span: fastrand::u64(1..),
            sampled: Some(decision.unwrap_or_else(sample)),
            debug: decided.is_some_and(|decided| decided.debug),
            carried: decided.and_then(|decided| decided.carried.clone()),
        }
    }

    /// Our span in the caller's trace.
    pub(super) fn continued(self, sample: impl FnOnce() -> bool) -> Self {
        let sampled = self.sampled.unwrap_or_else(sample);
        Self { span: fastrand::u64(1..), sampled: Some(sampled), ..self }
    }

    pub(super) fn child(&self) -> Self {
        Self { span: fastrand::u64(1..), ..self.clone() }
    }
}
