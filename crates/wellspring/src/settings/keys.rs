//! Names and kinds of the originals' settings, from the metadata of their libraries.

use std::collections::HashMap;
use std::sync::LazyLock;

use wellspring_properties::relaxed::{canonical, edits};

use super::newer;

const TEXT: &str = include_str!("keys.txt");

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Flag,
    Int,
    Number,
    Time,
    Size,
    Text,
    List,
    Map,
    /// One of a few words, or something with members.
    Other,
}

/// A setting of the originals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The originals themselves say: no longer.
    pub(crate) old: bool,
}

/// All of them, by name.
pub(crate) fn all() -> impl Iterator<Item = Key> {
    TEXT.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split(' ');
        let name = words.next()?;
        let kind = match words.next()? {
            "flag" => Kind::Flag,
            "int" => Kind::Int,
            "number" => Kind::Number,
            "time" => Kind::Time,
            "size" => Kind::Size,
            "text" => Kind::Text,
            "list" => Kind::List,
            "map" => Kind::Map,
            _ => Kind::Other,
        };
        Some(Key { name, kind, old: words.next() == Some("old") })
    })
}

/// By plain name.
static INDEX: LazyLock<HashMap<String, Key>> =
    LazyLock::new(|| all().map(|key| (canonical(key.name).into_owned(), key)).collect());

/// The setting of this name, or the map, list or group that it is a member of.
pub(crate) fn find(key: &str) -> Option<Key> {
    let key = newer(key);
    let whole = key.len();
    let fits = |known: &&Key, at: &str| {
        at.len() == whole || matches!(known.kind, Kind::List | Kind::Map | Kind::Other)
    };
    above(&key).find_map(|at| INDEX.get(at).filter(|known| fits(known, at)).copied())
}

/// A name, and those it stands below, the longest first.
pub(crate) fn above(key: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(key), |at| at.rfind(['.', '[']).and_then(|end| at.get(..end)))
}

/// Whether the metadata has the key, or a map or list that it stands in.
pub(crate) fn is_known(key: &str) -> bool {
    find(key).is_some()
}

/// Whether the key begins as a setting of Spring's does.
pub(crate) fn is_spring(key: &str) -> bool {
    let key = canonical(key);
    let first = key.split(['.', '[']).next().unwrap_or_default();
    ["spring", "server", "management", "logging", "eureka", "resilience4j", "encrypt"].contains(&first)
}

/// The setting that was probably meant: one with the same beginning and a similar last word.
pub(crate) fn nearest(key: &str) -> Option<&'static str> {
    let key = newer(key);
    let (group, last) = key.rsplit_once('.')?;
    let of_group = INDEX.iter().filter_map(|(plain, known)| {
        let (its_group, its_last) = plain.rsplit_once('.')?;
        (its_group == group).then(|| (edits(last, its_last), known.name))
    });
    let (slips, name) = of_group.min()?;
    let allowed = match last.chars().count() {
        0..4 => 1,
        length => (length / 3).max(2),
    };
    (slips <= allowed).then_some(name)
}
