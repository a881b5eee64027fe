//! Statuses set from outside, by instance id alone. An entry that nobody asks for is gone after an hour.

use std::collections::HashMap;
use std::time::Duration;

use wellspring_wire::Millis;
use wellspring_wire::eureka::Status;

const LIFE: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(super) struct Overrides {
    by_id: HashMap<String, (Status, Millis)>,
}

impl Overrides {
    /// The override of this id; being asked for keeps it alive.
    pub(super) fn get(&mut self, id: &str, now: Millis) -> Option<Status> {
        if self.by_id.is_empty() {
            return None;
        }
        let (status, used) = self.by_id.get_mut(id)?;
        if now > *used + LIFE {
            self.by_id.remove(id);
            return None;
        }
        *used = now;
        Some(*status)
    }

    pub(super) fn set(&mut self, id: &str, status: Status, now: Millis) {
        self.by_id.insert(id.to_owned(), (status, now));
    }

    pub(super) fn remove(&mut self, id: &str, now: Millis) -> Option<Status> {
        self.by_id.remove(id).filter(|(_, used)| now <= *used + LIFE).map(|(status, _)| status)
    }

    pub(super) fn sweep(&mut self, now: Millis) {
        self.by_id.retain(|_, (_, used)| now <= *used + LIFE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_lives_an_hour_from_its_last_use() {
        let mut overrides = Overrides::default();
        overrides.set("a", Status::Down, Millis(0));
        assert_eq!(overrides.get("a", Millis(3_600_000)), Some(Status::Down));
        assert_eq!(overrides.get("a", Millis(7_200_000)), Some(Status::Down));
        assert_eq!(overrides.get("a", Millis(10_800_001)), None);
        overrides.set("a", Status::Down, Millis(0));
        assert_eq!(overrides.remove("a", Millis(3_600_001)), None);
        overrides.set("a", Status::Down, Millis(0));
        overrides.sweep(Millis(3_600_001));
        assert!(overrides.by_id.is_empty());
    }
}
