//! Attempts at a config server with `fail-fast`: six by default, one to two seconds apart.

use std::time::Duration;

use super::settings::RetrySettings;

/// The waits between attempts.
pub(super) fn waits(settings: &RetrySettings) -> impl Iterator<Item = Duration> + use<> {
    let RetrySettings { initial_interval, multiplier, max_interval, use_random_policy, .. } = *settings;
    let factor = if multiplier.is_finite() { multiplier.max(1.0) } else { 1.0 };
    let mut next = initial_interval;
    (1..settings.max_attempts.max(1)).map(move |_| {
        let wait = next.min(max_interval);
        next = Duration::try_from_secs_f64(wait.as_secs_f64() * factor).unwrap_or(max_interval);
        if use_random_policy { wait.mul_f64(1.0 + fastrand::f64() * (factor - 1.0)) } else { wait }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_attempts_have_five_waits_that_grow_to_the_limit() {
        let millis =
            |settings: &RetrySettings| waits(settings).map(|wait| wait.as_millis()).collect::<Vec<_>>();
        assert_eq!(millis(&RetrySettings::default()), [1000, 1100, 1210, 1331, 1464]);
        let fast = RetrySettings { multiplier: 3.0, ..RetrySettings::default() };
        assert_eq!(millis(&fast), [1000, 2000, 2000, 2000, 2000]);
        assert_eq!(millis(&RetrySettings { max_attempts: 0, ..RetrySettings::default() }), [0u128; 0]);
    }
}
