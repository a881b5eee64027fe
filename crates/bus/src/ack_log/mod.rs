//! Who applied what: every event with those it was meant for and those who acknowledged it.
//!
//! An ack comes after the receiver has applied the event, so its absence says something: `silent` is one that speaks on the
//! bus and did not answer this time, `not_acknowledging` one that the registry knows and the bus has never heard, `left` one
//! that the registry knew and does not know any more.
//! No I/O here: every change is a `Record`, which `journal` keeps and `apply` takes back after a restart.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use wellspring_wire::Millis;
use wellspring_wire::bus::{Destination, Event, Payload};

use crate::destination;
use crate::members::{Members, Registry};

/// The log. The oldest event goes when a new one exceeds the capacity.
#[derive(Debug)]
pub struct AckLog {
    capacity: usize,
    entries: IndexMap<String, Entry>,
    /// Ids of events sent again → the first one.
    resent: IndexMap<String, String>,
    /// Bus ids that have acknowledged anything.
    heard: Members,
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
    /// Whether the registry knew it.
    #[serde(default)]
    pub registered: bool,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answers {
    /// Who, and how many milliseconds after the event.
    pub acknowledged: IndexMap<String, i64>,
    /// Has answered other events, not this one.
    pub silent: Vec<String>,
    /// In the registry, never heard on the bus.
    pub not_acknowledging: Vec<String>,
    /// Has not answered, and is not in the registry any more.
    pub left: Vec<String>,
}

// === impl AckLog ===

impl AckLog {
    /// An empty log for this many events.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            entries: IndexMap::new(),
            resent: IndexMap::new(),
            heard: Members::default(),
        }
    }

    /// Notes an event. Who is meant is known from the registry and from earlier acks.
    ///
    /// `None` when the event is known or an ack.
    pub fn sent(&mut self, now: Millis, event: &Event, ours: bool, registry: &Registry) -> Option<Record> {
        if matches!(event.payload, Payload::Ack(_)) || self.knows(&event.id) {
            return None;
        }
        self.heard.follow(registry);
        let entry = Entry {
            id: event.id.clone(),
            type_name: event.type_name().to_owned(),
            origin: event.origin.clone().unwrap_or_default(),
            destination: event.destination.pattern().map(str::to_owned),
            sent: now,
            ours,
            expected: self.expected(now, &event.destination, registry),
            acknowledged: IndexMap::new(),
            resends: Vec::new(),
        };
        let record = Record::Sent(entry);
        self.apply(record.clone());
        Some(record)
    }

    /// Notes an ack. `None` when the event is unknown or the ack came before.
    pub fn acknowledged(&mut self, now: Millis, ack_id: &str, by: &str) -> Option<Record> {
        self.heard.hear(now, by);
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
                    self.heard.hear(*at, by);
                    self.heard.registered(by, &entry.expected);
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
                self.heard.hear(at, &by);
                if let Some(entry) = self.entries.get_mut(&id) {
                    self.heard.registered(&by, &entry.expected);
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
        self.heard.present(now).map(|(id, heard)| (id, heard.at))
    }

    fn expected(&self, now: Millis, to: &Destination, registry: &Registry) -> Vec<Member> {
        let meant = |id: &str| match to {
            Destination::Missing => false,
            Destination::Null => true,
            Destination::Pattern(pattern) => pattern.trim().is_empty() || destination::matches(pattern, id),
        };
        let mut members = Vec::new();
        let mut unheard = registry.clone();
        for (id, heard) in self.heard.present(now) {
            unheard.strike(id);
            if meant(id) {
                members.push(Member { name: id.to_owned(), heard: true, registered: heard.registered });
            }
        }
        for instance in unheard.instances() {
            // The registry does not know the random part: anything stands for it.
            if meant(&format!("{instance}:0")) {
                members.push(Member { name: instance.to_owned(), heard: false, registered: true });
            }
        }
        members
    }
}

// === impl Entry ===

impl Entry {
    /// Who answered and who did not. `registry` as it is now; an empty one says nothing about who has left.
    pub fn answers(&self, registry: &Registry) -> Answers {
        let acknowledged =
            self.acknowledged.iter().map(|(by, at)| (by.clone(), at.0 - self.sent.0)).collect();
        let mut answers = Answers { acknowledged, ..Answers::default() };
        for member in self.missing() {
            let list = if member.has_left(registry) {
                &mut answers.left
            } else if member.heard {
                &mut answers.silent
            } else {
                &mut answers.not_acknowledging
            };
            list.push(member.name.clone());
        }
        answers
    }

    /// Whether everyone who is expected and has not left has answered.
    pub fn is_complete(&self, registry: &Registry) -> bool {
        self.missing().all(|member| member.has_left(registry))
    }

    fn missing(&self) -> impl Iterator<Item = &Member> {
        let unheard = self.expected.iter().any(|member| !member.heard);
        let places = if unheard { Registry::of_ids(self.acknowledged.keys()) } else { Registry::default() };
        self.expected.iter().filter(move |member| {
            let answered = self.acknowledged.contains_key(&member.name);
            !answered && (member.heard || !places.knows(&member.name))
        })
    }
}

// === impl Member ===

impl Member {
    fn has_left(&self, registry: &Registry) -> bool {
        self.registered && !registry.is_empty() && !registry.knows(&self.name)
    }
}

#[cfg(test)]
mod tests;
