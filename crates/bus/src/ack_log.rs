//! Who applied what: every event with those it was meant for and those who acknowledged it.
//!
//! An ack comes after the receiver has applied the event, so its absence says something: `silent` is one that speaks on the
//! bus and did not answer this time, `not_acknowledging` one that the registry knows and the bus has never heard.
//! No I/O here: every change is a `Record`, which `journal` keeps and `apply` takes back after a restart.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use wellspring_wire::Millis;
use wellspring_wire::bus::{Destination, Event, Payload};

use crate::destination;

/// A bus id that was not heard for this long is taken for gone.
const FORGOTTEN_AFTER: std::time::Duration = std::time::Duration::from_hours(24);
const MEMBERS: usize = 4096;

/// The log. The oldest event goes when a new one exceeds the capacity.
#[derive(Debug)]
pub struct AckLog {
    capacity: usize,
    entries: IndexMap<String, Entry>,
    /// Ids of events sent again → the first one.
    resent: IndexMap<String, String>,
    /// Bus ids that have acknowledged anything, and when last.
    heard: IndexMap<String, Millis>,
}

/// One event and its answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Event id.
    pub id: String,
    /// `type` on the wire.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Bus id of the sender.
    pub origin: String,
    /// `destinationService`; absent for `null`.
    pub destination: Option<String>,
    /// When it was sent, or first seen when it is not ours.
    pub sent: Millis,
    /// Whether this process sent it.
    pub ours: bool,
    /// Those it was meant for, as known when it was sent.
    pub expected: Vec<Member>,
    /// Bus id → when its ack arrived, in order of arrival.
    pub acknowledged: IndexMap<String, Millis>,
    /// Events sent again for the silent.
    pub resends: Vec<Resend>,
}

/// Someone an event is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Bus id when heard, else `application:port` from the registry.
    pub name: String,
    /// Whether it has ever acknowledged anything.
    pub heard: bool,
}

/// An event that was sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resend {
    /// Id of the new event.
    pub id: String,
    /// To whom.
    pub to: String,
    /// When.
    pub at: Millis,
}

/// A change of the log, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase")]
pub enum Record {
    /// An event was sent or seen.
    Sent(Entry),
    /// Someone acknowledged it.
    Acknowledged {
        /// Event.
        id: String,
        /// Bus id.
        by: String,
        /// When the ack arrived.
        at: Millis,
    },
    /// It was sent again.
    Resent {
        /// The first event.
        of: String,
        /// The new one.
        resend: Resend,
    },
    /// It could not be sent after all.
    Withdrawn {
        /// Event.
        id: String,
    },
}

/// The answers to one event, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answers {
    /// Who, and how many milliseconds after the event.
    pub acknowledged: IndexMap<String, i64>,
    /// Has answered other events, not this one.
    pub silent: Vec<String>,
    /// In the registry, never heard on the bus.
    pub not_acknowledging: Vec<String>,
}

// === impl AckLog ===

