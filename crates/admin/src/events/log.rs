//! The log: append, bounds by count, size and age, reading by pages, resuming a stream.
//!
//! In memory it is a queue; a file, when named, has one JSON object per line and is rewritten when it has grown to twice the
//! bound. A line cut short by a crash is dropped when the file is read again.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::broadcast;
use tracing::warn;
use wellspring_wire::Millis;

use super::{Event, New, Topic};
use crate::access::Actor;

/// Streams that fall further behind than this read from the log again.
const LIVE: usize = 1024;

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub events: usize,
    /// Of JSON.
    pub bytes: usize,
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events: 10_000, bytes: 8 << 20, age: Duration::from_secs(30 * 24 * 3600) }
    }
}

/// Which events are wanted.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only events with smaller ids, newest first.
    pub before: Option<u64>,
    /// Empty: all topics.
    pub topics: Vec<Topic>,
    /// In subject, text, kind, daemon or actor; any case.
    pub text: Option<String>,
    /// Exactly this subject.
    pub subject: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// What it is about.
    pub application: Option<String>,
    pub from: Option<Millis>,
    pub to: Option<Millis>,
    /// Only what this one may see.
    pub reach: Option<Actor>,
}

/// A stream taken up again.
#[derive(Debug)]
pub struct Resumed {
    /// What was missed, oldest first.
    pub missed: Vec<Arc<Event>>,
    /// Some of it is gone: the reader has to look at the whole again.
    pub gap: bool,
    /// The newest id: what comes live is behind it.
    pub last: u64,
    pub live: broadcast::Receiver<Arc<Event>>,
}

/// The log of a process.
#[derive(Debug)]
pub struct Log {
    state: Mutex<State>,
    live: broadcast::Sender<Arc<Event>>,
    limits: Limits,
}

#[derive(Debug)]
struct State {
    events: VecDeque<(Arc<Event>, usize)>,
    next: u64,
    bytes: usize,
    file: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: File,
    written: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self::in_memory(Limits::default())
    }
}

impl Log {
    pub fn in_memory(limits: Limits) -> Self {
        let state = State { events: VecDeque::new(), next: 1, bytes: 0, file: None };
        Self { state: Mutex::new(state), live: broadcast::channel(LIVE).0, limits }
    }

    /// Continues the sequence of a file, which is made when it is not there.
    pub fn in_file(path: &Path, limits: Limits) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let log = Self::in_memory(limits);
        {
            let mut state = log.state.lock();
            let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
            // A disk may have left anything in the middle: what is no event, or no text, is passed over.
            for line in BufReader::new(&file).split(b'\n') {
                let line = line?;
                let Ok(event) = serde_json::from_slice::<Event>(&line) else { continue };
                state.next = state.next.max(event.id.saturating_add(1));
                state.push(event, line.len());
            }
            state.trim(&limits, Millis::now());
            state.file = Some(Kept { path: path.to_owned(), file, written: usize::MAX });
            // Without what was cut short or has become too old.
            state.rewrite()?;
        }
        Ok(log)
    }

    /// Appends; returns the id.
    pub fn record(&self, new: New) -> u64 {
        let now = Millis::now();
        let event = {
            let mut state = self.state.lock();
            let event = new.at(state.next, now);
            let line = serde_json::to_string(&event).unwrap_or_default();
            state.next = state.next.saturating_add(1);
            state.push(event, line.len());
            if let Err(error) = state.keep(&line, self.limits.bytes) {
                warn!(%error, "event was not written to its file");
            }
            state.trim(&self.limits, now);
            state.events.back().map(|(event, _)| Arc::clone(event))
        };
        let Some(event) = event else { return 0 };
        let id = event.id;
        // Nobody listening is fine.
        drop(self.live.send(event));
        id
    }

    /// At most `limit` events, newest first; the second value is the `before` of the next page.
    pub fn page(&self, query: &Query, limit: usize) -> (Vec<Arc<Event>>, Option<u64>) {
        let state = self.state.lock();
        let before = query.before.unwrap_or(u64::MAX);
        let mut fitting = state
            .events
            .iter()
            .rev()
            .map(|(event, _)| event)
            .filter(|event| event.id < before && query.admits(event));
        let page: Vec<_> = fitting.by_ref().take(limit).cloned().collect();
        let more = fitting.next().is_some();
        let next = page.last().map(|event| event.id).filter(|_| more);
        (page, next)
    }

    pub fn find(&self, id: u64) -> Option<Arc<Event>> {
        self.state.lock().events.iter().find(|(event, _)| event.id == id).map(|(event, _)| Arc::clone(event))
    }

    /// From behind `last`, or from now on.
    pub fn resume(&self, last: Option<u64>) -> Resumed {
        // Subscribed under the lock: nothing falls between what was missed and what comes.
        let state = self.state.lock();
        let live = self.live.subscribe();
        let newest = state.next.saturating_sub(1);
        let Some(last) = last else {
            return Resumed { missed: Vec::new(), gap: false, last: newest, live };
        };
        let oldest = state.events.front().map_or(state.next, |(event, _)| event.id);
        let gap = last.saturating_add(1) < oldest || last >= state.next;
        let missed = if gap {
            Vec::new()
        } else {
            let behind = state.events.iter().map(|(event, _)| event).filter(|event| event.id > last);
            behind.cloned().collect()
        };
        Resumed { missed, gap, last: newest, live }
    }
}

