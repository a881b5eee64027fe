//! The rate limiter: the model goes from period to period, and finds a wait by trying one period after the other.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wellspring_resilience::rate_limiter::RateLimiterConfig;
use wellspring_resilience::{Nanos, RateLimiter};

const START: u64 = 5_000_000_007;

#[derive(Debug, Clone, Copy)]
enum Step {
    Reserve(i32),
    Wait(u64),
    Limit(i32),
    Timeout(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1_i32..6).prop_map(Step::Reserve),
        4 => (0_u64..3_000).prop_map(Step::Wait),
        1 => (1_i32..8).prop_map(Step::Limit),
        1 => (0_u64..5_000).prop_map(Step::Timeout),
    ]
}

struct Model {
    limit: i32,
    period: u64,
    timeout: u64,
    permissions: i32,
    period_number: u64,
}

impl Model {
    /// Each period that began since brings a limit's worth; more than one limit's worth is never there.
    fn go_to(&mut self, since_start: u64) {
        while (self.period_number + 1) * self.period <= since_start {
            self.period_number += 1;
            self.permissions = (self.permissions + self.limit).min(self.limit);
        }
    }

    /// The wait, had one booked: until so many periods have begun that the debt is paid.
    fn wait(&self, wanted: i32, since_start: u64) -> u64 {
        if self.permissions >= wanted {
            return 0;
        }
        let mut debt = self.permissions - wanted;
        let mut begins = self.period_number;
        while debt < 0 {
            debt += self.limit;
            begins += 1;
        }
        begins * self.period - since_start
    }

    fn reserve(&mut self, wanted: i32, since_start: u64) -> Option<u64> {
        let wait = self.wait(wanted, since_start);
        (wait <= self.timeout).then(|| {
            self.permissions -= wanted;
            wait
        })
    }
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn the_limiter_does_what_the_model_does(
        limit in 1_i32..8,
        period in 1_u64..1_000,
        timeout in 0_u64..5_000,
        steps in vec(step(), 1..80),
    ) {
        let config = RateLimiterConfig {
            limit_for_period: limit,
            limit_refresh_period: Duration::from_nanos(period),
            timeout_duration: Duration::from_nanos(timeout),
            ..RateLimiterConfig::default()
        };
        let limiter = RateLimiter::created_at("l", config, Nanos(START)).unwrap();
        let mut model = Model { limit, period, timeout, permissions: limit, period_number: 0 };
        let mut since_start = 0;
        for step in steps {
            model.go_to(since_start);
            let now = Nanos(START + since_start);
            match step {
                Step::Reserve(wanted) => {
                    let wait = limiter.reserve_at(wanted, now).ok().map(|wait| u64::try_from(wait.as_nanos()).unwrap());
                    prop_assert_eq!(wait, model.reserve(wanted, since_start));
                }
                Step::Wait(nanos) => since_start += nanos,
                Step::Limit(limit) => {
                    // What is there stays; the original counts the periods that passed with the limit of the next look.
                    prop_assert_eq!(limiter.reserve_at(0, now).is_ok(), model.reserve(0, since_start).is_some());
                    limiter.change_limit_for_period(limit).unwrap();
                    model.limit = limit;
                }
                Step::Timeout(nanos) => {
                    limiter.change_timeout_duration(Duration::from_nanos(nanos));
                    model.timeout = nanos;
                }
            }
            let now = Nanos(START + since_start);
            model.go_to(since_start);
            prop_assert_eq!(limiter.available_at(now), model.permissions);
            prop_assert_eq!(limiter.cycle_at(now), model.period_number);
            let wait = u64::try_from(limiter.wait_for_one_at(now).as_nanos()).unwrap();
            prop_assert_eq!(wait, model.wait(1, since_start));
        }
    }
}