impl AckLog {
    /// An empty log for this many events.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            entries: IndexMap::new(),
            resent: IndexMap::new(),
            heard: IndexMap::new(),
        }
    }

    /// Notes an event. `instances` are `application:port` from the registry; who else is meant is known from earlier acks.
    ///
    /// `None` when the event is known or an ack.
    pub fn sent(&mut self, now: Millis, event: &Event, ours: bool, instances: &[String]) -> Option<Record> {
        if matches!(event.payload, Payload::Ack(_)) || self.knows(&event.id) {
            return None;
        }
        let entry = Entry {
            id: event.id.clone(),
            type_name: event.type_name().to_owned(),
            origin: event.origin.clone().unwrap_or_default(),
            destination: event.destination.pattern().map(str::to_owned),
            sent: now,
            ours,
            expected: self.expected(now, &event.destination, instances),
            acknowledged: IndexMap::new(),
            resends: Vec::new(),
        };
        let record = Record::Sent(entry);
        self.apply(record.clone());
        Some(record)
    }

    /// Notes an ack. `None` when the event is unknown or the ack came before.
    pub fn acknowledged(&mut self, now: Millis, ack_id: &str, by: &str) -> Option<Record> {
        self.hear(now, by);
        let id = self.resent.get(ack_id).map_or(ack_id, String::as_str);
        if self.entries.get(id)?.acknowledged.contains_key(by) {
            return None;
        }
        let record = Record::Acknowledged { id: id.to_owned(), by: by.to_owned(), at: now };
        self.apply(record.clone());
        Some(record)
    }

    /// Notes that `event` repeats the event `of` for one addressee.
    pub fn resent(&mut self, now: Millis, of: &str, event: &Event) -> Option<Record> {
        self.entries.get(of)?;
        let to = event.destination.pattern().unwrap_or_default().to_owned();
        let resend = Resend { id: event.id.clone(), to, at: now };
        let record = Record::Resent { of: of.to_owned(), resend };
        self.apply(record.clone());
        Some(record)
    }

    /// Strikes an event that could not be sent.
    pub fn withdrawn(&mut self, id: &str) -> Option<Record> {
        self.entries.get(id)?;
        let record = Record::Withdrawn { id: id.to_owned() };
        self.apply(record.clone());
        Some(record)
    }

    /// Takes a change back from disk. One that is known already changes nothing.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Sent(entry) if self.entries.contains_key(&entry.id) => {}
            Record::Sent(entry) => {
                for (by, at) in &entry.acknowledged {
                    self.hear(*at, by);
                }
                for resend in &entry.resends {
                    self.resent.insert(resend.id.clone(), entry.id.clone());
                }
                self.entries.insert(entry.id.clone(), entry);
                while self.entries.len() > self.capacity {
                    let Some((_, old)) = self.entries.shift_remove_index(0) else { break };
                    for resend in old.resends {
                        self.resent.swap_remove(&resend.id);
                    }
                }
            }
            Record::Acknowledged { id, by, at } => {
                self.hear(at, &by);
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.acknowledged.entry(by).or_insert(at);
                }
            }
            Record::Resent { of, resend } => {
                if let Some(entry) = self.entries.get_mut(&of)
                    && !entry.resends.contains(&resend)
                {
                    self.resent.insert(resend.id.clone(), of);
                    entry.resends.push(resend);
                }
            }
            Record::Withdrawn { id } => {
                self.entries.shift_remove(&id);
            }
        }
    }

    /// Whether an ack with this `ackId` would be of interest.
    pub fn knows(&self, id: &str) -> bool {
        self.entries.contains_key(id) || self.resent.contains_key(id)
    }

    /// The events, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().rev()
    }

    /// One event.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Everything, as records that make the same log again.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.entries.values().cloned().map(Record::Sent)
    }

    /// Bus ids heard in the last 24 hours, and when last.
    pub fn members(&self, now: Millis) -> impl Iterator<Item = (&str, Millis)> {
        self.heard
            .iter()
            .filter(move |(_, at)| now.since(**at) < FORGOTTEN_AFTER)
            .map(|(id, at)| (id.as_str(), *at))
    }

    fn hear(&mut self, now: Millis, by: &str) {
        if let Some(at) = self.heard.get_mut(by) {
            *at = now.max(*at);
            return;
        }
        // The same place with another random part has been restarted: its earlier self will not answer any more.
        if let Some(place) = place(by) {
            self.heard.retain(|id, _| self::place(id) != Some(place));
        }
        self.heard.insert(by.to_owned(), now);
        if self.heard.len() > MEMBERS {
            self.heard.shift_remove_index(0);
        }
    }

    fn expected(&self, now: Millis, to: &Destination, instances: &[String]) -> Vec<Member> {
        let meant = |id: &str| match to {
            Destination::Missing => false,
            Destination::Null => true,
            Destination::Pattern(pattern) => pattern.trim().is_empty() || destination::matches(pattern, id),
        };
        let heard = self.members(now).map(|(id, _)| id).filter(|id| meant(id));
        let mut members: Vec<Member> = heard.map(|id| Member { name: id.to_owned(), heard: true }).collect();
        for instance in instances {
            // The registry does not know the random part: anything stands for it.
            let known = self.members(now).any(|(id, _)| is_at(id, instance));
            if !known && meant(&format!("{instance}:0")) {
                members.push(Member { name: instance.clone(), heard: false });
            }
        }
        members
    }
}

// === impl Entry ===

impl Entry {
    /// Who answered and who did not.
    pub fn answers(&self) -> Answers {
        let acknowledged =
            self.acknowledged.iter().map(|(by, at)| (by.clone(), at.0 - self.sent.0)).collect();
        let missing = |heard: bool| {
            let members = self.expected.iter().filter(move |member| member.heard == heard);
            members.map(|member| &member.name).filter(|name| !self.answered(name)).cloned().collect()
        };
        Answers { acknowledged, silent: missing(true), not_acknowledging: missing(false) }
    }

    /// Whether everyone who is expected has answered.
    pub fn is_complete(&self) -> bool {
        self.expected.iter().all(|member| self.answered(&member.name))
    }

    fn answered(&self, name: &str) -> bool {
        self.acknowledged.contains_key(name) || self.acknowledged.keys().any(|id| is_at(id, name))
    }
}

/// `app[:profiles]:index` of a bus id.
fn place(id: &str) -> Option<&str> {
    id.rsplit_once(':').map(|(place, _)| place).filter(|place| place.contains(':'))
}

