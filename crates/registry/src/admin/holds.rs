//! Instances that an operator took out of service: by whom, why, and until when. Kept in the state directory where there is
//! one, so that a restart forgets no end.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use wellspring_daemon::admin::registry::Hold;
use wellspring_wire::Millis;

/// Application in upper case, and instance.
pub(super) type Key = (String, String);

#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) hold: Hold,
    /// The status before.
    pub(super) own: String,
}

/// As it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    application: String,
    instance: String,
    by: String,
    reason: Option<String>,
    until: Option<Millis>,
    own_status: String,
}

#[derive(Debug, Default)]
pub(super) struct Holds {
    held: Mutex<BTreeMap<Key, Held>>,
    /// Rung when another one may be the first to end.
    changed: Notify,
    file: Option<PathBuf>,
}

impl Holds {
    /// What was kept in `directory`; a file that cannot be understood is left alone and said.
    pub(super) fn open(directory: Option<PathBuf>) -> Self {
        let file = directory.map(|directory| directory.join("holds.json"));
        let mut held = BTreeMap::new();
        if let Some(path) = &file {
            match std::fs::read(path).map(|bytes| serde_json::from_slice::<Vec<Line>>(&bytes)) {
                Ok(Ok(lines)) => held.extend(lines.into_iter().map(Line::read)),
                Ok(Err(error)) => {
                    tracing::warn!(path = %path.display(), %error, "who took instances out of service cannot be read");
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "who took instances out of service cannot be read");
                }
            }
        }
        Self { held: Mutex::new(held), changed: Notify::new(), file }
    }

    pub(super) fn put(&self, key: Key, held: Held) {
        let mut all = self.held.lock();
        all.insert(key, held);
        self.keep(&all);
        self.changed.notify_one();
    }

    pub(super) fn take(&self, key: &Key) -> Option<Held> {
        let mut all = self.held.lock();
        let taken = all.remove(key)?;
        self.keep(&all);
        Some(taken)
    }

    pub(super) fn of(&self, key: &Key) -> Option<Held> {
        self.held.lock().get(key).cloned()
    }

    /// All, for a list.
    pub(super) fn all(&self) -> BTreeMap<Key, Held> {
        self.held.lock().clone()
    }

    /// The next one whose time is over; waits for it.
    pub(super) async fn ended(&self) -> (Key, Held) {
        loop {
            let first = {
                let all = self.held.lock();
                let ends = all.iter().filter_map(|(key, held)| Some((held.hold.until?, key.clone())));
                ends.min()
            };
            match first {
                Some((until, key)) if until <= Millis::now() => {
                    if let Some(held) = self.take(&key) {
                        return (key, held);
                    }
                }
                Some((until, _)) => {
                    // The wall clock may be set: look again now and then.
                    let wait = until.since(Millis::now()).min(Duration::from_secs(30));
                    tokio::select! {
                        () = tokio::time::sleep(wait.max(Duration::from_millis(1))) => {}
                        () = self.changed.notified() => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// A few lines, seldom: written at once and whole.
    fn keep(&self, all: &BTreeMap<Key, Held>) {
        let Some(path) = &self.file else { return };
        let lines: Vec<Line> = all.iter().map(Line::of).collect();
        let new = path.with_extension("json.new");
        let written = serde_json::to_vec_pretty(&lines)
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&new, bytes))
            .and_then(|()| std::fs::rename(&new, path));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "a restart would forget who took instances out of service");
        }
    }
}

impl Line {
    fn of((key, held): (&Key, &Held)) -> Self {
        let ((application, instance), Held { hold, own }) = (key.clone(), held.clone());
        let Hold { by, reason, until } = hold;
        Self { application, instance, by, reason, until, own_status: own }
    }

    fn read(self) -> (Key, Held) {
        let Self { application, instance, by, reason, until, own_status } = self;
        ((application, instance), Held { hold: Hold { by, reason, until }, own: own_status })
    }
}
