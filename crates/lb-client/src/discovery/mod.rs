//! Where instances come from: one trait, one file per source.
//!
//! Every source publishes into `Listing`s. A list that was known once is kept while its source is away.

mod composite;
mod eureka;
mod listing;
pub mod remote;
mod simple;

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

pub use composite::Composite;
pub use eureka::Eureka;
pub use listing::{Book, Listing};
pub use remote::Remote;
pub use simple::Simple;

use crate::Instance;

/// A source of instances. Reading never waits and never fails: an unknown service is an empty list.
pub trait Discovery: fmt::Debug + Send + Sync {
    /// Names of the services that have instances, in lower case, sorted.
    fn services(&self) -> Vec<String>;

    /// Whether `service`, in lower case, is one of `services`; asked for every call to an address without a port.
    fn has(&self, service: &str) -> bool {
        self.services().iter().any(|known| known == service)
    }

    /// The list of one service; the same object for the life of the source. Names match ignoring case.
    fn listing(&self, service: &str) -> Arc<Listing>;

    /// Calls `follower` after each change of `services`, on the writer's thread.
    fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>);

    /// Follows the names of `services`.
    fn watch_services(&self) -> watch::Receiver<Arc<[String]>>;

    /// The instances of `service` now.
    fn instances(&self, service: &str) -> Arc<[Instance]> {
        self.listing(service).instances()
    }

    /// Follows the instances of `service`.
    fn watch(&self, service: &str) -> watch::Receiver<Arc<[Instance]>> {
        self.listing(service).watch()
    }
}