/// Whether the bus id is of the instance `application:port`. The registry writes names in capitals.
fn is_at(id: &str, instance: &str) -> bool {
    let Some(place) = place(id) else { return false };
    let app = place.split(':').next().unwrap_or_default();
    let index = place.rsplit(':').next().unwrap_or_default();
    instance.split_once(':').is_some_and(|(name, port)| name.eq_ignore_ascii_case(app) && port == index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "orders:8081:aaaa";
    const B: &str = "orders:dev,eu:8082:bbbb";

    fn refresh(to: &str) -> Event {
        Event::new("config-server:8888:cccc", to, Payload::Refresh)
    }

    /// A log that has heard A and B.
    fn log() -> AckLog {
        let mut log = AckLog::new(3);
        let event = refresh("**");
        log.sent(Millis(0), &event, true, &[]);
        log.acknowledged(Millis(1), &event.id, A);
        log.acknowledged(Millis(2), &event.id, B);
        log
    }

    fn answers(log: &AckLog, event: &Event) -> Answers {
        log.entry(&event.id).unwrap().answers()
    }

    #[test]
    fn answers_tell_who_and_after_how_long() {
        let (mut log, event) = (log(), refresh("**"));
        log.sent(Millis(10), &event, true, &[]);
        log.acknowledged(Millis(17), &event.id, A);
        assert_eq!(
            answers(&log, &event),
            Answers {
                acknowledged: [(A.to_owned(), 7)].into(),
                silent: vec![B.to_owned()],
                not_acknowledging: vec![]
            }
        );
        log.acknowledged(Millis(18), &event.id, B);
        assert!(log.entry(&event.id).unwrap().is_complete());
    }

    #[test]
    fn only_those_who_are_meant_are_expected() {
        let (mut log, event) = (log(), refresh("orders:eu:**"));
        log.sent(Millis(10), &event, true, &["ORDERS:8081".to_owned(), "stock:9000".to_owned()]);
        assert_eq!(answers(&log, &event).silent, [B]);
        assert!(answers(&log, &event).not_acknowledging.is_empty());
    }

    #[test]
    fn registered_but_never_heard_is_not_acknowledging_until_it_answers() {
        let (mut log, event) = (log(), refresh("**"));
        let registry = ["ORDERS:8081".to_owned(), "ORDERS:8082".to_owned(), "STOCK:9000".to_owned()];
        log.sent(Millis(10), &event, true, &registry);
        assert_eq!(answers(&log, &event).not_acknowledging, ["STOCK:9000"]);
        log.acknowledged(Millis(11), &event.id, "stock:9000:dddd");
        assert!(answers(&log, &event).not_acknowledging.is_empty());
    }

    #[test]
    fn a_restarted_instance_replaces_its_earlier_self() {
        let (mut log, event) = (log(), refresh("orders:8081:**"));
        log.acknowledged(Millis(5), "unknown event", "orders:8081:new");
        log.sent(Millis(10), &event, true, &[]);
        assert_eq!(answers(&log, &event).silent, ["orders:8081:new"]);
    }

    #[test]
    fn those_unheard_for_a_day_are_not_expected() {
        let (mut log, event) = (log(), refresh("**"));
        log.sent(Millis(3) + FORGOTTEN_AFTER, &event, true, &[]);
        assert_eq!(log.entry(&event.id).unwrap().expected, []);
    }

    #[test]
    fn the_ack_of_a_repetition_counts_for_the_first() {
        let (mut log, event) = (log(), refresh("**"));
        log.sent(Millis(10), &event, true, &[]);
        let again = refresh(B);
        log.resent(Millis(20), &event.id, &again);
        assert!(log.knows(&again.id));
        assert!(log.acknowledged(Millis(25), &again.id, B).is_some());
        assert_eq!(answers(&log, &event).silent, [A]);
    }

    #[test]
    fn acks_of_strangers_and_second_acks_change_nothing() {
        let (mut log, event) = (log(), refresh("**"));
        assert_eq!(log.acknowledged(Millis(5), "no such event", A), None);
        log.sent(Millis(10), &event, true, &[]);
        assert_eq!(log.sent(Millis(11), &event, true, &[]), None);
        assert!(log.acknowledged(Millis(12), &event.id, A).is_some());
        assert_eq!(log.acknowledged(Millis(13), &event.id, A), None);
    }

    #[test]
    fn the_oldest_event_makes_room() {
        let mut log = AckLog::new(2);
        let events = [refresh("**"), refresh("**"), refresh("**")];
        for (at, event) in (0..).zip(&events) {
            log.sent(Millis(at), event, true, &[]);
        }
        let ids: Vec<_> = log.entries().map(|entry| entry.id.clone()).collect();
        assert_eq!(ids, [events[2].id.clone(), events[1].id.clone()]);
        assert!(!log.knows(&events[0].id));
    }

    #[test]
    fn records_make_the_same_log_again() {
        let (mut log, event) = (log(), refresh("**"));
        log.sent(Millis(10), &event, true, &["STOCK:9000".to_owned()]);
        log.acknowledged(Millis(12), &event.id, A);
        log.resent(Millis(20), &event.id, &refresh(B));
        let mut again = AckLog::new(3);
        for record in log.records() {
            let line = serde_json::to_string(&record).unwrap();
            again.apply(serde_json::from_str(&line).unwrap());
        }
        assert!(log.entries().eq(again.entries()));
        assert!(log.resent.iter().eq(again.resent.iter()));
    }
}
