//! `routes` and `default-filters` of the configuration.

use wellspring_properties::{Environment, Problem};

use crate::config::PREFIX;
use crate::route::Definition;
use crate::route::definition::Step;
use crate::tree::Tree;

/// What the configuration defines; definitions that cannot be read come as problems.
#[derive(Debug, Default)]
pub struct Read {
    pub definitions: Vec<Definition>,
    pub defaults: Vec<Step>,
    pub problems: Vec<Problem>,
}

/// Reads routes and default filters; `env` shows both prefixes under the new one.
pub fn read(env: &Environment) -> Result<Read, Problem> {
    let mut read = Read::default();
    if let Some(tree) = Tree::from_env(env, &format!("{PREFIX}.routes"))? {
        for item in tree.items() {
            // `routes: []` and `routes:` leave an empty text behind.
            if matches!(item, Tree::Leaf(leaf) if leaf.text().is_empty()) {
                continue;
            }
            match Definition::read(item) {
                Ok(definition) => read.definitions.push(definition),
                Err(problem) => read.problems.push(problem),
            }
        }
    }
    read.defaults =
        Step::read_all(Tree::from_env(env, &format!("{PREFIX}.default-filters"))?.as_ref(), false)?;
    Ok(read)
}
