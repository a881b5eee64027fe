//! The list of one service and the book of all lists of a source: snapshots for readers, one writer.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::{Instance, load};

type Follower = Box<dyn Fn(&Arc<[Instance]>) + Send + Sync>;

/// The instances of one service. Reading is one atomic load.
pub struct Listing {
    current: ArcSwap<Arc<[Instance]>>,
    version: AtomicU64,
    sender: watch::Sender<Arc<[Instance]>>,
    followers: Mutex<Vec<Follower>>,
}

impl Listing {
    fn new(instances: Arc<[Instance]>) -> Self {
        Self {
            current: ArcSwap::from_pointee(Arc::clone(&instances)),
            version: AtomicU64::new(0),
            sender: watch::Sender::new(instances),
            followers: Mutex::default(),
        }
    }

    /// The instances now.
    pub fn instances(&self) -> Arc<[Instance]> {
        Arc::clone(&self.current.load())
    }

    /// Rises with each change of the list; cheaper to compare than lists.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Follows the list.
    pub fn watch(&self) -> watch::Receiver<Arc<[Instance]>> {
        self.sender.subscribe()
    }

    /// Calls `follower` with each new list, on the writer's thread.
    pub fn follow(&self, follower: impl Fn(&Arc<[Instance]>) + Send + Sync + 'static) {
        self.followers.lock().push(Box::new(follower));
    }

    /// Replaces the list. Instances that stay keep their load figures. Returns whether anything changed.
    pub fn replace(&self, instances: Vec<Instance>) -> bool {
        // Held while followers run, so that two writers cannot tell them lists in the wrong order.
        let followers = self.followers.lock();
        let old = self.instances();
        if *old == *instances {
            return false;
        }
        let kept: HashMap<&str, &Instance> = old.iter().map(|known| (known.instance_id(), known)).collect();
        let new: Arc<[Instance]> = instances
            .into_iter()
            .map(|instance| match kept.get(instance.instance_id()) {
                Some(known) if known.host() == instance.host() && known.port() == instance.port() => {
                    instance.with_load_of(known)
                }
                _ => {
                    if !old.is_empty() {
                        instance.load().join(load::nanos(Instant::now()));
                    }
                    instance
                }
            })
            .collect();
        self.current.store(Arc::new(Arc::clone(&new)));
        self.version.fetch_add(1, Ordering::Release);
        self.sender.send_replace(Arc::clone(&new));
        for follower in followers.iter() {
            follower(&new);
        }
        true
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("instances", &self.instances()).finish_non_exhaustive()
    }
}

/// All lists of one source, by lower-case service name. A list that was asked for stays, even when it is empty.
pub struct Book {
    listings: ArcSwap<HashMap<String, Arc<Listing>>>,
    writing: Mutex<()>,
    services: watch::Sender<Arc<[String]>>,
    followers: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("listings", &self.listings.load()).finish_non_exhaustive()
    }
}

impl Default for Book {
    fn default() -> Self {
        Self {
            listings: ArcSwap::default(),
            writing: Mutex::default(),
            services: watch::Sender::new(Arc::from(Vec::new())),
            followers: Mutex::default(),
        }
    }
}

impl Book {
    /// The list of `service`, made empty when it is not known yet.
    pub fn listing(&self, service: &str) -> Arc<Listing> {
        let service = service.to_lowercase();
        if let Some(known) = self.listings.load().get(&service) {
            return Arc::clone(known);
        }
        let _writing = self.writing.lock();
        if let Some(known) = self.listings.load().get(&service) {
            return Arc::clone(known);
        }
        let listing = Arc::new(Listing::new(Arc::from(Vec::new())));
        let mut all = HashMap::clone(&self.listings.load());
        all.insert(service, Arc::clone(&listing));
        self.listings.store(Arc::new(all));
        listing
    }

    /// Names with instances, sorted.
    pub fn services(&self) -> Vec<String> {
        self.services.borrow().to_vec()
    }

    /// Whether a name is among them.
    pub fn has(&self, service: &str) -> bool {
        self.services.borrow().binary_search_by(|known| known.as_str().cmp(service)).is_ok()
    }

    /// Follows the names.
    pub fn watch_services(&self) -> watch::Receiver<Arc<[String]>> {
        self.services.subscribe()
    }

    /// Calls `follower` after each change of the names.
    pub fn follow_services(&self, follower: Box<dyn Fn() + Send + Sync>) {
        self.followers.lock().push(follower);
    }

    /// Replaces the list of one service.
    pub fn replace(&self, service: &str, instances: Vec<Instance>) {
        if self.listing(service).replace(instances) {
            self.tell_services(self.present());
        }
    }

    /// Replaces everything: services that `lists` does not have become empty. `names` (sorted) are the services
    /// told to those who ask for them, which need not be the keys: Eureka lists applications and looks up virtual hosts.
    pub fn replace_all(&self, mut lists: HashMap<String, Vec<Instance>>, names: Vec<String>) {
        for (service, listing) in self.listings.load().iter() {
            listing.replace(lists.remove(service).unwrap_or_default());
        }
        for (service, instances) in lists {
            self.listing(&service).replace(instances);
        }
        self.tell_services(names);
    }

    fn present(&self) -> Vec<String> {
        let listings = self.listings.load();
        let present = listings.iter().filter(|(_, listing)| !listing.instances().is_empty());
        let mut names: Vec<String> = present.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    fn tell_services(&self, names: Vec<String>) {
        let told = self.services.send_if_modified(|known| {
            let differs = **known != *names;
            if differs {
                *known = names.into();
            }
            differs
        });
        if told {
            self.followers.lock().iter().for_each(|follower| follower());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str) -> Instance {
        Instance::new("orders", id, "h", 1)
    }

    #[test]
    fn names_match_ignoring_case_and_a_listing_stays_the_same_object() {
        let book = Book::default();
        let early = book.listing("ORDERS");
        book.replace("orders", vec![instance("a")]);
        assert!(Arc::ptr_eq(&early, &book.listing("Orders")));
        assert_eq!(early.instances().len(), 1);
        assert_eq!(book.services(), ["orders"]);
    }

    #[test]
    fn instances_that_stay_keep_their_load() {
        let book = Book::default();
        book.replace("orders", vec![instance("a"), instance("b")]);
        let call = book.listing("orders").instances()[0].load().begin();
        book.replace("orders", vec![instance("c"), instance("a")]);
        let now = book.listing("orders").instances();
        assert_eq!(now[1].load().in_flight(), 1);
        assert_eq!(now[0].load().in_flight(), 0);
        drop(call);
        assert_eq!(now[1].load().in_flight(), 0);
    }

    #[test]
    fn an_equal_list_is_no_change() {
        let book = Book::default();
        book.replace("orders", vec![instance("a")]);
        let listing = book.listing("orders");
        let before = listing.version();
        assert!(!listing.replace(vec![instance("a")]));
        assert_eq!(listing.version(), before);
    }

    #[test]
    fn services_that_are_not_named_any_more_become_empty() {
        let book = Book::default();
        book.replace("orders", vec![instance("a")]);
        let seen = book.watch_services();
        book.replace_all(
            HashMap::from([("stock".to_owned(), vec![instance("b")])]),
            vec!["stock".to_owned()],
        );
        assert_eq!(**seen.borrow(), ["stock".to_owned()]);
        assert!(book.listing("orders").instances().is_empty());
    }
}