impl Query {
    pub fn admits(&self, event: &Event) -> bool {
        let topic = self.topics.is_empty() || self.topics.contains(&event.topic);
        let is = |wanted: &Option<String>, found: &Option<String>| {
            let wanted = wanted.as_deref();
            wanted
                .is_none_or(|wanted| found.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        let reached = |actor: &Actor| event.application.as_deref().is_none_or(|name| actor.reaches(name));
        topic
            && self.subject.as_deref().is_none_or(|subject| subject.eq_ignore_ascii_case(&event.subject))
            && is(&self.actor, &event.actor)
            && is(&self.application, &event.application)
            && self.from.is_none_or(|from| event.at >= from)
            && self.to.is_none_or(|to| event.at <= to)
            && self.reach.as_ref().is_none_or(reached)
            && self.text.as_deref().is_none_or(|text| {
                let text = text.to_lowercase();
                let actor = event.actor.as_deref().unwrap_or_default();
                [&*event.subject, &*event.text, &*event.kind, &*event.daemon, actor]
                    .iter()
                    .any(|field| field.to_lowercase().contains(&text))
            })
    }
}

impl State {
    fn push(&mut self, event: Event, size: usize) {
        self.bytes += size;
        self.events.push_back((Arc::new(event), size));
    }

    fn trim(&mut self, limits: &Limits, now: Millis) {
        let age = i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX);
        while let Some((event, size)) = self.events.front() {
            let old = now.0.saturating_sub(event.at.0) > age;
            let much = self.events.len() > limits.events || self.bytes > limits.bytes;
            if !(old || much) || self.events.len() == 1 {
                break;
            }
            self.bytes = self.bytes.saturating_sub(*size);
            self.events.pop_front();
        }
    }

    fn keep(&mut self, line: &str, bound: usize) -> io::Result<()> {
        let Some(kept) = &mut self.file else { return Ok(()) };
        kept.file.write_all(format!("{line}\n").as_bytes())?;
        kept.written += line.len() + 1;
        if kept.written > bound.saturating_mul(2) { self.rewrite() } else { Ok(()) }
    }

    /// Writes what is kept to a new file and puts it in place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let Some(kept) = &mut self.file else { return Ok(()) };
        let new = kept.path.with_extension("new");
        let mut text = String::new();
        for (event, _) in &self.events {
            text.push_str(&serde_json::to_string(&**event).unwrap_or_default());
            text.push('\n');
        }
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, &kept.path)?;
        kept.file = OpenOptions::new().append(true).open(&kept.path)?;
        kept.written = text.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(log: &Log, subject: &str) -> u64 {
        log.record(New::of(Topic::Registry, "registered", "registry", subject))
    }

