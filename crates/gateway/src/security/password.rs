//! Passwords as Spring's delegating encoder writes them: `{bcrypt}$2a$..`, `{noop}plain`; a bare `$2y$..` of `htpasswd` too.
//!
//! bcrypt is slow on purpose. A password that was right is remembered, keyed and hashed, for a minute, so that only the
//! first of many requests pays.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::time::Instant;

const REMEMBERED: Duration = Duration::from_secs(60);
const MOST: usize = 10_000;

/// How a password is kept.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Encoded {
    Plain(String),
    Bcrypt(String),
}

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("******")
    }
}

impl Encoded {
    /// The error says which encodings there are, and shows nothing of the password.
    pub(super) fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(plain) = text.strip_prefix("{noop}") {
            return Ok(Self::Plain(plain.to_owned()));
        }
        let hash = text.strip_prefix("{bcrypt}").unwrap_or(text);
        let is_hash = ["$2a$", "$2b$", "$2y$"].iter().any(|kind| hash.starts_with(kind)) && hash.len() == 60;
        if is_hash { Ok(Self::Bcrypt(hash.to_owned())) } else { Err("must be {bcrypt}$2a$... or {noop}...") }
    }
}

/// Compares passwords off the worker threads.
#[derive(Debug, Clone)]
pub(super) struct Checker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: hmac::Key,
    right: Mutex<HashMap<[u8; 32], Instant>>,
    /// So many comparisons at once; the rest wait, and the worker threads stay free.
    slots: tokio::sync::Semaphore,
}

impl Checker {
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "no random numbers".to_owned())?;
        let slots = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(Inner { key, right: Mutex::default(), slots: tokio::sync::Semaphore::new(slots) })))
    }

    pub(super) async fn is_right(&self, given: &str, encoded: &Encoded) -> bool {
        match encoded {
            Encoded::Plain(plain) => self.mark(given, "") == self.mark(plain, ""),
            Encoded::Bcrypt(hash) => {
                let mark = self.mark(given, hash);
                if self.0.right.lock().get(&mark).is_some_and(|since| since.elapsed() < REMEMBERED) {
                    return true;
                }
                let Ok(_slot) = self.0.slots.acquire().await else { return false };
                let (given, hash) = (given.to_owned(), hash.clone());
                let compared =
                    tokio::task::spawn_blocking(move || bcrypt::verify(&given, &hash).unwrap_or(false)).await;
                let right = compared.unwrap_or(false);
                if right {
                    let mut remembered = self.0.right.lock();
                    if remembered.len() >= MOST {
                        remembered.clear();
                    }
                    remembered.insert(mark, Instant::now());
                }
                right
            }
        }
    }

    fn mark(&self, given: &str, hash: &str) -> [u8; 32] {
        let tag = hmac::sign(&self.0.key, format!("{hash}\n{given}").as_bytes());
        let mut mark = [0; 32];
        mark.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right_the_second_time_too() {
        let checker = Checker::new().unwrap();
        let hash = bcrypt::hash("secret", 4).unwrap();
        for text in [format!("{{bcrypt}}{hash}"), hash.clone(), "{noop}secret".to_owned()] {
            let encoded = Encoded::read(&text).unwrap();
            for _ in 0..2 {
                assert!(checker.is_right("secret", &encoded).await, "{text}");
                assert!(!checker.is_right("Secret", &encoded).await, "{text}");
                assert!(!checker.is_right("", &encoded).await, "{text}");
            }
            assert!(!format!("{encoded:?}").contains("secret"));
        }
        for text in ["secret", "{MD5}x", "{bcrypt}short", ""] {
            assert!(Encoded::read(text).is_err(), "{text}");
        }
    }
}
