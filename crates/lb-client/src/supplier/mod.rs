//! The candidates of a call, step by step from the registry's list outwards. One file per step.
//!
//! Steps that look at the list only are done once per list; from the first step that looks at the call on, they
//! are done for each call.

mod alarm;
mod chain;
mod ejection;
mod health_check;
mod hint;
mod retry_aware;
mod same_instance;
mod steps;
mod sticky;
mod subset;
mod weighted;
mod zone;

use std::fmt;
use std::sync::Arc;

pub use chain::Chain;
pub(crate) use ejection::Ejected;
pub use ejection::{Ejection, EjectionSettings};
pub use health_check::HealthChecked;
pub use hint::Hint;
pub use retry_aware::RetryAware;
pub use same_instance::SameInstance;
pub use steps::steps;
pub use sticky::{DEFAULT_COOKIE, StickyCookie};
pub use subset::{DEFAULT_SIZE, Subset};
pub use weighted::Weighted;
pub use zone::ZonePreference;

use crate::Instance;
use crate::pick::Request;

/// A list of candidates; cloning is one reference count.
pub type Instances = Arc<[Instance]>;

/// One step.
pub trait Supplier: fmt::Debug + Send + Sync {
    /// Whether the outcome depends on the call, or on calls before it, and not on the list alone.
    fn looks_at_the_call(&self) -> bool {
        false
    }

    /// Whether the step has anything to do for this call; asked only when it looks at the call.
    fn concerns(&self, _request: &Request<'_>) -> bool {
        true
    }

    /// The candidates left of `instances`.
    fn narrow(&self, request: &Request<'_>, instances: Instances) -> Instances;

    /// Hears which instance was chosen in the end.
    fn chosen(&self, _instance: &Instance) {}
}

/// Those for which `keep` holds, or all when it holds for none.
fn those_or_all(instances: Instances, keep: impl Fn(&Instance) -> bool) -> Instances {
    if instances.iter().all(&keep) {
        return instances;
    }
    let kept: Instances = instances.iter().filter(|instance| keep(instance)).cloned().collect();
    if kept.is_empty() { instances } else { kept }
}
