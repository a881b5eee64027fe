//! Who is signed in. Kept in memory, by the digest of the cookie: after a restart one signs in again.

use std::collections::HashMap;
use std::time::Duration;

use wellspring_wire::Millis;

/// How long one stays signed in.
pub(crate) const LIFE: Duration = Duration::from_hours(12);
/// The oldest goes when there are more.
const MOST: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Digest of the cookie: whose it is, and since when.
    open: HashMap<String, (Whose, Millis)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    User(String),
    Token(String),
    /// The bearer's of `wellspring.admin.token`.
    Settings,
}

impl Sessions {
    pub(super) fn begin(&mut self, digest: String, whose: Whose, now: Millis) {
        self.open.retain(|_, (_, since)| now.since(*since) < LIFE);
        if self.open.len() >= MOST
            && let Some(oldest) =
                self.open.iter().min_by_key(|(_, (_, since))| *since).map(|(digest, _)| digest.clone())
        {
            self.open.remove(&oldest);
        }
        self.open.insert(digest, (whose, now));
    }

    pub(super) fn whose(&self, digest: &str, now: Millis) -> Option<&Whose> {
        let (whose, since) = self.open.get(digest)?;
        (now.since(*since) < LIFE).then_some(whose)
    }

    pub(super) fn end(&mut self, digest: &str) {
        self.open.remove(digest);
    }

    pub(super) fn end_all_of(&mut self, somebody: &Whose) {
        self.open.retain(|_, (whose, _)| whose != somebody);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_by_time_by_name_and_by_number() {
        let mut sessions = Sessions::default();
        let (ana, ben) = (Whose::User("ana".to_owned()), Whose::Token("ben".to_owned()));
        sessions.begin("a".to_owned(), ana.clone(), Millis(0));
        assert_eq!(sessions.whose("a", Millis(1)), Some(&ana));
        assert_eq!(sessions.whose("a", Millis(0) + LIFE), None);
        sessions.begin("b".to_owned(), ana.clone(), Millis(1));
        sessions.end_all_of(&ana);
        assert_eq!(sessions.whose("b", Millis(1)), None);
        for number in 0..=MOST {
            let at = Millis(i64::try_from(number).unwrap());
            sessions.begin(number.to_string(), ben.clone(), at);
        }
        assert_eq!(sessions.whose("0", Millis(1)), None, "the oldest made room");
        assert_eq!(sessions.whose("1", Millis(1)), Some(&ben));
        sessions.end("1");
        assert_eq!(sessions.whose("1", Millis(1)), None);
    }
}
