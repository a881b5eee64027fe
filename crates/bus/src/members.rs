//! Who is on the bus: those that the registry knows, and those that were heard.
//!
//! A bus id is `app[:profiles]:index:random`; the registry knows `application:port`, in capitals or not, so the two meet in
//! application and index.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use wellspring_wire::Millis;

use crate::ack_log::Member;

/// A bus id that was not heard for this long is taken for gone.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);
const MEMBERS: usize = 4096;

/// The instances that a registry knows at one moment, each `application:port`. Empty: there is no registry, or it has not
/// been read yet.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeSet<(String, String)>);

/// Bus ids that have acknowledged anything.
#[derive(Debug, Default)]
pub(crate) struct Members(IndexMap<String, Heard>);

/// When, and whether the registry knew it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) at: Millis,
    pub(crate) registered: bool,
}

// === impl Registry ===

impl Registry {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an instance, or the instance of a bus id, is in it.
    pub fn knows(&self, name: &str) -> bool {
        of_id(name).or_else(|| of_instance(name)).is_some_and(|key| self.0.contains(&key))
    }

    /// Instances of these bus ids.
    pub(crate) fn of_ids<'a>(ids: impl Iterator<Item = &'a String>) -> Self {
        Self(ids.filter_map(|id| of_id(id)).collect())
    }

    /// Takes the instance of a bus id out.
    pub(crate) fn strike(&mut self, id: &str) {
        if let Some(key) = of_id(id) {
            self.0.remove(&key);
        }
    }

    pub(crate) fn instances(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(application, port)| format!("{application}:{port}"))
    }
}

impl<T: AsRef<str>> FromIterator<T> for Registry {
    fn from_iter<I: IntoIterator<Item = T>>(instances: I) -> Self {
        Self(instances.into_iter().filter_map(|instance| of_instance(instance.as_ref())).collect())
    }
}

// === impl Members ===

impl Members {
    /// Those heard in the last day.
    pub(crate) fn present(&self, now: Millis) -> impl Iterator<Item = (&str, Heard)> {
        let present = self.0.iter().filter(move |(_, heard)| now.since(heard.at) < FORGOTTEN_AFTER);
        present.map(|(id, heard)| (id.as_str(), *heard))
    }

    pub(crate) fn hear(&mut self, now: Millis, by: &str) {
        if let Some(heard) = self.0.get_mut(by) {
            heard.at = now.max(heard.at);
            return;
        }
        // The same place with another random part has been restarted: its earlier self will not answer any more.
        let mut registered = false;
        if let Some(place) = place(by) {
            self.0.retain(|id, heard| {
                let same = self::place(id) == Some(place);
                registered |= same && heard.registered;
                !same
            });
        }
        self.0.insert(by.to_owned(), Heard { at: now, registered });
        if self.0.len() > MEMBERS {
            self.0.shift_remove_index(0);
        }
    }

    /// Whom the registry knew and does not know any more has left; applications that never were in it stay.
    pub(crate) fn follow(&mut self, registry: &Registry) {
        if registry.is_empty() {
            return;
        }
        self.0.retain(|id, heard| {
            let known = of_id(id).is_some_and(|key| registry.0.contains(&key));
            let stays = known || !heard.registered;
            heard.registered |= known;
            stays
        });
    }

    /// Learns from the addressees of an event whether the registry knows who acknowledged it.
    pub(crate) fn registered(&mut self, by: &str, expected: &[Member]) {
        let Some(heard) = self.0.get_mut(by).filter(|heard| !heard.registered) else { return };
        let Some(key) = of_id(by) else { return };
        heard.registered = expected.iter().filter(|member| member.registered).any(|member| {
            if member.heard { member.name == by } else { of_instance(&member.name).as_ref() == Some(&key) }
        });
    }
}

/// `app[:profiles]:index` of a bus id.
fn place(id: &str) -> Option<&str> {
    id.rsplit_once(':').map(|(place, _)| place).filter(|place| place.contains(':'))
}

/// Application, in small letters, and index.
fn of_id(id: &str) -> Option<(String, String)> {
    let place = place(id)?;
    let (application, _) = place.split_once(':')?;
    let (_, index) = place.rsplit_once(':')?;
    Some((application.to_ascii_lowercase(), index.to_owned()))
}

fn of_instance(instance: &str) -> Option<(String, String)> {
    let (application, port) = instance.split_once(':')?;
    Some((application.to_ascii_lowercase(), port.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_instances_meet_in_application_and_port() {
        let registry: Registry = ["ORDERS:8081", "stock:9000"].into_iter().collect();
        for name in ["orders:8081:aaaa", "orders:dev,eu:8081:bbbb", "ORDERS:8081", "stock:9000"] {
            assert!(registry.knows(name), "{name}");
        }
        for name in ["orders:8082:aaaa", "orders", "custom-id", "", "stock:90"] {
            assert!(!registry.knows(name), "{name}");
        }
    }

    #[test]
    fn who_leaves_the_registry_leaves_the_bus_and_who_never_was_in_it_stays() {
        let mut members = Members::default();
        for id in ["orders:8081:a", "stock:9000:b", "legacy:1:c"] {
            members.hear(Millis(1), id);
        }
        members.follow(&["orders:8081", "stock:9000"].into_iter().collect());
        members.follow(&Registry::default());
        assert_eq!(members.present(Millis(2)).count(), 3, "an empty registry has not been read yet");
        members.follow(&["stock:9000"].into_iter().collect());
        let present: Vec<_> = members.present(Millis(2)).map(|(id, _)| id.to_owned()).collect();
        assert_eq!(present, ["stock:9000:b", "legacy:1:c"]);
        members.hear(Millis(3), "stock:9000:again");
        members.follow(&["other:1"].into_iter().collect());
        assert_eq!(
            members.present(Millis(4)).count(),
            1,
            "a restarted instance is still one of the registry"
        );
    }
}
