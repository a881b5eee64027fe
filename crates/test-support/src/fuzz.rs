//! Fuzzing as a property test: decoders meet spoiled examples and noise, seeded and bounded, in every run for a moment and with
//! `cargo xtask test long` for ten minutes each.
//!
//! A failure prints `SEED=…` and the input; that variable replays the very case. A case that does not end ends the run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;

use crate::long;
use crate::process::cpu_time;

/// What a target takes in every run, and at full length.
const SHORT: Duration = Duration::from_millis(500);
const FULL: Duration = Duration::from_secs(600);
/// No case takes more processor time; on a busy machine that may be long.
const HANG: Duration = Duration::from_secs(60);
/// The longest input.
const LONGEST: usize = 1 << 16;

/// Runs `case` on inputs made of `examples`, good ones whole and spoiled, and of `words` that matter to the grammar.
///
/// # Panics
/// When the case does; its seed and input are printed before.
pub fn run(name: &str, examples: &[&[u8]], words: &[&str], mut case: impl FnMut(&[u8], &mut Rng)) {
    if let Some(seed) = std::env::var_os("SEED").and_then(|seed| seed.to_str()?.parse().ok()) {
        let mut rng = Rng::with_seed(seed);
        let bytes = input(&mut rng, examples, words);
        println!("{name}, SEED={seed}: {}", bytes.escape_ascii());
        return case(&bytes, &mut rng);
    }
    // What ends the process, as an overflown stack does, leaves no time to tell the seed.
    let traced = std::env::var_os("FUZZ_TRACE").is_some();
    let watch = Watch::over(name);
    let (mut seeds, began, time) = (Rng::new(), Instant::now(), long::time(SHORT, FULL));
    let mut cases = 0_u64;
    while began.elapsed() < time {
        let seed = seeds.u64(..);
        watch.begins(seed);
        if traced {
            eprintln!("{name}, SEED={seed}");
        }
        let mut rng = Rng::with_seed(seed);
        let bytes = input(&mut rng, examples, words);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| case(&bytes, &mut rng))) {
            eprintln!("{name}, SEED={seed}: {}", bytes.escape_ascii());
            resume_unwind(panic);
        }
        cases += 1;
    }
    println!("\nfuzz: {name}: {cases} cases in {:.0} s, clean", began.elapsed().as_secs_f64());
}

/// As [`run`], for what reads text.
pub fn text(name: &str, examples: &[&str], words: &[&str], mut case: impl FnMut(&str, &mut Rng)) {
    let examples: Vec<&[u8]> = examples.iter().map(|example| example.as_bytes()).collect();
    run(name, &examples, words, |bytes, rng| case(&String::from_utf8_lossy(bytes), rng));
}

/// Mostly a spoiled example; else one as it is, words in any order, noise, or very much of the same.
fn input(rng: &mut Rng, examples: &[&[u8]], words: &[&str]) -> Vec<u8> {
    let word = |rng: &mut Rng| rng.choice(words).copied().unwrap_or(" ");
    let mut bytes: Vec<u8> = match rng.u8(..100) {
        0..5 => return noise(rng, 64),
        5..20 => return (0..rng.usize(..24)).flat_map(|_| word(rng).bytes()).collect(),
        20..22 => {
            let (one, other) = (word(rng), word(rng));
            // Rarely very many: such a case may take as long as a thousand others.
            let most = 1 << rng.u8(..13);
            let many = [one, other].concat().repeat(rng.usize(..most));
            return many.into_bytes().into_iter().take(LONGEST).collect();
        }
        _ => rng.choice(examples).map(|example| example.to_vec()).unwrap_or_default(),
    };
    for _ in 0..rng.usize(..6) {
        spoil(rng, &mut bytes, examples, words);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn noise(rng: &mut Rng, most: usize) -> Vec<u8> {
    (0..rng.usize(..most)).map(|_| rng.u8(..)).collect()
}

fn spoil(rng: &mut Rng, bytes: &mut Vec<u8>, examples: &[&[u8]], words: &[&str]) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..24)).min(bytes.len());
    match rng.u8(..10) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes.get(at..end).unwrap_or_default().repeat(rng.usize(1..12));
            bytes.splice(at..at, copy);
        }
        3 => {
            // One bit, or the edges of what a byte can be: lengths and signs live there.
            let edge = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b' '][rng.usize(..8)];
            let bit = 1 << rng.u8(..8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = if rng.bool() { *byte ^ bit } else { edge };
            }
        }
        4 => drop(bytes.splice(at..at, noise(rng, 8)).collect::<Vec<_>>()),
        5 => {
            let other = rng.choice(examples).copied().unwrap_or_default();
            let from = rng.usize(..=other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(other.get(from..).unwrap_or_default());
        }
        6 => {
            let number =
                ["-1", "0", "18446744073709551616", "4294967295", "1e999", "0x10", "00", "٣"][rng.usize(..8)];
            bytes.splice(at..end, number.bytes());
        }
        _ => {
            let word = rng.choice(words).copied().unwrap_or(" ");
            bytes.splice(at..if rng.bool() { end } else { at }, word.bytes());
        }
    }
}

/// Ends the process when a case does not end: a test cannot be interrupted otherwise.
struct Watch(Arc<(AtomicU64, AtomicU64)>);

/// Count of cases that says that there are no more.
const OVER: u64 = u64::MAX;

impl Watch {
    fn over(name: &str) -> Self {
        let (shared, name) = (Arc::new((AtomicU64::new(0), AtomicU64::new(0))), name.to_owned());
        let watched = Arc::clone(&shared);
        std::thread::spawn(move || {
            let used = || cpu_time(std::process::id());
            let mut last = (OVER - 1, used());
            loop {
                std::thread::sleep(Duration::from_millis(100));
                match watched.0.load(Relaxed) {
                    OVER => return,
                    count if count != last.0 => last = (count, used()),
                    _ if used().saturating_sub(last.1) > HANG => {
                        eprintln!("{name}: a case does not end: SEED={}", watched.1.load(Relaxed));
                        std::process::abort();
                    }
                    _ => {}
                }
            }
        });
        Self(shared)
    }

    fn begins(&self, seed: u64) {
        self.0.1.store(seed, Relaxed);
        self.0.0.fetch_add(1, Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.0.store(OVER, Relaxed);
    }
}
