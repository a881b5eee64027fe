//! A fixed part of a large list for each caller, so that not every caller connects to every instance.
//!
//! Deterministic: which part depends on the caller's own instance id alone, through Java's `String.hashCode` and
//! `java.util.Random`, so that a caller of ours and one of Spring's with the same id share a part.

use super::{Instances, Supplier};
use crate::pick::Request;

/// Size of the part in Spring.
pub const DEFAULT_SIZE: usize = 100;

/// Takes `size` instances.
#[derive(Debug)]
pub struct Subset {
    /// `String.hashCode` of the caller's id without its sign.
    caller: i32,
    size: usize,
}

impl Subset {
    /// `caller` is the id of the calling instance.
    pub fn new(caller: &str, size: usize) -> Self {
        Self { caller: java_hash(caller) & i32::MAX, size }
    }
}

impl Supplier for Subset {
    fn narrow(&self, _: &Request<'_>, instances: Instances) -> Instances {
        if instances.len() <= self.size || self.size == 0 {
            return instances;
        }
        let Ok(count) = i32::try_from(instances.len() / self.size) else { return instances };
        let (round, bucket) = (self.caller / count, self.caller % count);
        let mut shuffled: Vec<_> = instances.to_vec();
        let mut random = JavaRandom::new(i64::from(round));
        for last in (2..=shuffled.len()).rev() {
            shuffled.swap(last - 1, random.below(last));
        }
        let start = usize::try_from(bucket).unwrap_or_default() * self.size;
        shuffled.into_iter().skip(start).take(self.size).collect()
    }
}

/// Over UTF-16 units, as Java has it.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The linear congruential generator that Java documents for `java.util.Random`.
struct JavaRandom(i64);

impl JavaRandom {
    const MULTIPLIER: i64 = 0x5_DEEC_E66D;
    const MASK: i64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self((seed ^ Self::MULTIPLIER) & Self::MASK)
    }

    fn next31(&mut self) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        // 48 bits of state, the upper 31 of them: always fits.
        i32::try_from(self.0 >> 17).unwrap_or_default()
    }

    /// `nextInt(bound)`; `bound` at least 1.
    fn below(&mut self, bound: usize) -> usize {
        let Ok(bound) = i32::try_from(bound) else { return 0 };
        if bound & (bound - 1) == 0 {
            return usize::try_from((i64::from(bound) * i64::from(self.next31())) >> 31).unwrap_or_default();
        }
        loop {
            let bits = self.next31();
            let value = bits % bound;
            if bits.checked_sub(value).and_then(|base| base.checked_add(bound - 1)).is_some() {
                return usize::try_from(value).unwrap_or_default();
            }
        }
    }
}
