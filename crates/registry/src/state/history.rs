//! The last thousand registrations and cancellations, for the history page.

use std::collections::VecDeque;

use wellspring_wire::Millis;

const LENGTH: usize = 1000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Millis,
    /// `APP(id)`.
    pub what: String,
}

#[derive(Debug, Default)]
pub struct History {
    registered: VecDeque<Entry>,
    cancelled: VecDeque<Entry>,
}

impl History {
    pub fn registered(&mut self, app: &str, id: &str, at: Millis) {
        push(&mut self.registered, app, id, at);
    }

    pub fn cancelled(&mut self, app: &str, id: &str, at: Millis) {
        push(&mut self.cancelled, app, id, at);
    }

    /// Newest first.
    pub fn registrations(&self) -> Vec<Entry> {
        self.registered.iter().rev().cloned().collect()
    }

    /// Newest first.
    pub fn cancellations(&self) -> Vec<Entry> {
        self.cancelled.iter().rev().cloned().collect()
    }
}

fn push(ring: &mut VecDeque<Entry>, app: &str, id: &str, at: Millis) {
    if ring.len() == LENGTH {
        ring.pop_front();
    }
    ring.push_back(Entry { at, what: format!("{app}({id})") });
}
