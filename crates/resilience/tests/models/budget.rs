//! The budget of extra calls: the model keeps every token with its time.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wellspring_resilience::{Budget, Nanos};

const SPAN: u64 = 10_000_000_000;
const SLOT: u64 = SPAN / 10;

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn the_budget_does_what_the_model_does(
        // Shares that are sums of halves, so that the model's order of adding does not matter.
        share in 0_u8..4,
        per_second in 0_u32..3,
        steps in vec((any::<bool>(), 0_u64..2_000), 1..120),
    ) {
        let share = f64::from(share) * 0.5;
        let budget = Budget::new(share, per_second, Duration::from_nanos(SPAN));
        let mut tokens: Vec<(u64, f64)> = Vec::new();
        let mut now = 77 * SPAN + 3;
        for (deposit, millis) in steps {
            now += millis * 1_000_000;
            if deposit {
                budget.deposit(Nanos(now));
                tokens.push((now / SLOT, share));
            } else {
                let young = tokens.iter().filter(|(slot, _)| slot + 10 > now / SLOT).map(|(_, value)| value);
                let there = young.sum::<f64>() + f64::from(per_second) * 10.0;
                prop_assert_eq!(budget.withdraw(Nanos(now)), there >= 1.0);
                if there >= 1.0 {
                    tokens.push((now / SLOT, -1.0));
                }
            }
        }
    }
}
