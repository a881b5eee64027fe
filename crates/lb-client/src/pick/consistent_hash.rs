//! The same key goes to the same instance, and when an instance comes or goes only its own share of keys moves.
//!
//! Rendezvous hashing: each instance is weighed with the key, the heaviest wins. No ring to build or keep.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Picker, Request};
use crate::Instance;

/// Calls without a key go anywhere.
#[derive(Debug)]
pub struct ConsistentHash;

impl Picker for ConsistentHash {
    fn pick(&self, request: &Request<'_>, instances: &[Instance]) -> Option<usize> {
        let Some(key) = request.key else {
            return (!instances.is_empty()).then(|| fastrand::usize(..instances.len()));
        };
        let weights = instances.iter().map(|instance| {
            let mut hasher = DefaultHasher::new();
            (key, instance.instance_id()).hash(&mut hasher);
            hasher.finish()
        });
        weights.enumerate().max_by_key(|(_, weight)| *weight).map(|(position, _)| position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_of_an_instance_that_goes_move() {
        let mut list: Vec<Instance> =
            (0..10u16).map(|number| Instance::new("s", number.to_string(), "h", number)).collect();
        let owner = |list: &[Instance], key: &str| {
            let request = Request { key: Some(key), ..Request::default() };
            list[ConsistentHash.pick(&request, list).unwrap()].instance_id().to_owned()
        };
        let keys: Vec<String> = (0..1000).map(|number| format!("user-{number}")).collect();
        let before: Vec<String> = keys.iter().map(|key| owner(&list, key)).collect();
        list.remove(3);
        for (key, before) in keys.iter().zip(&before) {
            assert!(before == "3" || owner(&list, key) == *before);
        }
        let share = before.iter().filter(|id| *id == "3").count();
        assert!((60..150).contains(&share), "{share}");
    }
}
