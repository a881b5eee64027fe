//! Settings of one application among several in a process: `wellspring.<scope>.server.port` is its `server.port`.

use wellspring_properties::{Environment, PropertySource};

/// The environment with everything below `wellspring.<scope>.` laid over the rest, each source in its old order.
pub(crate) fn lay_over(env: &Environment, scope: &str) -> Environment {
    let dotted = prefix(scope);
    let variable = dotted.replace(['.', '-'], "_").to_uppercase();
    let scoped = env.sources().iter().filter_map(|source| {
        let prefix = if source.variables { &variable } else { &dotted };
        let entries = source.entries.iter().filter_map(|(key, entry)| {
            let rest = key.strip_prefix(prefix.as_str())?;
            (!rest.is_empty()).then(|| (rest.to_owned(), entry.clone()))
        });
        let name = format!("{} ({scope})", source.name);
        let own = PropertySource { name, entries: entries.collect(), variables: source.variables };
        (!own.entries.is_empty()).then_some(own)
    });
    let shared = env.sources().iter().map(without_scoped);
    Environment::new(scoped.chain(shared).collect(), env.active_profiles().to_vec())
}

/// What settings begin with that an application may have to itself.
const ROOTS: [&str; 8] =
    ["server", "spring", "eureka", "management", "logging", "resilience4j", "encrypt", "wellspring"];

/// The source without settings of single applications: `wellspring.bus.server.port` is none of `wellspring.bus`.
fn without_scoped(source: &PropertySource) -> PropertySource {
    let scoped = |key: &str| {
        let (key, separator) =
            if source.variables { (key.to_lowercase(), '_') } else { (key.to_owned(), '.') };
        key.strip_prefix("wellspring").and_then(|rest| rest.strip_prefix(separator)).is_some_and(|rest| {
            // A part's name may hold the separator of variables: CONFIG_SERVER.
            rest.split(separator).skip(1).any(|word| ROOTS.contains(&word))
        })
    };
    let entries = source.entries.iter().filter(|(key, _)| !scoped(key));
    let entries = entries.map(|(key, entry)| (key.clone(), entry.clone())).collect();
    PropertySource { name: source.name.clone(), entries, variables: source.variables }
}

/// With the trailing dot.
pub(crate) fn prefix(scope: &str) -> String {
    format!("wellspring.{scope}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scoped_settings_win_from_files_and_variables() {
        let variables = [("WELLSPRING_CONFIG_SERVER_SERVER_PORT".to_owned(), "9".to_owned())];
        let file = [
            ("server.port", "1"),
            ("wellspring.registry.server.port", "2"),
            ("a", "x"),
            ("wellspring.registry.a", "y"),
        ];
        let env = Environment::new(
            vec![PropertySource::of_variables("vars", variables), PropertySource::of_pairs("file", file)],
            Vec::new(),
        );
        let registry = lay_over(&env, "registry");
        assert_eq!(
            (registry.get("server.port").as_deref(), registry.get("a").as_deref()),
            (Some("2"), Some("y"))
        );
        assert_eq!(lay_over(&env, "config-server").get("server.port").as_deref(), Some("9"));
        assert_eq!(lay_over(&env, "gateway").get("server.port").as_deref(), Some("1"));
    }

    #[test]
    fn settings_of_one_part_are_not_taken_for_settings_of_a_feature() {
        let variables = [("WELLSPRING_BUS_SERVER_PORT".to_owned(), "9".to_owned())];
        let file = [("wellspring.bus.server.port", "1"), ("wellspring.bus.url", "u")];
        let env = Environment::new(
            vec![PropertySource::of_variables("vars", variables), PropertySource::of_pairs("file", file)],
            Vec::new(),
        );
        let registry = lay_over(&env, "registry");
        assert_eq!(registry.get("wellspring.bus.url").as_deref(), Some("u"));
        assert!(!registry.contains("wellspring.bus.server"));
        assert_eq!(lay_over(&env, "bus").get("server.port").as_deref(), Some("9"));
    }
}
