//! Tests with two lengths: short in every run, full with `cargo xtask test long` (which sets `WELLSPRING_LONG=true`).
//!
//! The assertions are the same; only the time under load or the number of cases differs. Their names begin with `long_`.

use std::time::Duration;

/// True when the full length is asked for.
pub fn wanted() -> bool {
    std::env::var_os("WELLSPRING_LONG").is_some_and(|value| value == "true")
}

/// How long to keep a load up.
pub fn time(short: Duration, full: Duration) -> Duration {
    if wanted() { full } else { short }
}

/// How many cases to run.
pub fn cases(short: usize, full: usize) -> usize {
    if wanted() { full } else { short }
}

/// The seed of a randomised test: that of the environment's `SEED`, to replay, else a new one. It is printed either way.
pub fn seed() -> u64 {
    let given = std::env::var_os("SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    seed
}
