//! Who is meant: bus ids `app[:profiles]:index:random` and the patterns over them.
//!
//! The two sides differ. A sender completes a destination (`orders` → `orders:**`), a receiver takes it as it is: `orders`
//! on the wire reaches no one. With several profiles in an id, each single one counts as well.

use wellspring_pattern::Ant;
use wellspring_wire::bus::Destination;

const SEPARATOR: char = ':';

/// The destination as it goes over the wire.
///
/// ```
/// use wellspring_bus::destination::normalise;
/// assert_eq!(normalise(""), "**");
/// assert_eq!(normalise("orders"), "orders:**");
/// assert_eq!(normalise("orders:8080"), "orders:8080:**");
/// assert_eq!(normalise("orders:dev:8080"), "orders:dev:8080");
/// ```
pub fn normalise(destination: &str) -> String {
    match destination {
        "" | "**" => "**".to_owned(),
        _ if destination.matches(SEPARATOR).count() > 1 || destination.ends_with(":**") => {
            destination.to_owned()
        }
        _ => format!("{destination}:**"),
    }
}

/// Whether `pattern` names `id`, also by a single one of its profiles.
pub fn matches(pattern: &str, id: &str) -> bool {
    any(pattern, ids(id))
}

/// The receiver's own addresses, worked out once.
#[derive(Debug, Clone)]
pub struct Identity {
    id: String,
    /// The id, and its variants with a single profile.
    own: Vec<String>,
    /// The same with each name of `spring.cloud.config.name` as application.
    by_config_name: Vec<String>,
}

impl Identity {
    /// An instance with this bus id that reads configuration under `config_names`.
    pub fn new(id: impl Into<String>, config_names: &[String]) -> Self {
        let id = id.into();
        let own: Vec<String> = ids(&id).collect();
        let rest = id.split_once(SEPARATOR).map(|(_, rest)| rest);
        let by_config_name = config_names
            .iter()
            .map(|name| rest.map_or_else(|| name.clone(), |rest| format!("{name}:{rest}")))
            .flat_map(|id| ids(&id).collect::<Vec<_>>())
            .filter(|id| !own.contains(id))
            .collect();
        Self { id, own, by_config_name }
    }

    /// `spring.cloud.bus.id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether an event with this destination is to be applied here.
    pub fn is_addressed(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Missing => false,
            Destination::Null => true,
            Destination::Pattern(pattern) if pattern.trim().is_empty() => true,
            Destination::Pattern(pattern) => any(pattern, self.own.iter().chain(&self.by_config_name)),
        }
    }

    /// Whether this origin is ours. The origin counts as a pattern: an event from `**` is from everyone.
    pub fn is_origin(&self, origin: &str) -> bool {
        any(origin, self.own.iter())
    }
}

/// The id, then, when its second part lists several profiles, the id with each of them alone.
fn ids(id: &str) -> impl Iterator<Item = String> {
    let mut parts = id.splitn(3, SEPARATOR);
    let variants = match (parts.next(), parts.next(), parts.next()) {
        (Some(app), Some(profiles), Some(rest)) if profiles.contains(',') => {
            profiles.split(',').map(|profile| format!("{app}:{}:{rest}", profile.trim())).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(id.to_owned()).chain(variants)
}

fn any(pattern: &str, mut ids: impl Iterator<Item = impl AsRef<str>>) -> bool {
    match Ant::new(pattern, SEPARATOR) {
        Ok(ant) => ids.any(|id| id.as_ref() == pattern || ant.matches(id.as_ref())),
        Err(_) => ids.any(|id| id.as_ref() == pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "8558a25ef56df8113104efed324d6996";

    fn me(front: &str) -> Identity {
        Identity::new(format!("{front}:{RANDOM}"), &[])
    }

    fn addressed(me: &Identity, pattern: &str) -> bool {
        me.is_addressed(&Destination::from(pattern))
    }

    #[test]
    fn a_sender_completes_the_destination() {
        for (given, sent) in [
            ("", "**"),
            ("**", "**"),
            ("bus-app", "bus-app:**"),
            ("bus-app:24110", "bus-app:24110:**"),
            ("bus-app:**", "bus-app:**"),
            ("*", "*:**"),
            ("a:b:c", "a:b:c"),
            ("a:b:c:**", "a:b:c:**"),
        ] {
            assert_eq!(normalise(given), sent);
        }
    }

    #[test]
    fn a_receiver_takes_the_destination_as_it_is() {
        let me = me("bus-app:24110");
        for pattern in [
            "**",
            "",
            " ",
            "bus-app:**",
            "bus-app:24110:**",
            "bus-app:*:*",
            "*:**",
            "bus-*:**",
            "bus-ap?:**",
            "**:24110:**",
            me.id(),
        ] {
            assert!(addressed(&me, pattern), "{pattern:?} should match");
        }
        for pattern in ["bus-app", "bus-app:24110", "bus-app:*", "*", "BUS-APP:**", "nosuch:**", ":**"] {
            assert!(!addressed(&me, pattern), "{pattern:?} should not match");
        }
        assert!(me.is_addressed(&Destination::Null));
        assert!(!me.is_addressed(&Destination::Missing));
    }

    #[test]
    fn each_profile_of_the_id_is_an_address() {
        let me = me("bus-app:dev,eu:24111");
        for pattern in [
            "bus-app:dev:**",
            "bus-app:eu:**",
            "bus-app:dev,eu:**",
            "bus-app:dev:24111:**",
            "*:dev:**",
            "bus-app:**",
        ] {
            assert!(addressed(&me, pattern), "{pattern:?} should match");
        }
        for pattern in ["bus-app:24111:**", "bus-app:prod:**", "bus-app:dev:24110:**"] {
            assert!(!addressed(&me, pattern), "{pattern:?} should not match");
        }
    }

    #[test]
    fn config_names_are_addresses_but_no_origins() {
        let me = Identity::new("orders:dev,eu:1:x", &["shop".to_owned(), "orders".to_owned()]);
        assert!(addressed(&me, "shop:**"));
        assert!(addressed(&me, "shop:eu:1:x"));
        assert!(!me.is_origin("shop:**"));
        assert!(!addressed(&me, "other:**"));
    }

    #[test]
    fn an_origin_is_taken_as_a_pattern() {
        let me = me("bus-app:24110");
        for origin in ["**", "bus-app:**", me.id()] {
            assert!(me.is_origin(origin), "{origin}");
        }
        for origin in ["", "bus-app", "bus-app:24111:x"] {
            assert!(!me.is_origin(origin), "{origin}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_gets_an_answer(pattern: String, id: String) {
            matches(&pattern, &id);
            Identity::new(id, std::slice::from_ref(&pattern)).is_addressed(&Destination::Pattern(pattern));
        }
    }
}
