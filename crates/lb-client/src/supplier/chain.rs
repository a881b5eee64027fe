//! The steps of one service in order, and what they made of the present list.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::{Instances, Supplier};
use crate::Instance;
use crate::discovery::Listing;
use crate::pick::Request;

/// Lists that a thread keeps at hand.
const PLACES: usize = 8;

type Place = Option<(u64, Arc<Prepared>)>;

thread_local! {
    /// What this thread chose from last, each chain's at a place of its own or shared with few: to find it here is half the price of
    /// the snapshot that all threads share. A list stays until its place is needed or a newer one is chosen from.
    static AT_HAND: RefCell<[Place; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// Steps over a listing.
#[derive(Debug)]
pub struct Chain {
    /// No other chain of this process has it.
    number: u64,
    listing: Arc<Listing>,
    steps: Vec<Box<dyn Supplier>>,
    /// The first step that looks at the call.
    per_call: usize,
    prepared: ArcSwap<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    version: u64,
    instances: Instances,
}

impl Chain {
    /// The steps in order from the registry outwards.
    pub fn new(listing: Arc<Listing>, steps: Vec<Box<dyn Supplier>>) -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let per_call = steps.iter().position(|step| step.looks_at_the_call()).unwrap_or(steps.len());
        let prepared =
            ArcSwap::from_pointee(Prepared { version: u64::MAX, instances: Arc::from(Vec::new()) });
        Self { number, listing, steps, per_call, prepared }
    }

    /// Calls `with` with the candidates of this call.
    pub fn with<R>(&self, request: &Request<'_>, with: impl Fn(&[Instance]) -> R) -> R {
        let version = self.listing.version();
        let at_hand = AT_HAND.try_with(|places| {
            let places = places.try_borrow().ok()?;
            let (number, prepared) = places.get(self.place())?.as_ref()?;
            let current = *number == self.number && prepared.version == version;
            current.then(|| self.narrowed(request, &prepared.instances, &with))
        });
        match at_hand {
            Ok(Some(result)) => result,
            _ => self.narrowed(request, &self.fetch(version).instances, &with),
        }
    }

    fn narrowed<R>(
        &self,
        request: &Request<'_>,
        instances: &Instances,
        with: &impl Fn(&[Instance]) -> R,
    ) -> R {
        let mut steps =
            self.steps.iter().skip(self.per_call).filter(|step| step.concerns(request)).peekable();
        if steps.peek().is_none() {
            return with(instances);
        }
        let mut instances = Arc::clone(instances);
        for step in steps {
            instances = step.narrow(request, instances);
        }
        with(&instances)
    }

    /// What all threads share, made anew when the list is another; this thread has it at hand from now on.
    #[cold]
    fn fetch(&self, version: u64) -> Arc<Prepared> {
        let mut prepared = self.prepared.load_full();
        if prepared.version != version {
            self.prepare();
            prepared = self.prepared.load_full();
        }
        let keep = |places: &RefCell<[Place; PLACES]>| {
            // Not while a step of this thread chooses in the middle of a choice.
            if let Ok(mut places) = places.try_borrow_mut()
                && let Some(place) = places.get_mut(self.place())
            {
                *place = Some((self.number, Arc::clone(&prepared)));
            }
        };
        // A thread that ends keeps nothing.
        AT_HAND.try_with(keep).ok();
        prepared
    }

    fn place(&self) -> usize {
        usize::try_from(self.number).unwrap_or_default() % PLACES
    }

    /// The candidates of this call.
    pub fn candidates(&self, request: &Request<'_>) -> Instances {
        self.with(request, |instances| Arc::from(instances))
    }

    /// Tells every step which instance was chosen.
    pub fn chosen(&self, instance: &Instance) {
        for step in self.steps.iter().skip(self.per_call) {
            step.chosen(instance);
        }
    }

    /// The list as the registry has it.
    pub fn listing(&self) -> &Arc<Listing> {
        &self.listing
    }

    #[cold]
    fn prepare(&self) {
        // The version first: a list that changes in between is prepared once more, never missed.
        let version = self.listing.version();
        let mut instances = self.listing.instances();
        for step in self.steps.iter().take(self.per_call) {
            instances = step.narrow(&Request::default(), instances);
        }
        self.prepared.store(Arc::new(Prepared { version, instances }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::Book;

    fn list(ids: &[&str]) -> Vec<Instance> {
        ids.iter().map(|id| Instance::new("s", *id, "h", 1)).collect()
    }

    fn ids(chain: &Chain) -> Vec<String> {
        let candidates = chain.candidates(&Request::default());
        candidates.iter().map(|one| one.instance_id().to_owned()).collect()
    }

    #[test]
    fn a_new_list_is_chosen_from_at_once_by_every_thread() {
        let listing = Book::default().listing("s");
        let chain = Chain::new(Arc::clone(&listing), Vec::new());
        assert_eq!(ids(&chain), [""; 0]);
        for round in [["a", "b"], ["a", "c"]] {
            listing.replace(list(&round));
            assert_eq!(ids(&chain), round);
            std::thread::scope(|scope| {
                scope.spawn(|| assert_eq!(ids(&chain), round));
            });
        }
    }

    #[test]
    fn chains_that_share_a_place_choose_from_their_own_lists() {
        let book = Book::default();
        let names: Vec<String> = (0..3 * PLACES).map(|number| format!("s{number}")).collect();
        let chains: Vec<Chain> = names
            .iter()
            .map(|name| {
                book.listing(name).replace(list(&[name]));
                Chain::new(book.listing(name), Vec::new())
            })
            .collect();
        for _ in 0..2 {
            for (chain, name) in chains.iter().zip(&names) {
                assert_eq!(ids(chain), std::slice::from_ref(name));
            }
        }
        // In the middle of a choice another chain has its list, too.
        let first = &chains[0];
        first.with(&Request::default(), |_| assert_eq!(ids(&chains[PLACES]), [names[PLACES].clone()]));
    }
}
