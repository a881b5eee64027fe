//! Power of two choices: of two instances taken at random, the one with fewer calls in flight.
//!
//! Nearly as good as knowing all of them, at the price of two, and many callers do not rush to the same instance.

use super::{Picker, Request};
use crate::Instance;

/// Fewer calls in flight wins; of equals the first drawn.
#[derive(Debug)]
pub struct LeastRequests;

impl Picker for LeastRequests {
    fn pick(&self, _: &Request<'_>, instances: &[Instance]) -> Option<usize> {
        best_of_two(instances, |instance| u64::from(instance.load().in_flight()))
    }
}

/// Two different instances at random; the cheaper one.
pub(super) fn best_of_two(instances: &[Instance], cost: impl Fn(&Instance) -> u64) -> Option<usize> {
    let count = instances.len();
    match count {
        0 | 1 => count.checked_sub(1),
        _ => {
            // One draw for both: the second position is counted on from the first.
            let draw = fastrand::u64(..);
            let first = scale(draw >> 32, count);
            let second = (first + 1 + scale(draw & 0xffff_ffff, count - 1)) % count;
            let (one, other) = (instances.get(first)?, instances.get(second)?);
            Some(if cost(other) < cost(one) { second } else { first })
        }
    }
}

/// 32 random bits to `0..count`, by multiplication.
fn scale(bits: u64, count: usize) -> usize {
    usize::try_from((bits * (count as u64)) >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instances(count: u16) -> Vec<Instance> {
        (0..count).map(|number| Instance::new("s", number.to_string(), "h", number)).collect()
    }

    #[test]
    fn the_busy_one_of_two_is_never_taken() {
        let list = instances(2);
        let _call = list[0].load().begin();
        for _ in 0..100 {
            assert_eq!(LeastRequests.pick(&Request::default(), &list), Some(1));
        }
    }

    #[test]
    fn all_are_taken_about_equally_when_none_is_busy() {
        let list = instances(5);
        let mut taken = [0u32; 5];
        for _ in 0..10_000 {
            taken[LeastRequests.pick(&Request::default(), &list).unwrap()] += 1;
        }
        assert!(taken.iter().all(|count| (1700..2300).contains(count)), "{taken:?}");
        assert_eq!(LeastRequests.pick(&Request::default(), &[]), None);
        assert_eq!(LeastRequests.pick(&Request::default(), &list[..1]), Some(0));
    }
}
