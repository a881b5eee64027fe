//! Who was cancelled lately, so that a late message about an older state does not bring it back.

use std::collections::HashMap;
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::InstanceInfo;

/// Longer than any replication waits.
const LIFE: Duration = Duration::from_secs(180);

#[derive(Debug, Default)]
pub(super) struct Tombstones {
    graves: HashMap<(String, String), Grave>,
}

#[derive(Debug)]
struct Grave {
    last_dirty: Option<Millis>,
    at: Millis,
    /// Cancelled here, not by hearsay: then `at` is when it happened.
    witnessed: bool,
}

impl Tombstones {
    pub(super) fn bury(&mut self, instance: &InstanceInfo, witnessed: bool, now: Millis) {
        let grave = Grave { last_dirty: instance.last_dirty, at: now, witnessed };
        self.graves.insert((instance.app.clone(), instance.id().to_owned()), grave);
    }

    /// Whether `last_dirty`, registered at `registration`, is a state from before the cancellation.
    pub(super) fn outdates(
        &self,
        app: &str,
        id: &str,
        last_dirty: Option<Millis>,
        registration: Millis,
    ) -> bool {
        if self.graves.is_empty() {
            return false;
        }
        let Some(grave) = self.graves.get(&(app.to_owned(), id.to_owned())) else { return false };
        last_dirty < grave.last_dirty
            || (last_dirty == grave.last_dirty
                && grave.witnessed
                && registration > Millis::ZERO
                && registration < grave.at)
    }

    /// A client registered: whatever was before does not matter.
    pub(super) fn forget(&mut self, app: &str, id: &str) {
        if !self.graves.is_empty() {
            self.graves.remove(&(app.to_owned(), id.to_owned()));
        }
    }

    pub(super) fn sweep(&mut self, now: Millis) {
        self.graves.retain(|_, grave| now <= grave.at + LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cancelled(witnessed: bool) -> Tombstones {
        let instance = InstanceInfo {
            app: "A".into(),
            instance_id: Some("1".into()),
            last_dirty: Some(Millis(500)),
            ..InstanceInfo::default()
        };
        let mut tombstones = Tombstones::default();
        tombstones.bury(&instance, witnessed, Millis(1000));
        tombstones
    }

    #[test]
    fn an_older_state_stays_buried() {
        let tombstones = cancelled(false);
        let outdated =
            |dirty, registration| tombstones.outdates("A", "1", Some(Millis(dirty)), Millis(registration));
        assert!(outdated(499, 5000));
        assert!(!outdated(500, 900), "by hearsay the same state may be a new registration");
        assert!(!outdated(501, 900));
        assert!(!tombstones.outdates("A", "2", Some(Millis(1)), Millis(1)));
    }

    #[test]
    fn the_same_state_is_outdated_when_it_was_registered_before_the_cancellation() {
        let mut tombstones = cancelled(true);
        assert!(tombstones.outdates("A", "1", Some(Millis(500)), Millis(999)));
        assert!(!tombstones.outdates("A", "1", Some(Millis(500)), Millis(1000)));
        tombstones.sweep(Millis(181_001));
        assert!(!tombstones.outdates("A", "1", Some(Millis(1)), Millis(1)));
    }
}
