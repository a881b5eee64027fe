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
    let sources = scoped.chain(env.sources().iter().cloned()).collect();
    Environment::new(sources, env.active_profiles().to_vec())
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
}
