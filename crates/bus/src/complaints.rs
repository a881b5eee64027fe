//! Complaints about messages, each told once: a producer that sends nonsense all day must not fill the log.
//!
//! The same complaint about the same sender is told again after some minutes, with the number of those in between. How many
//! different ones are remembered is bounded; beyond that they are one.

use std::time::Duration;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::time::Instant;

const AGAIN_AFTER: Duration = Duration::from_mins(10);
const KINDS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Complaints(Mutex<IndexMap<(String, String), Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    since: u64,
}

impl Complaints {
    /// `Some` when this is to be told now, with the number of those that were not told since the last time.
    pub(crate) fn tell(&self, sender: &str, reason: &str) -> Option<u64> {
        let now = Instant::now();
        let mut told = self.0.lock();
        let mut key = (sender.to_owned(), reason.to_owned());
        if told.len() >= KINDS && !told.contains_key(&key) {
            told.retain(|_, told| told.at + AGAIN_AFTER > now);
            if told.len() >= KINDS {
                key = (String::new(), "many kinds".to_owned());
            }
        }
        match told.get_mut(&key) {
            Some(told) if told.at + AGAIN_AFTER > now => {
                told.since += 1;
                None
            }
            Some(told) => {
                told.at = now;
                Some(std::mem::take(&mut told.since))
            }
            None => {
                told.insert(key, Told { at: now, since: 0 });
                Some(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_a_while() {
        let complaints = Complaints::default();
        assert_eq!(complaints.tell("a:1:x", "not JSON"), Some(0));
        for _ in 0..5 {
            assert_eq!(complaints.tell("a:1:x", "not JSON"), None);
        }
        assert_eq!(complaints.tell("b:1:x", "not JSON"), Some(0));
        tokio::time::advance(AGAIN_AFTER).await;
        assert_eq!(complaints.tell("a:1:x", "not JSON"), Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_names_do_not_make_a_thousand_lines() {
        let complaints = Complaints::default();
        let told = (0..10_000).filter(|n| complaints.tell(&format!("{n}"), "not JSON").is_some()).count();
        assert_eq!(told, KINDS + 1);
        assert_eq!(complaints.0.lock().len(), KINDS + 1);
    }
}
