//! Repeats each instance by its weight (metadata `weight`), interleaved; round robin then runs over the longer list.

use super::{Instances, Supplier};
use crate::Instance;
use crate::pick::Request;

/// Weights 5, 1, 1 give `a b c a a a a`.
#[derive(Debug)]
pub struct Weighted;

/// A list longer than this is not built: weights are divided until it fits, so that one instance with a weight of
/// two thousand million does not take the memory of the process.
const LONGEST: u64 = 100_000;

impl Supplier for Weighted {
    fn narrow(&self, _: &Request<'_>, instances: Instances) -> Instances {
        let mut left: Vec<u64> = instances.iter().map(weight).collect();
        let Some(divisor) = left.iter().copied().reduce(gcd) else { return instances };
        let total: u64 = left.iter().map(|weight| weight / divisor).sum();
        let scale = total.div_ceil(LONGEST).max(1);
        left.iter_mut().for_each(|weight| *weight = (*weight / divisor / scale).max(1));
        if left.iter().all(|weight| *weight == 1) {
            return instances;
        }
        let mut expanded = Vec::with_capacity(usize::try_from(total.min(LONGEST)).unwrap_or_default());
        while left.iter().any(|rest| *rest > 0) {
            for (instance, rest) in instances.iter().zip(&mut left).filter(|(_, rest)| **rest > 0) {
                *rest -= 1;
                expanded.push(instance.clone());
            }
        }
        expanded.into()
    }
}

/// As Java's `Integer.parseInt`: sign and digits only; what is missing, unreadable or below 1 counts as 1.
fn weight(instance: &Instance) -> u64 {
    let text = instance.metadata().get("weight").map(String::as_str);
    let number = text.and_then(|text| text.parse::<i32>().ok()).unwrap_or(1);
    u64::try_from(number.max(1)).unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Metadata;

    #[test]
    fn a_huge_weight_does_not_make_a_huge_list() {
        let heavy = Metadata::from([("weight".to_owned(), i32::MAX.to_string())]);
        let list = [Instance::new("s", "a", "h", 1).with_metadata(heavy), Instance::new("s", "b", "h", 2)];
        let expanded = Weighted.narrow(&Request::default(), list.into());
        assert!(expanded.len() <= 100_002, "{}", expanded.len());
        assert!(expanded.iter().any(|instance| instance.instance_id() == "b"));
    }
}
