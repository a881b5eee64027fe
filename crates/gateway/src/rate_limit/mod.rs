//! Token buckets of RequestRateLimiter: the rule, and where the buckets are kept.
//!
//! Both keepers count in whole seconds as the original's script does, so numbers agree whichever is used.

pub mod key;
pub mod local;
pub mod redis;
pub mod verdicts;

use wellspring_properties::Problem;

use crate::route::args::Args;

/// How a bucket fills and what a request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// Tokens per second.
    pub rate: u64,
    pub capacity: u64,
    /// Tokens that one request takes.
    pub requested: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    /// Tokens left; -1 when nobody could be asked.
    pub remaining: i64,
}

impl Decision {
    /// Nobody could be asked: let through.
    pub const UNASKED: Self = Self { allowed: true, remaining: -1 };
}

impl Bucket {
    /// From `replenishRate`, `burstCapacity`, `requestedTokens`.
    pub(crate) fn read(args: &Args) -> Result<Self, Problem> {
        let number = |name: &str, default: i64, least: u64| -> Result<u64, Problem> {
            u64::try_from(args.integer(name, default)?)
                .ok()
                .filter(|number| *number >= least)
                .ok_or_else(|| args.wrong(name, format!("must be at least {least}")))
        };
        args.required("replenishRate")?;
        let rate = number("replenishRate", 0, 1)?;
        let capacity = number("burstCapacity", 1, 0)?;
        if capacity < rate {
            return Err(args.wrong("burstCapacity", "must be at least replenishRate"));
        }
        Ok(Self { rate, capacity, requested: number("requestedTokens", 1, 1)? })
    }

    /// How long an unused bucket is remembered, in seconds: it is full long before.
    #[must_use]
    pub fn keep_seconds(self) -> u64 {
        self.capacity.saturating_mul(2).checked_div(self.rate).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use serde_json::json;

    use super::Bucket;
    use crate::route::args::{Args, Shape};
    use crate::tree::Tree;

    fn read(value: &serde_json::Value) -> Result<Bucket, String> {
        let Tree::Map(raw) = Tree::from_json(value) else { panic!("a map") };
        let raw: IndexMap<String, Tree> = raw;
        Bucket::read(&Args::new("Test", &raw, Shape::Fields(&[]), None).unwrap())
            .map_err(|problem| problem.line())
    }

    #[test]
    fn the_burst_is_never_below_the_rate() {
        let bucket = read(&json!({"replenishRate": 2, "burst-capacity": "5"})).unwrap();
        assert_eq!((bucket.rate, bucket.capacity, bucket.requested, bucket.keep_seconds()), (2, 5, 1, 5));
        assert!(read(&json!({"replenishRate": 6, "burstCapacity": 5})).is_err());
        assert!(read(&json!({"burstCapacity": 5})).unwrap_err().contains("replenishRate"));
        assert!(read(&json!({"replenishRate": 0, "burstCapacity": 5})).is_err());
    }
}
