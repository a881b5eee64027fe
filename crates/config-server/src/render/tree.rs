//! Flat keys back into a tree: `a.b[0].c` → maps and lists.

use indexmap::IndexMap;
use wellspring_properties::Scalar;

use super::merge::Merged;

/// A document to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// A hole in a list.
    Null,
    Leaf(Scalar),
    List(Vec<Self>),
    Map(IndexMap<String, Self>),
}

/// Why keys do not make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misfit {
    /// The requester's fault, says the original: 400.
    #[error("key `{0}` is not a path: it is empty, begins with `.` or `[`, or has an empty part")]
    Key(String),
    /// 500.
    #[error("key `{0}` is a list here and something else elsewhere")]
    Clash(String),
}

/// A list index above this makes the key text: one such key would otherwise allocate a list of that length.
const LONGEST_LIST: usize = 100_000;

#[derive(Debug, PartialEq)]
enum Step<'k> {
    Name(&'k str),
    Index(usize),
}

impl Tree {
    pub(crate) fn unflatten(merged: &Merged<'_>) -> Result<Self, Misfit> {
        let mut root = IndexMap::new();
        for (key, value) in merged {
            let steps = steps(key).ok_or_else(|| Misfit::Key((*key).to_owned()))?;
            insert(&mut root, &steps, (*value).clone()).ok_or_else(|| Misfit::Clash((*key).to_owned()))?;
        }
        Ok(Self::Map(root))
    }
}

/// `None`: the key is no path.
fn steps(key: &str) -> Option<Vec<Step<'_>>> {
    if key.is_empty() || key.starts_with(['.', '[']) || key.contains("..") {
        return None;
    }
    let mut steps = Vec::new();
    let mut rest = key;
    while !rest.is_empty() {
        let (name, after) = rest.split_at(name_end(rest));
        if !name.is_empty() {
            steps.push(Step::Name(name));
        }
        rest = after;
        while let Some((index, after)) = index(rest) {
            steps.push(Step::Index(index));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('.') {
            // A dot at the end belongs to nothing and is dropped.
            rest = after;
        } else if !rest.is_empty() && !matches!(steps.last(), Some(Step::Name(_))) {
            // Text directly after `]`.
            steps.push(Step::Name(rest));
            rest = "";
        }
    }
    Some(steps)
}

/// Where a name ends: at a dot or an index; brackets with anything else belong to the name, dots inside included.
fn name_end(text: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(['.', '['])).map(|at| at + from) {
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with('.') || index(rest).is_some() {
            return at;
        }
        from = match rest.find(']') {
            Some(end) => at + end + 1,
            None => return text.len(),
        };
    }
    text.len()
}

fn index(text: &str) -> Option<(usize, &str)> {
    let (digits, after) = text.strip_prefix('[')?.split_once(']')?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let index = digits.parse().ok().filter(|index| *index < LONGEST_LIST)?;
    Some((index, after))
}

/// `None`: a list where something else is, or the reverse.
fn insert(map: &mut IndexMap<String, Tree>, steps: &[Step<'_>], value: Scalar) -> Option<()> {
    let (Step::Name(name), rest) = steps.split_first()? else { return None };
    match rest.first() {
        None => {
            map.insert((*name).to_owned(), Tree::Leaf(value));
            Some(())
        }
        Some(Step::Index(_)) => {
            let list = map.entry((*name).to_owned()).or_insert_with(|| Tree::List(Vec::new()));
            insert_item(list, rest, value)
        }
        Some(Step::Name(_)) => {
            match map.entry((*name).to_owned()).or_insert_with(|| Tree::Map(IndexMap::new())) {
                Tree::Map(inner) => insert(inner, rest, value),
                // A scalar has the name already: both are kept, this one under its dotted name.
                Tree::Leaf(_) | Tree::Null => {
                    map.insert(dotted(steps), Tree::Leaf(value));
                    Some(())
                }
                Tree::List(_) => None,
            }
        }
    }
}

fn insert_item(list: &mut Tree, steps: &[Step<'_>], value: Scalar) -> Option<()> {
    let Tree::List(items) = list else { return None };
    let (Step::Index(index), rest) = steps.split_first()? else { return None };
    if items.len() <= *index {
        items.resize(index + 1, Tree::Null);
    }
    let item = items.get_mut(*index)?;
    match rest.first() {
        None => *item = Tree::Leaf(value),
        Some(Step::Index(_)) => {
            if matches!(item, Tree::Null) {
                *item = Tree::List(Vec::new());
            }
            return insert_item(item, rest, value);
        }
        Some(Step::Name(_)) => {
            if matches!(item, Tree::Null) {
                *item = Tree::Map(IndexMap::new());
            }
            let Tree::Map(inner) = item else { return None };
            return insert(inner, rest, value);
        }
    }
    Some(())
}

fn dotted(steps: &[Step<'_>]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Name(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Step::Index(index) => out.push_str(&format!("[{index}]")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(pairs: &[(&str, &str)]) -> Result<String, Misfit> {
        let values: Vec<(&str, Scalar)> =
            pairs.iter().map(|(k, v)| (*k, Scalar::Text((*v).to_owned()))).collect();
        let merged: Merged<'_> = values.iter().map(|(k, v)| (*k, v)).collect();
        Ok(super::super::json::dump(&Tree::unflatten(&merged)?))
    }

    #[test]
    fn keys_make_maps_and_lists() {
        for (pairs, expected) in [
            (&[("a.b.c", "1"), ("a.d", "2")][..], r#"{"a":{"b":{"c":"1"},"d":"2"}}"#),
            (&[("l[1]", "b"), ("l[0].x", "a")], r#"{"l":[{"x":"a"},"b"]}"#),
            (&[("l[2]", "c")], r#"{"l":[null,null,"c"]}"#),
            (&[("m[0][1]", "x")], r#"{"m":[[null,"x"]]}"#),
            (&[("m[a/b]", "x"), ("m[a.b].c", "y")], r#"{"m[a/b]":"x","m[a.b]":{"c":"y"}}"#),
            (&[("a", "1"), ("a.b", "2"), ("a.c.d", "3")], r#"{"a":"1","a.b":"2","a.c.d":"3"}"#),
            (&[("x.a", "1"), ("x.a.b", "2")], r#"{"x":{"a":"1","a.b":"2"}}"#),
            (&[("l[4294967296]", "x")], r#"{"l[4294967296]":"x"}"#),
        ] {
            assert_eq!(json(pairs).as_deref(), Ok(expected), "{pairs:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for key in ["", ".a", "[0]", "a..b"] {
            assert_eq!(json(&[(key, "1")]), Err(Misfit::Key(key.to_owned())));
        }
        assert_eq!(json(&[("a", ""), ("a[0]", "x")]), Err(Misfit::Clash("a[0]".into())));
        assert_eq!(json(&[("a.b", ""), ("a[0]", "x")]), Err(Misfit::Clash("a[0]".into())));
    }
}
