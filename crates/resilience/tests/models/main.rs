//! Each pattern against a slow model of it, which keeps everything that happened and counts anew every time.
//!
//! The models are written from Resilience4j's description, not from the code: no running totals, no rings, no closed forms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod breaker;
mod budget;
mod bulkhead;
mod limiter;
mod retry;

use proptest::prelude::ProptestConfig;

/// Many cases, and no files beside the sources: a failure prints its smallest case.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}
