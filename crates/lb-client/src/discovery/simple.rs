//! Instances written in the configuration: `spring.cloud.discovery.client.simple.instances.<service>[i].uri`.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Book, Discovery, Listing};

/// A fixed list.
#[derive(Debug, Default)]
pub struct Simple {
    book: Book,
}

impl Simple {
    /// What it publishes; tests and applications may write it.
    pub fn book(&self) -> &Book {
        &self.book
    }
}

impl Discovery for Simple {
    fn services(&self) -> Vec<String> {
        self.book.services()
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
