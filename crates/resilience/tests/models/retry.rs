//! The retry: the model writes down what a call's attempts come to, all at once, from the list of what they end with.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wellspring_resilience::Retry;
use wellspring_resilience::retry::{Metrics, Next, RetryConfig};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Good,
    /// A result that is to be retried.
    Unwanted,
    Retried,
    Ignored,
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![1 => Just(End::Good), 3 => Just(End::Unwanted), 4 => Just(End::Retried), 1 => Just(End::Ignored)]
}

#[derive(Debug, PartialEq, Eq)]
enum Final {
    Answer,
    LastOne,
    Exceeded(u32),
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut on purpose")]
fn whole(millis: f64) -> u64 {
    millis as u64
}

/// Milliseconds before each further attempt: one after the other, each cut to whole milliseconds.
fn waits(config: &RetryConfig, count: usize) -> Vec<u64> {
    let first = u64::try_from(config.wait_duration.as_millis()).unwrap();
    let limit =
        config.exponential_max_wait_duration.map_or(u64::MAX, |max| u64::try_from(max.as_millis()).unwrap());
    if !config.enable_exponential_backoff {
        return vec![first; count];
    }
    let step = |wait: &u64| {
        Some(whole(f64::from(u32::try_from(*wait).unwrap()) * config.exponential_backoff_multiplier))
    };
    std::iter::successors(Some(first), step).take(count).map(|wait| wait.min(limit)).collect()
}

fn by_model(config: &RetryConfig, ends: &[End], metrics: &mut Metrics) -> (Vec<u64>, Final) {
    let most = config.max_attempts as usize;
    // The attempts that are made: up to the first that is not to be repeated, at most as many as allowed.
    let last = ends.iter().position(|end| matches!(end, End::Good | End::Ignored)).unwrap_or(usize::MAX);
    let made = last.saturating_add(1).min(most);
    let repeated = made - 1;
    metrics.total += made as u64;
    let outcome = match ends[made - 1] {
        End::Good if repeated == 0 => {
            metrics.successful_without_retry += 1;
            Final::Answer
        }
        End::Good => {
            metrics.successful_with_retry += 1;
            Final::Answer
        }
        End::Ignored => {
            metrics.failed_without_retry += 1;
            Final::LastOne
        }
        End::Retried => {
            metrics.failed_with_retry += 1;
            Final::LastOne
        }
        End::Unwanted => {
            // The end is counted besides the attempt; made an error, once more.
            let again = u64::from(config.fail_after_max_attempts);
            metrics.failed_with_retry += 1 + again;
            metrics.total += 1 + again;
            if again == 1 { Final::Exceeded(config.max_attempts) } else { Final::LastOne }
        }
    };
    (waits(config, repeated), outcome)
}

fn by_retry(retry: &Retry, ends: &[End]) -> (Vec<u64>, Final) {
    let (mut attempts, mut waited) = (retry.begin(), Vec::new());
    for end in ends {
        let next = match end {
            End::Good => {
                attempts.success();
                return (waited, Final::Answer);
            }
            End::Unwanted => attempts.unwanted_result(0.5),
            End::Retried => attempts.error(&["io", "any"], 0.5),
            End::Ignored => attempts.error(&["mistake", "any"], 0.5),
        };
        match next {
            Next::After(wait) => waited.push(u64::try_from(wait.as_millis()).unwrap()),
            Next::Stop => return (waited, Final::LastOne),
            Next::Exceeded(_) => return (waited, Final::Exceeded(attempts.ended())),
        }
    }
    panic!("the retry wanted more than {} attempts", ends.len());
}

proptest! {
    #![proptest_config(super::cases(300))]

    #[test]
    fn the_retry_does_what_the_model_does(
        max_attempts in 1_u32..6,
        wait in 1_u64..200,
        growth in prop::option::of(10_u8..30),
        longest in prop::option::of(1_u64..1_000),
        fail_after_max_attempts: bool,
        calls in vec(vec(end(), 6), 1..6),
    ) {
        let config = RetryConfig {
            max_attempts,
            wait_duration: Duration::from_millis(wait),
            enable_exponential_backoff: growth.is_some(),
            exponential_backoff_multiplier: f64::from(growth.unwrap_or(15)) / 10.0,
            exponential_max_wait_duration: longest.map(Duration::from_millis),
            ignore_exceptions: vec!["mistake".to_owned()],
            fail_after_max_attempts,
            ..RetryConfig::default()
        };
        let retry = Retry::new("r", config.clone()).unwrap();
        let mut metrics = retry.metrics();
        for ends in calls {
            prop_assert_eq!(by_retry(&retry, &ends), by_model(&config, &ends, &mut metrics));
            prop_assert_eq!(retry.metrics(), metrics);
        }
    }
}
