//! Routes added at run time through the actuator. They live as long as the process.

use indexmap::IndexMap;
use parking_lot::RwLock;

use crate::route::Definition;

/// Added definitions by id, in the order they came.
#[derive(Debug, Default)]
pub struct Memory(RwLock<IndexMap<String, Definition>>);

impl Memory {
    /// Adds one, or replaces the one of the same id.
    pub fn put(&self, definition: Definition) {
        self.0.write().insert(definition.id.clone(), definition);
    }

    /// `false` when there is none of that id.
    pub fn remove(&self, id: &str) -> bool {
        self.0.write().shift_remove(id).is_some()
    }

    /// All at once, as another keeper holds them.
    pub fn replace(&self, definitions: Vec<Definition>) {
        *self.0.write() = definitions.into_iter().map(|one| (one.id.clone(), one)).collect();
    }

    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.0.read().contains_key(id)
    }

    #[must_use]
    pub fn all(&self) -> Vec<Definition> {
        self.0.read().values().cloned().collect()
    }
}
