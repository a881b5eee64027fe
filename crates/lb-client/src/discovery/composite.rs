//! Several sources behind one: a service is taken from the first source that has instances of it.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Book, Discovery, Listing};

/// Sources in order of preference.
#[derive(Debug)]
pub struct Composite {
    sources: Arc<[Arc<dyn Discovery>]>,
    book: Arc<Book>,
    followed: Mutex<HashSet<String>>,
    names: Arc<watch::Sender<Arc<[String]>>>,
}

impl Composite {
    /// The first source that has instances of a service wins for that service.
    pub fn new(sources: Vec<Arc<dyn Discovery>>) -> Self {
        let sources: Arc<[Arc<dyn Discovery>]> = sources.into();
        let names = Arc::new(watch::Sender::new(names_of(&sources)));
        for source in sources.iter() {
            let (all, names) = (Arc::downgrade(&sources), Arc::downgrade(&names));
            source.follow_services(Box::new(move || {
                if let (Some(all), Some(names)) = (all.upgrade(), names.upgrade()) {
                    names.send_replace(names_of(&all));
                }
            }));
        }
        Self { sources, book: Arc::default(), followed: Mutex::default(), names }
    }

    fn follow(&self, service: &str) {
        if !self.followed.lock().insert(service.to_owned()) {
            return;
        }
        let listings: Arc<[Arc<Listing>]> =
            self.sources.iter().map(|source| source.listing(service)).collect();
        for listing in listings.iter() {
            // Weak on both sides: a source outlives the composite that follows it, or the other way round.
            let all: Vec<Weak<Listing>> = listings.iter().map(Arc::downgrade).collect();
            let (book, name) = (Arc::downgrade(&self.book), service.to_owned());
            listing.follow(move |_| publish(&all, &book, &name));
        }
        let all: Vec<Weak<Listing>> = listings.iter().map(Arc::downgrade).collect();
        publish(&all, &Arc::downgrade(&self.book), service);
    }
}

fn publish(listings: &[Weak<Listing>], book: &Weak<Book>, service: &str) {
    let Some(book) = book.upgrade() else { return };
    let lists = listings.iter().filter_map(Weak::upgrade).map(|listing| listing.instances());
    let first = lists.into_iter().find(|list| !list.is_empty());
    book.replace(service, first.map(|list| list.to_vec()).unwrap_or_default());
}

fn names_of(sources: &[Arc<dyn Discovery>]) -> Arc<[String]> {
    let mut names: Vec<String> = sources.iter().flat_map(|source| source.services()).collect();
    names.sort();
    names.dedup();
    names.into()
}

impl Discovery for Composite {
    fn services(&self) -> Vec<String> {
        names_of(&self.sources).to_vec()
    }

    fn has(&self, service: &str) -> bool {
        self.sources.iter().any(|source| source.has(service))
    }

    fn listing(&self, service: &str) -> Arc<Listing> {
        let service = service.to_lowercase();
        self.follow(&service);
        self.book.listing(&service)
    }

    fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>) {
        let follower: Arc<dyn Fn() + Send + Sync> = follower.into();
        for source in self.sources.iter() {
            let follower = Arc::clone(&follower);
            source.follow_services(Box::new(move || follower()));
        }
    }

    fn watch_services(&self) -> watch::Receiver<Arc<[String]>> {
        self.names.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instance;
    use crate::discovery::Simple;

    fn source(service: &str, ids: &[&str]) -> Arc<Simple> {
        let simple = Simple::default();
        simple.book().replace(service, ids.iter().map(|id| Instance::new(service, *id, "h", 1)).collect());
        Arc::new(simple)
    }

    #[test]
    fn the_first_source_with_instances_wins_and_changes_pass_through() {
        let (first, second) = (source("stock", &["s"]), source("orders", &["a", "b"]));
        let composite = Composite::new(vec![first.clone(), second.clone()]);
        let orders = composite.listing("ORDERS");
        assert_eq!(orders.instances().len(), 2);
        assert_eq!(composite.services(), ["orders", "stock"]);
        first.book().replace("orders", vec![Instance::new("orders", "own", "h", 1)]);
        assert_eq!(orders.instances()[0].instance_id(), "own");
        second.book().replace("pay", vec![Instance::new("pay", "p", "h", 1)]);
        assert_eq!(composite.watch_services().borrow().len(), 3);
    }
}
