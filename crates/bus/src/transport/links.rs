//! The state of a broker's two connections, one to consume and one to publish, as one.

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{info, warn};

use super::State;

/// Which of the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Consumer,
    Publisher,
}

#[derive(Debug)]
pub(super) struct Links {
    each: Mutex<[State; 2]>,
    both: watch::Sender<State>,
    consuming: watch::Sender<bool>,
    kind: &'static str,
    broker: String,
}

impl Links {
    /// To the broker of this kind at this address.
    pub(super) fn new(kind: &'static str, broker: String) -> Self {
        let down = State::Down("not connected yet".to_owned());
        Self {
            each: Mutex::new([down.clone(), down.clone()]),
            both: watch::Sender::new(down),
            consuming: watch::Sender::new(false),
            kind,
            broker,
        }
    }

    /// Up when both are.
    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.both.subscribe()
    }

    /// Whether messages come in.
    pub(super) fn consuming(&self) -> watch::Receiver<bool> {
        self.consuming.subscribe()
    }

    pub(super) fn up(&self, role: Role) {
        if self.set(role, State::Up) != State::Up {
            info!(broker = self.broker, ?role, "connected to {}", self.kind);
        }
    }

    /// Notes the reason; the log tells it once, and again when it is another one.
    pub(super) fn down(&self, role: Role, reason: String) {
        let state = State::Down(reason);
        if self.set(role, state.clone()) != state {
            warn!(broker = self.broker, ?role, reason = state.reason(), "{} away", self.kind);
        }
    }

    fn set(&self, role: Role, state: State) -> State {
        let mut each = self.each.lock();
        let [consumer, publisher] = &mut *each;
        let slot = match role {
            Role::Consumer => consumer,
            Role::Publisher => publisher,
        };
        if role == Role::Consumer {
            self.consuming.send_replace(state == State::Up);
        }
        let before = std::mem::replace(slot, state);
        let both = each.iter().find(|state| **state != State::Up).cloned().unwrap_or(State::Up);
        self.both.send_if_modified(|current| {
            let changed = *current != both;
            *current = both;
            changed
        });
        before
    }
}
