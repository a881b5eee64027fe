//! What waits to be sent to one peer: the newest task per action and instance, in batches, until it expires.
//!
//! Without I/O: `now` is an argument, and sending is the caller's. Tasks of one instance are never in two batches at
//! once, so a cancellation cannot overtake the registration before it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::replication::{Action, ReplicationInstance};

/// The original's numbers.
const BATCH: usize = 250;
const CONGESTION_PAUSE: Duration = Duration::from_secs(1);
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// A dead peer is not asked ten times a second for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Limits {
    /// Tasks kept; the oldest gives way.
    pub capacity: usize,
    /// Batches under way at once.
    pub in_flight: usize,
    /// Age of the oldest task at which a batch goes out that is not full.
    pub delay: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { capacity: 10_000, in_flight: 20, delay: Duration::from_millis(500) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    action: Action,
    app: String,
    id: String,
}

#[derive(Debug, Clone)]
struct Task {
    item: ReplicationInstance,
    since: Millis,
    expires: Millis,
}

/// Tasks under way. Give it back with [`Outbox::finish`].
#[derive(Debug)]
pub struct Batch {
    tasks: Vec<(Key, Task)>,
}

impl Batch {
    pub fn items(&self) -> Vec<ReplicationInstance> {
        self.tasks.iter().map(|(_, task)| task.item.clone()).collect()
    }

    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// What to do now.
#[derive(Debug)]
pub enum Next {
    Send(Batch),
    /// Nothing before that time, unless something is offered or finished.
    WaitUntil(Millis),
    Idle,
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// The peer is there and overloaded.
    Congested,
    Unreachable,
    /// The peer does not want it, and will not want it later.
    Refused,
}

#[derive(Debug)]
pub struct Outbox {
    limits: Limits,
    queue: VecDeque<Key>,
    tasks: HashMap<Key, Task>,
    busy: HashSet<(String, String)>,
    under_way: usize,
    not_before: Millis,
    failures: u32,
    dropped: u64,
}

impl Outbox {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: VecDeque::new(),
            tasks: HashMap::new(),
            busy: HashSet::new(),
            under_way: 0,
            not_before: Millis(i64::MIN),
            failures: 0,
            dropped: 0,
        }
    }

    /// Another delay, once it is known what kind of peer this is.
    pub fn set_delay(&mut self, delay: Duration) {
        self.limits.delay = delay;
    }

    /// Queues a change; one of the same kind that still waits is replaced.
    pub fn offer(&mut self, item: ReplicationInstance, life: Duration, now: Millis) {
        let Some(key) = key(&item) else { return };
        if key.action == Action::Cancel {
            // What was to be said about an instance does not matter any more.
            let others = |other: &Key| other.app != key.app || other.id != key.id;
            self.tasks.retain(|other, _| others(other));
            self.queue.retain(others);
        }
        let task = Task { item, since: now, expires: now + life };
        if let Some(pending) = self.tasks.get_mut(&key) {
            *pending = Task { since: pending.since, ..task };
            return;
        }
        while self.tasks.len() >= self.limits.capacity {
            let Some(oldest) = self.queue.pop_front() else { break };
            if self.tasks.remove(&oldest).is_some() {
                self.dropped += 1;
            }
        }
        self.queue.push_back(key.clone());
        self.tasks.insert(key, task);
    }

    /// The next batch, or when to ask again.
    pub fn next(&mut self, now: Millis) -> Next {
        self.expire(now);
        if self.tasks.is_empty() || self.under_way >= self.limits.in_flight {
            return Next::Idle;
        }
        if now < self.not_before {
            return Next::WaitUntil(self.not_before);
        }
        let mut chosen: Vec<Key> = Vec::new();
        let mut oldest: Option<Millis> = None;
        let mut expired: HashSet<Key> = HashSet::new();
        for key in &self.queue {
            if chosen.len() == BATCH {
                break;
            }
            let Some(task) = self.tasks.get(key) else { continue };
            if now > task.expires {
                expired.insert(key.clone());
                continue;
            }
            if !self.busy.contains(&(key.app.clone(), key.id.clone())) {
                oldest = Some(oldest.map_or(task.since, |since| since.min(task.since)));
                chosen.push(key.clone());
            }
        }
        if !expired.is_empty() {
            self.queue.retain(|key| !expired.contains(key));
            self.tasks.retain(|key, _| !expired.contains(key));
            self.dropped += expired.len() as u64;
        }
        let Some(oldest) = oldest else { return Next::Idle };
        let due = oldest + self.limits.delay;
        if chosen.len() < BATCH && now < due {
            return Next::WaitUntil(due);
        }
        let taken: HashSet<&Key> = chosen.iter().collect();
        self.queue.retain(|key| !taken.contains(key));
        let mut tasks = Vec::with_capacity(chosen.len());
        for key in chosen {
            if let Some(task) = self.tasks.remove(&key) {
                self.busy.insert((key.app.clone(), key.id.clone()));
                tasks.push((key, task));
            }
        }
        self.under_way += 1;
        Next::Send(Batch { tasks })
    }

    /// Takes a batch back. What did not arrive goes to the front, unless something newer has taken its place.
    pub fn finish(&mut self, batch: Batch, outcome: Outcome, now: Millis) {
        self.under_way = self.under_way.saturating_sub(1);
        for (key, _) in &batch.tasks {
            self.busy.remove(&(key.app.clone(), key.id.clone()));
        }
        match outcome {
            Outcome::Delivered => {
                self.failures = 0;
                self.not_before = Millis(i64::MIN);
                return;
            }
            Outcome::Refused => {
                // It was reached all the same.
                self.failures = 0;
                self.dropped += batch.tasks.len() as u64;
                return;
            }
            Outcome::Congested => self.not_before = now + CONGESTION_PAUSE,
            Outcome::Unreachable => {
                let pause = FAILURE_PAUSE.saturating_mul(1 << self.failures.min(10));
                self.not_before = now + pause.min(LONGEST_PAUSE);
                self.failures = self.failures.saturating_add(1);
            }
        }
        for (key, task) in batch.tasks.into_iter().rev() {
            let cancel = Key { action: Action::Cancel, app: key.app.clone(), id: key.id.clone() };
            let outdated = self.tasks.contains_key(&key) || self.tasks.contains_key(&cancel);
            if outdated || self.tasks.len() >= self.limits.capacity {
                continue;
            }
            self.queue.push_front(key.clone());
            self.tasks.insert(key, task);
        }
    }

    fn expire(&mut self, now: Millis) {
        while let Some(key) = self.queue.front() {
            match self.tasks.get(key) {
                Some(task) if now <= task.expires => break,
                Some(_) => {
                    self.tasks.remove(key);
                    self.dropped += 1;
                }
                None => {}
            }
            self.queue.pop_front();
        }
    }

    /// Tasks that wait.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Since when the oldest task waits.
    pub fn oldest(&self) -> Option<Millis> {
        self.queue.iter().find_map(|key| self.tasks.get(key)).map(|task| task.since)
    }

    /// Tasks that never arrived: too many, too old, or refused.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether the last attempts reached the peer.
    pub fn reachable(&self) -> bool {
        self.failures == 0
    }
}

