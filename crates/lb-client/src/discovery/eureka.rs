//! Instances from a Eureka registry, as `eureka::fetch` keeps them.
//!
//! A service is looked up by virtual host, which Spring sets to the application's name; `services` are applications.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Book, Discovery, Listing};
use crate::Instance;

/// What the registry said last; kept while it is away.
#[derive(Debug, Default)]
pub struct Eureka {
    book: Book,
}

impl Eureka {
    /// Publishes the lists by virtual host and the names of the applications.
    pub(crate) fn publish(&self, lists: HashMap<String, Vec<Instance>>, applications: Vec<String>) {
        self.book.replace_all(lists, applications);
    }
}

impl Discovery for Eureka {
    fn services(&self) -> Vec<String> {
        self.book.services()
    }

    fn has(&self, service: &str) -> bool {
        self.book.has(service)
    }

    fn listing(&self, service: &str) -> Arc<Listing> {
        self.book.listing(service)
    }

    fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>) {
        self.book.follow_services(follower);
    }

    fn watch_services(&self) -> watch::Receiver<Arc<[String]>> {
        self.book.watch_services()
    }
}
