//! `<<` as it works out in Spring: SnakeYAML's merging below Boot's tracking of origins.
//!
//! What an alias brings yields to the mapping's own keys, wherever they stand, and to earlier merges. What a mapping written
//! right at the `<<` brings is not recognised as the same key: the later of the two wins, and below a list Spring fails.

use std::collections::HashMap;

use super::compose::MapKey;
use super::{Key, Kind, Node};

/// The mapping with its merges done; a key keeps the place where it first came up.
pub(super) fn merged(
    entries: Vec<(MapKey, Node)>,
    unlistable: &mut Option<&'static str>,
) -> Vec<(Key, Node)> {
    let mut found: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
    let mut index: HashMap<(Key, bool), usize> = HashMap::new();
    for (key, node) in entries {
        match key {
            MapKey::Key(key) => match index.get(&(key.clone(), false)).and_then(|at| found.get_mut(*at)) {
                Some(entry) => entry.1 = node,
                None => {
                    index.insert((key.clone(), false), found.len());
                    found.push((key, node));
                }
            },
            MapKey::Merge => {
                let maps = match node.kind {
                    Kind::List(items) => items,
                    Kind::Map(_) | Kind::Scalar(_) => vec![node],
                };
                for map in maps {
                    let inline = !map.aliased;
                    if inline {
                        *unlistable = Some("inside a list << takes an alias, not a mapping");
                    }
                    let Kind::Map(entries) = map.kind else { continue };
                    for (key, node) in entries {
                        let slot = index.entry((key.clone(), inline)).or_insert(found.len());
                        if *slot == found.len() {
                            found.push((key, node));
                        }
                    }
                }
            }
        }
    }
    let mut out: Vec<(Key, Node)> = Vec::with_capacity(found.len());
    let mut places: HashMap<Key, usize> = HashMap::with_capacity(found.len());
    for (key, node) in found {
        match places.get(&key).and_then(|at| out.get_mut(*at)) {
            Some(entry) => entry.1 = node,
            None => {
                places.insert(key.clone(), out.len());
                out.push((key, node));
            }
        }
    }
    out
}
