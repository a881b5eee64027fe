//! Settings as they were written: texts, lists and maps, each with its place in the file.
//!
//! Routes are bound from this and not from structs, because their arguments have names of their own and every
//! complaint shall name file, line and column. JSON from the actuator becomes the same tree.

use indexmap::IndexMap;
use serde_json::Value;
use wellspring_properties::relaxed::{canonical, canonical_element, canonical_variable, elements};
use wellspring_properties::{Environment, Origin, Problem, Scalar};

use crate::problem::BAD_SETTING;

/// Names in a key, at most: what walks a tree is recursive.
const DEEPEST: usize = 256;

/// A value with everything below it.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Leaf(Leaf),
    List(Vec<Self>),
    Map(IndexMap<String, Self>),
}

/// One scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// As typed by its file; texts have their placeholders resolved.
    pub value: Value,
    pub origin: Option<Origin>,
}

impl Leaf {
    /// The text that Spring sees.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }
}

impl Tree {
    /// A text without a place.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Leaf(Leaf { value: Value::String(text.into()), origin: None })
    }

    /// Everything below `prefix`. A list is taken whole from the source of highest precedence that has it, as Spring does.
    pub fn from_env(env: &Environment, prefix: &str) -> Result<Option<Self>, Problem> {
        let wanted = canonical(prefix);
        let depth = elements(&wanted).count();
        for source in env.sources() {
            let mut root: Option<Building> = None;
            for (key, entry) in &source.entries {
                let form = if source.variables { canonical_variable(key).into() } else { canonical(key) };
                let below =
                    form.strip_prefix(&*wanted).filter(|rest| rest.is_empty() || rest.starts_with('.'));
                if below.is_none() {
                    continue;
                }
                if elements(&form).nth(DEEPEST).is_some() {
                    return Err(Problem::new(
                        BAD_SETTING,
                        format!("a key below {prefix} is nested too deep"),
                    )
                    .at(entry.origin.clone())
                    .hint(format!("at most {DEEPEST} names in a key")));
                }
                let leaf = Leaf { value: scalar(env, &entry.value)?, origin: entry.origin.clone() };
                // Variables know no capitals or dashes, so their names are the canonical ones.
                let path: Vec<String> = if source.variables {
                    elements(&form).skip(depth).map(plain).collect()
                } else {
                    elements(key).skip(depth).map(plain).collect()
                };
                root.get_or_insert_with(Building::default).insert(&path, leaf);
            }
            if let Some(root) = root {
                return Ok(Some(root.finish()));
            }
        }
        Ok(None)
    }

    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            Value::Object(members) => Self::Map(
                members.iter().map(|(name, value)| (name.clone(), Self::from_json(value))).collect(),
            ),
            scalar => Self::Leaf(Leaf { value: scalar.clone(), origin: None }),
        }
    }

    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Leaf(leaf) => leaf.value.clone(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(members) => {
                Value::Object(members.iter().map(|(name, tree)| (name.clone(), tree.to_json())).collect())
            }
        }
    }

    /// A member by relaxed name (`keyResolver` finds `key-resolver`).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.get(name).or_else(|| {
            let wanted = canonical_element(name);
            members.iter().find(|(known, _)| canonical_element(known) == wanted).map(|(_, tree)| tree)
        })
    }

    /// A member, several levels deep.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, name| tree.get(name))
    }

    /// The scalar's text.
    #[must_use]
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Leaf(leaf) => Some(leaf.text()),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A list of texts: each item of a list whole, a single text split at commas.
    #[must_use]
    pub fn as_texts(&self) -> Vec<String> {
        match self {
            Self::Leaf(leaf) => pieces(&leaf.text()),
            Self::List(items) => items.iter().filter_map(Self::as_text).collect(),
            Self::Map(members) => members.values().filter_map(Self::as_text).collect(),
        }
    }

    #[must_use]
    pub fn items(&self) -> Vec<&Self> {
        match self {
            Self::List(items) => items.iter().collect(),
            Self::Leaf(_) | Self::Map(_) => vec![self],
        }
    }

    /// Place of the first scalar.
    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Leaf(leaf) => leaf.origin.clone(),
            Self::List(items) => items.iter().find_map(Self::origin),
            Self::Map(members) => members.values().find_map(Self::origin),
        }
    }
}

/// Splits at every comma, trims, drops empty pieces: there is no quoting in shortcuts.
#[must_use]
pub fn pieces(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
}

fn plain(element: &str) -> String {
    element.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(element).to_owned()
}

fn scalar(env: &Environment, scalar: &Scalar) -> Result<Value, Problem> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(*value),
        Scalar::Int(value) => Value::from(*value),
        Scalar::Text(text) => Value::String(env.resolve(text)?),
        other => Value::String(other.to_string()),
    })
}

/// A tree while keys arrive one by one.
#[derive(Default)]
struct Building {
    leaf: Option<Leaf>,
    below: IndexMap<String, Self>,
}

impl Building {
    fn insert(&mut self, path: &[String], leaf: Leaf) {
        match path.split_first() {
            // An empty text is what a flattened `[]` or `{}` leaves; real members win over it.
            None => self.leaf = Some(leaf),
            Some((first, rest)) => self.below.entry(first.clone()).or_default().insert(rest, leaf),
        }
    }

    fn finish(self) -> Tree {
        if self.below.is_empty() {
            return Tree::Leaf(self.leaf.unwrap_or(Leaf { value: Value::Null, origin: None }));
        }
        let numbered: Option<Vec<usize>> = self.below.keys().map(|key| key.parse().ok()).collect();
        match numbered {
            Some(numbers) => {
                let mut items: Vec<(usize, Tree)> =
                    numbers.into_iter().zip(self.below.into_values().map(Self::finish)).collect();
                items.sort_by_key(|(number, _)| *number);
                Tree::List(items.into_iter().map(|(_, tree)| tree).collect())
            }
            None => Tree::Map(self.below.into_iter().map(|(key, tree)| (key, tree.finish())).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Tree, pieces};

    #[test]
    fn shortcuts_split_at_every_comma() {
        assert_eq!(pieces("a, b,,c d ,"), ["a", "b", "c d"]);
        assert_eq!(pieces("X, \"a b\""), ["X", "\"a b\""]);
    }

    #[test]
    fn names_are_relaxed() {
        let tree = Tree::from_json(&json!({"key-resolver": "x", "a": {"b_c": 1}}));
        assert_eq!(tree.get("keyResolver").and_then(Tree::as_text).as_deref(), Some("x"));
        assert_eq!(tree.at(&["a", "bC"]).and_then(Tree::as_text).as_deref(), Some("1"));
    }

    #[test]
    fn lists_keep_their_items_whole_and_texts_are_split() {
        assert_eq!(Tree::from_json(&json!(["/{a:[a-z]{2,3}}"])).as_texts(), ["/{a:[a-z]{2,3}}"]);
        assert_eq!(Tree::text("/a/**,/b/**").as_texts(), ["/a/**", "/b/**"]);
    }
}
