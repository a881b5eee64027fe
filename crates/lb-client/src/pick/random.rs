//! Any instance, all equally likely.

use super::{Picker, Request};
use crate::Instance;

/// Uniform choice.
#[derive(Debug)]
pub struct Random;

impl Picker for Random {
    fn pick(&self, _: &Request<'_>, instances: &[Instance]) -> Option<usize> {
        (!instances.is_empty()).then(|| fastrand::usize(..instances.len()))
    }
}
