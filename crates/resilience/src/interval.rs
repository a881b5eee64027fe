//! How long to wait before the n-th retry, or the n-th opening of a breaker in a row.

use std::time::Duration;

/// Milliseconds to wait as a function of the attempt (the first is 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// Always the same.
    Fixed {
        /// Milliseconds.
        millis: u64,
    },
    /// Each wait is the one before times `multiplier`, in whole milliseconds, up to `max`.
    Exponential {
        /// Milliseconds of the first wait.
        initial: u64,
        /// Factor from one to the next.
        multiplier: f64,
        /// Milliseconds, the longest wait.
        max: Option<u64>,
    },
    /// Anywhere between `(1 - factor)` and `(1 + factor)` times the wait.
    Randomized {
        /// Milliseconds.
        millis: u64,
        /// 0 to 1.
        factor: f64,
    },
    /// An exponential wait, randomised, and capped after that.
    ExponentialRandomized {
        /// Milliseconds of the first wait.
        initial: u64,
        /// Factor from one to the next.
        multiplier: f64,
        /// 0 to 1.
        factor: f64,
        /// Milliseconds, the longest wait.
        max: Option<u64>,
    },
}

/// An interval, or an attempt, that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntervalError {
    /// Waits are at least one millisecond.
    #[error("the interval must be at least 1 ms")]
    TooShort,
    /// A multiplier below one would shrink the wait.
    #[error("the multiplier must be at least 1")]
    Multiplier,
    /// The randomisation factor is a share.
    #[error("the randomisation factor must be between 0 and 1")]
    Factor,
    /// Attempts are counted from one.
    #[error("attempts are counted from 1")]
    Attempt,
}

/// The original saturates at the largest signed 64-bit number of milliseconds.
const FOREVER: u64 = i64::MAX.unsigned_abs();

impl Interval {
    /// Whether the parts make sense together.
    ///
    /// # Errors
    /// The first part that does not.
    pub fn validate(&self) -> Result<(), IntervalError> {
        let (millis, multiplier, factor, max) = match *self {
            Self::Fixed { millis } => (millis, 1.0, 0.0, None),
            Self::Exponential { initial, multiplier, max } => (initial, multiplier, 0.0, max),
            Self::Randomized { millis, factor } => (millis, 1.0, factor, None),
            Self::ExponentialRandomized { initial, multiplier, factor, max } => {
                (initial, multiplier, factor, max)
            }
        };
        if millis < 1 || max == Some(0) {
            return Err(IntervalError::TooShort);
        }
        if !(multiplier.is_finite() && multiplier >= 1.0) {
            return Err(IntervalError::Multiplier);
        }
        if !(0.0..=1.0).contains(&factor) {
            return Err(IntervalError::Factor);
        }
        Ok(())
    }

    /// Milliseconds before retry number `attempt`; `random` in `[0, 1)` is used where the interval is randomised.
    ///
    /// # Errors
    /// When `attempt` is zero.
    pub fn millis(&self, attempt: u32, random: f64) -> Result<u64, IntervalError> {
        if attempt < 1 {
            return Err(IntervalError::Attempt);
        }
        let capped = |millis: u64, max: Option<u64>| max.map_or(millis, |max| millis.min(max));
        Ok(match *self {
            Self::Fixed { millis } => millis,
            Self::Exponential { initial, multiplier, max } => capped(grow(initial, multiplier, attempt), max),
            Self::Randomized { millis, factor } => randomize(millis, factor, random),
            Self::ExponentialRandomized { initial, multiplier, factor, max } => {
                capped(randomize(grow(initial, multiplier, attempt), factor, random), max)
            }
        })
    }

    /// The wait as a duration; attempt zero is taken as the first.
    #[must_use]
    pub fn wait(&self, attempt: u32, random: f64) -> Duration {
        Duration::from_millis(self.millis(attempt.max(1), random).unwrap_or_default())
    }
}

/// Each step is cut to whole milliseconds before the next: 3 ms with 1.2 stays 3 for ever.
fn grow(initial: u64, multiplier: f64, attempt: u32) -> u64 {
    let mut millis = initial;
    for _ in 1..attempt {
        let next = to_millis(to_float(millis) * multiplier);
        if next == millis || next == FOREVER {
            return next;
        }
        millis = next;
    }
    millis
}

fn randomize(millis: u64, factor: f64, random: f64) -> u64 {
    let millis = to_float(millis);
    let delta = factor * millis;
    let (min, max) = (millis - delta, millis + delta);
    to_millis((min + random * (max - min + 1.0)).max(1.0))
}

#[expect(clippy::cast_precision_loss, reason = "the original computes in doubles")]
fn to_float(millis: u64) -> f64 {
    millis as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cut to whole milliseconds, saturating"
)]
fn to_millis(value: f64) -> u64 {
    (value as u64).min(FOREVER)
}