fn key(item: &ReplicationInstance) -> Option<Key> {
    Some(Key { action: item.action?, app: item.app_name.clone()?, id: item.id.clone()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(30);

    fn item(action: Action, id: &str) -> ReplicationInstance {
        ReplicationInstance {
            app_name: Some("A".into()),
            id: Some(id.into()),
            action: Some(action),
            ..ReplicationInstance::default()
        }
    }

    fn marked(action: Action, id: &str, mark: i64) -> ReplicationInstance {
        ReplicationInstance { last_dirty: Some(Millis(mark)), ..item(action, id) }
    }

    fn sent(outbox: &mut Outbox, now: i64) -> Batch {
        match outbox.next(Millis(now)) {
            Next::Send(batch) => batch,
            other => panic!("expected a batch, found {other:?}"),
        }
    }

    fn shown(batch: &Batch) -> Vec<(Action, String)> {
        batch.items().into_iter().map(|item| (item.action.unwrap(), item.id.unwrap())).collect()
    }

    #[test]
    fn a_batch_goes_out_when_its_oldest_task_is_old_enough() {
        let mut outbox = Outbox::new(Limits::default());
        assert!(matches!(outbox.next(Millis(0)), Next::Idle));
        outbox.offer(item(Action::Heartbeat, "1"), LIFE, Millis(0));
        outbox.offer(item(Action::Heartbeat, "2"), LIFE, Millis(400));
        assert!(matches!(outbox.next(Millis(499)), Next::WaitUntil(Millis(500))));
        assert_eq!(sent(&mut outbox, 500).len(), 2);
        assert!(matches!(outbox.next(Millis(9000)), Next::Idle));
    }

    #[test]
    fn a_full_batch_goes_at_once() {
        let mut outbox = Outbox::new(Limits::default());
        for id in 0..300 {
            outbox.offer(item(Action::Heartbeat, &id.to_string()), LIFE, Millis(0));
        }
        assert_eq!(sent(&mut outbox, 0).len(), 250);
        assert!(matches!(outbox.next(Millis(0)), Next::WaitUntil(_)));
        assert_eq!(sent(&mut outbox, 500).len(), 50);
    }

    #[test]
    fn only_so_many_batches_are_under_way() {
        let mut outbox = Outbox::new(Limits { in_flight: 2, delay: Duration::ZERO, ..Limits::default() });
        for number in 0..3 * BATCH {
            outbox.offer(item(Action::Heartbeat, &number.to_string()), LIFE, Millis(0));
        }
        let first = sent(&mut outbox, 0);
        assert_eq!((first.len(), sent(&mut outbox, 0).len()), (250, 250));
        assert!(matches!(outbox.next(Millis(0)), Next::Idle));
        outbox.finish(first, Outcome::Delivered, Millis(1));
        assert_eq!(sent(&mut outbox, 1).len(), 250);
    }

    #[test]
    fn the_newest_wins_in_the_place_of_the_oldest() {
        let mut outbox = Outbox::new(Limits::default());
        outbox.offer(marked(Action::Heartbeat, "1", 1), LIFE, Millis(0));
        outbox.offer(item(Action::Heartbeat, "2"), LIFE, Millis(0));
        outbox.offer(marked(Action::Heartbeat, "1", 2), LIFE, Millis(100));
        let batch = sent(&mut outbox, 500);
        assert_eq!(batch.items()[0].last_dirty, Some(Millis(2)));
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn a_registration_after_a_cancellation_stays_after_it() {
        let mut outbox = Outbox::new(Limits::default());
        outbox.offer(item(Action::Register, "1"), LIFE, Millis(0));
        outbox.offer(item(Action::Cancel, "1"), LIFE, Millis(1));
        outbox.offer(item(Action::Register, "1"), LIFE, Millis(2));
        let batch = sent(&mut outbox, 600);
        assert_eq!(shown(&batch), [(Action::Cancel, "1".to_owned()), (Action::Register, "1".to_owned())]);
    }

    #[test]
    fn tasks_of_an_instance_wait_for_those_under_way() {
        let mut outbox = Outbox::new(Limits { delay: Duration::ZERO, ..Limits::default() });
        outbox.offer(item(Action::Register, "1"), LIFE, Millis(0));
        let first = sent(&mut outbox, 0);
        outbox.offer(item(Action::Cancel, "1"), LIFE, Millis(1));
        outbox.offer(item(Action::Heartbeat, "2"), LIFE, Millis(1));
        assert_eq!(shown(&sent(&mut outbox, 1)), [(Action::Heartbeat, "2".to_owned())]);
        assert!(matches!(outbox.next(Millis(2)), Next::Idle));
        outbox.finish(first, Outcome::Delivered, Millis(3));
        assert_eq!(shown(&sent(&mut outbox, 3)), [(Action::Cancel, "1".to_owned())]);
    }

    #[test]
    fn what_did_not_arrive_is_tried_again_in_front_until_it_expires() {
        let mut outbox = Outbox::new(Limits { delay: Duration::ZERO, ..Limits::default() });
        outbox.offer(marked(Action::Heartbeat, "1", 1), LIFE, Millis(0));
        outbox.offer(item(Action::Heartbeat, "2"), LIFE, Millis(0));
        let batch = sent(&mut outbox, 0);
        outbox.offer(item(Action::Heartbeat, "3"), LIFE, Millis(10));
        outbox.offer(marked(Action::Heartbeat, "1", 2), LIFE, Millis(10));
        outbox.finish(batch, Outcome::Unreachable, Millis(20));
        assert!(!outbox.reachable());
        assert!(matches!(outbox.next(Millis(50)), Next::WaitUntil(Millis(120))));
        let again = sent(&mut outbox, 120);
        let ids: Vec<_> = again.items().into_iter().map(|item| item.id.unwrap()).collect();
        assert_eq!(ids, ["2", "3", "1"]);
        assert_eq!(again.items()[2].last_dirty, Some(Millis(2)));
        outbox.finish(again, Outcome::Congested, Millis(200));
        assert!(matches!(outbox.next(Millis(201)), Next::WaitUntil(Millis(1200))));
        assert!(matches!(outbox.next(Millis(30_011)), Next::Idle));
        assert_eq!(outbox.dropped(), 3);
    }

    #[test]
    fn an_expired_task_behind_a_living_one_is_not_sent() {
        let mut outbox = Outbox::new(Limits { delay: Duration::ZERO, ..Limits::default() });
        outbox.offer(item(Action::StatusUpdate, "1"), LIFE, Millis(0));
        outbox.offer(item(Action::Register, "2"), Duration::from_secs(5), Millis(0));
        outbox.offer(item(Action::Heartbeat, "3"), LIFE, Millis(0));
        let batch = sent(&mut outbox, 5_001);
        assert_eq!(
            shown(&batch),
            [(Action::StatusUpdate, "1".to_owned()), (Action::Heartbeat, "3".to_owned())]
        );
        assert_eq!((outbox.len(), outbox.dropped()), (0, 1));
        outbox.finish(batch, Outcome::Unreachable, Millis(5_002));
        let batch = sent(&mut outbox, 5_200);
        outbox.finish(batch, Outcome::Refused, Millis(5_300));
        assert!(outbox.reachable(), "who refuses was reached");
    }

    #[test]
    fn pauses_grow_while_a_peer_is_dead() {
        let mut outbox = Outbox::new(Limits { delay: Duration::ZERO, ..Limits::default() });
        let mut now = 0;
        let mut pauses = Vec::new();
        outbox.offer(item(Action::Heartbeat, "1"), Duration::from_secs(3600), Millis(0));
        for _ in 0..8 {
            let batch = sent(&mut outbox, now);
            outbox.finish(batch, Outcome::Unreachable, Millis(now));
            let Next::WaitUntil(until) = outbox.next(Millis(now)) else { panic!("waits") };
            pauses.push(until.0 - now);
            now = until.0;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn the_oldest_gives_way_when_there_is_no_room() {
        let mut outbox = Outbox::new(Limits { capacity: 2, delay: Duration::ZERO, ..Limits::default() });
        for id in ["1", "2", "3"] {
            outbox.offer(item(Action::Heartbeat, id), LIFE, Millis(0));
        }
        let ids: Vec<_> = sent(&mut outbox, 0).items().into_iter().map(|item| item.id.unwrap()).collect();
        assert_eq!((ids, outbox.dropped()), (vec!["2".to_owned(), "3".to_owned()], 1));
    }

    #[test]
    fn refused_batches_are_gone() {
        let mut outbox = Outbox::new(Limits { delay: Duration::ZERO, ..Limits::default() });
        outbox.offer(item(Action::Heartbeat, "1"), LIFE, Millis(0));
        let batch = sent(&mut outbox, 0);
        outbox.finish(batch, Outcome::Refused, Millis(0));
        assert!(outbox.is_empty());
    }
}