    fn ids(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.id).collect()
    }

    #[test]
    fn pages_go_from_new_to_old_and_filter() {
        let log = Log::default();
        for subject in ["a", "b", "A", "c"] {
            note(&log, subject);
        }
        log.record(New::of(Topic::Bus, "sent", "bus", "a"));
        let (page, next) = log.page(&Query::default(), 2);
        assert_eq!((ids(&page), next), (vec![5, 4], Some(4)));
        let (page, next) = log.page(&Query { before: next, ..Query::default() }, 3);
        assert_eq!((ids(&page), next), (vec![3, 2, 1], None));
        let wanted = Query { topics: vec![Topic::Registry], text: Some("a".to_owned()), ..Query::default() };
        let filtered = log.page(&wanted, 10).0;
        let subjects: Vec<_> = filtered.iter().map(|event| event.subject.as_str()).collect();
        assert!(subjects.contains(&"a") && subjects.contains(&"A"), "{subjects:?}");
        assert!(filtered.iter().all(|event| event.topic == Topic::Registry));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let log = Log::in_memory(Limits { events: 3, ..Limits::default() });
        for number in 0..10 {
            note(&log, &number.to_string());
        }
        assert_eq!(ids(&log.page(&Query::default(), 100).0), [10, 9, 8]);
        assert!(log.find(7).is_none());
    }

    #[tokio::test]
    async fn a_stream_resumes_without_loss_and_says_when_it_cannot() {
        let log = Log::in_memory(Limits { events: 3, ..Limits::default() });
        for number in 0..5 {
            note(&log, &number.to_string());
        }
        let mut resumed = log.resume(Some(3));
        assert_eq!((ids(&resumed.missed), resumed.gap), (vec![4, 5], false));
        note(&log, "new");
        assert_eq!(resumed.live.recv().await.unwrap().id, 6);
        assert!(log.resume(Some(1)).gap, "events 2 and 3 are gone");
        assert!(log.resume(Some(100)).gap, "the ids of another life");
        assert!(!log.resume(None).gap);
    }

    #[test]
    fn a_file_continues_the_sequence_and_survives_a_cut_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/events.jsonl");
        let log = Log::in_file(&path, Limits::default()).unwrap();
        note(&log, "a");
        note(&log, "b");
        drop(log);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"id\":\xff\xfe\n{\"id\":3,\"at\":")
            .unwrap();
        let log = Log::in_file(&path, Limits::default()).unwrap();
        assert_eq!(note(&log, "c"), 3);
        drop(log);
        let log = Log::in_file(&path, Limits::default()).unwrap();
        assert_eq!(ids(&log.page(&Query::default(), 10).0), [3, 2, 1]);
    }

    #[test]
    fn a_file_does_not_outgrow_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let log = Log::in_file(&path, Limits { bytes: 10_000, ..Limits::default() }).unwrap();
        for _ in 0..1_000 {
            note(&log, "subject");
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= 20_200);
        let kept = log.page(&Query::default(), 10_000).0.len();
        assert!((50..100).contains(&kept), "{kept}");
    }

    #[test]
    fn long_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        note(&Log::in_file(&path, Limits::default()).unwrap(), "a");
        let example = std::fs::read(&path).unwrap();
        let words = ["\n", "{", "}", "\"id\":", "18446744073709551615", "-1", "null", "\u{0}", "\"at\":"];
        wellspring_test_support::fuzz::run("the admin's event log", &[&example], &words, |bytes, _| {
            std::fs::write(&path, bytes).unwrap();
            let log = Log::in_file(&path, Limits::default()).unwrap();
            let before = log.page(&Query::default(), 100).0;
            let id = note(&log, "b");
            assert!(before.iter().all(|event| event.id <= id));
        });
    }
}
