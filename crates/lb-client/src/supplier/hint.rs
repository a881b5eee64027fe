//! Keeps instances whose metadata `hint` equals the call's hint: its header, else the caller's word, else the configured one.

use super::{Instances, Supplier, those_or_all};
use crate::pick::Request;

/// The match is exact; when nothing matches, all instances stay.
#[derive(Debug)]
pub struct Hint {
    header: String,
    configured: Option<String>,
}

impl Hint {
    /// `configured` is the hint of calls that bring none.
    pub fn new(header: impl Into<String>, configured: Option<String>) -> Self {
        Self { header: header.into(), configured }
    }
}

impl Supplier for Hint {
    fn looks_at_the_call(&self) -> bool {
        true
    }

    fn concerns(&self, request: &Request<'_>) -> bool {
        request.hint.is_some()
            || self.configured.is_some()
            || request
                .headers
                .is_some_and(|headers| !headers.is_empty() && headers.contains_key(&*self.header))
    }

    fn narrow(&self, request: &Request<'_>, instances: Instances) -> Instances {
        let header = request.headers.and_then(|headers| headers.get(self.header.as_str()));
        let asked = header.and_then(|value| value.to_str().ok()).filter(|text| !text.trim().is_empty());
        let Some(hint) =
            asked.or(request.hint).or(self.configured.as_deref()).filter(|text| !text.trim().is_empty())
        else {
            return instances;
        };
        those_or_all(instances, |instance| instance.metadata().get("hint").is_some_and(|own| own == hint))
    }
}
