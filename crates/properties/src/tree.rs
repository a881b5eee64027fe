//! All sources as one tree of canonical elements: what binding walks.
//!
//! Each node keeps its values by precedence and the highest source that has anything below it, so that a list
//! can be taken whole from one source while maps merge.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::relaxed::{canonical_element, elements};
use crate::{Entry, PropertySource};

/// A key of more elements is read by its name and bound to nothing: what walks a tree, and drops it, is recursive.
const DEEPEST: usize = 256;

/// Number of a source, 0 the highest.
pub(crate) type SourceId = usize;

#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The element as the highest source spells it.
    pub(crate) literal: String,
    /// Whether a source with real spellings gave the literal (variables have only upper case).
    spelled: bool,
    pub(crate) children: IndexMap<String, Self>,
    /// (source, key) of each value right here, highest first.
    pub(crate) values: Vec<(SourceId, String)>,
}

impl Tree {
    /// Builds the tree; sources come highest first.
    pub(crate) fn build(sources: &[PropertySource]) -> Self {
        let mut root = Self::default();
        for (id, source) in sources.iter().enumerate() {
            for key in source.entries.keys() {
                let is_deep = match source.variables {
                    true => key.split('_').nth(DEEPEST).is_some(),
                    false => elements(key).nth(DEEPEST).is_some(),
                };
                if is_deep {
                    continue;
                }
                if source.variables {
                    root.insert(key.split('_').map(|e| (e.to_lowercase(), e, false)), id, key);
                } else {
                    root.insert(elements(key).map(|e| (canonical_element(e).into_owned(), e, true)), id, key);
                }
            }
        }
        root
    }

    fn insert<'k>(&mut self, path: impl Iterator<Item = (String, &'k str, bool)>, id: SourceId, key: &str) {
        let mut node = self;
        for (canonical, literal, spelled) in path {
            let child = node.children.entry(canonical).or_default();
            if child.literal.is_empty() || (spelled && !child.spelled) {
                child.literal = if spelled { literal.to_owned() } else { known_spelling(literal) };
                child.spelled = spelled;
            }
            node = child;
        }
        node.values.push((id, key.to_owned()));
    }

    /// The node at a canonical path.
    pub(crate) fn at<'t>(&'t self, canonical: &str) -> Option<&'t Self> {
        let mut node = self;
        for element in elements(canonical).filter(|e| !e.is_empty()) {
            node = node.children.get(element)?;
        }
        Some(node)
    }

    /// The value here, from any source or from one only.
    pub(crate) fn value<'s>(
        &self,
        sources: &'s [PropertySource],
        only: Option<SourceId>,
    ) -> Option<(&'s str, &'s Entry)> {
        let (id, key) = self.values.iter().find(|(id, _)| only.is_none_or(|only| only == *id))?;
        sources.get(*id)?.entries.get_key_value(key.as_str()).map(|(key, entry)| (key.as_str(), entry))
    }

    /// The highest source that has a value here or below.
    pub(crate) fn highest(&self, only: Option<SourceId>) -> Option<SourceId> {
        let own =
            self.values.iter().map(|(id, _)| *id).filter(|id| only.is_none_or(|only| only == *id)).min();
        let below = self.children.values().filter_map(|child| child.highest(only)).min();
        match (own, below) {
            (Some(own), Some(below)) => Some(own.min(below)),
            (own, below) => own.or(below),
        }
    }
}

/// Variables lose the case of map keys; these keys are known to need it.
fn known_spelling(element: &str) -> String {
    match element {
        "DEFAULTZONE" => "defaultZone".to_owned(),
        other => other.to_lowercase(),
    }
}

/// Canonical key → the value that wins.
pub(crate) type Index = HashMap<String, (SourceId, usize)>;

pub(crate) fn index(sources: &[PropertySource]) -> Index {
    let mut index = Index::with_capacity(sources.iter().map(|s| s.entries.len()).sum());
    for (id, source) in sources.iter().enumerate() {
        for (at, key) in source.entries.keys().enumerate() {
            let canonical = if source.variables {
                crate::relaxed::canonical_variable(key)
            } else {
                crate::relaxed::canonical(key).into_owned()
            };
            index.entry(canonical).or_insert((id, at));
        }
    }
    index
}
