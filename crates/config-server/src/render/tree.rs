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
    #[error(
        "key `{0}` is not a path: it begins with `.` or an index, has an empty part, or text behind an index"
    )]
    Key(String),
    /// 500.
    #[error("key `{0}` is a list here and something else elsewhere")]
    Clash(String),
    /// 500.
    #[error("key `{0}…` is nested too deep, or makes lists too long")]
    TooLarge(String),
}

/// A list index above this makes the key text: one such key would otherwise allocate a list of that length.
const LONGEST_LIST: usize = 100_000;
/// Items of all lists together, holes included: a short key may stand for very many.
const MOST_ITEMS: usize = 500_000;
/// Parts of a key.
const DEEPEST: usize = 256;

#[derive(Debug, PartialEq)]
enum Step<'k> {
    Name(&'k str),
    Index(usize),
    /// No name: the key has an empty part here.
    NoName,
    /// No index, or something else than `.` and `[` behind it.
    NoIndex,
}

/// Why a key does not fit in.
enum Refused {
    NoPath,
    Clash,
    Full,
}

impl Tree {
    pub(crate) fn unflatten(merged: &Merged<'_>) -> Result<Self, Misfit> {
        let mut root = IndexMap::new();
        let mut room = MOST_ITEMS;
        for (key, value) in merged {
            let steps = steps(key);
            let too_large = || Misfit::TooLarge(key.chars().take(80).collect());
            if steps.len() > DEEPEST {
                return Err(too_large());
            }
            insert(&mut root, &steps, (*value).clone(), None, &mut room).map_err(
                |refused| match refused {
                    Refused::NoPath => Misfit::Key((*key).to_owned()),
                    Refused::Clash => Misfit::Clash((*key).to_owned()),
                    Refused::Full => too_large(),
                },
            )?;
        }
        Ok(Self::Map(root))
    }
}

/// What is wrong with a key is its last step: what was said before may not fit either, and is told first.
///
/// A dot ends a name wherever it stands, between brackets too; brackets belong to the name unless a number is in them.
fn steps(key: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = key;
    loop {
        match end_of_name(rest, steps.is_empty()) {
            None => {
                steps.push(Step::Name(rest));
                return steps;
            }
            Some(0) => {
                steps.push(Step::NoName);
                return steps;
            }
            Some(at) => {
                let (name, after) = rest.split_at(at);
                steps.push(Step::Name(name));
                rest = after;
            }
        }
        while rest.starts_with('[') {
            match index(rest) {
                Some((index, after)) => {
                    steps.push(Step::Index(index));
                    rest = after;
                }
                None => {
                    steps.push(Step::NoIndex);
                    return steps;
                }
            }
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return steps,
        }
    }
}

fn index(text: &str) -> Option<(usize, &str)> {
    let (digits, after) = text.strip_prefix('[')?.split_once(']')?;
    let digits = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let index = digits.parse().ok().filter(|index| *index < LONGEST_LIST)?;
    (after.is_empty() || after.starts_with(['.', '['])).then_some((index, after))
}

/// The dot or the bracket of an index that ends the name at the start; `None`: nothing does.
fn end_of_name(text: &str, first: bool) -> Option<usize> {
    let mut open = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' => return Some(at),
            b'[' => open = Some(at),
            b']' => match open {
                Some(open) if text.get(open + 1..at).is_some_and(is_number) => return Some(open),
                // The original takes the number for an index, finds no bracket, and gives up looking.
                None if first && text.get(..at).is_some_and(is_number) => return None,
                _ => {}
            },
            _ => {}
        }
    }
    None
}

fn is_number(text: &str) -> bool {
    text.parse::<i32>().is_ok_and(|number| usize::try_from(number).map_or(true, |index| index < LONGEST_LIST))
}

/// Below a name that has a value already the rest goes on in the same map, and the last part gets the name in front.
fn insert(
    map: &mut IndexMap<String, Tree>,
    steps: &[Step<'_>],
    value: Scalar,
    before: Option<&str>,
    room: &mut usize,
) -> Result<(), Refused> {
    let Some((Step::Name(name), rest)) = steps.split_first() else { return Err(Refused::NoPath) };
    match rest.first() {
        None => {
            let name = before.map_or_else(|| (*name).to_owned(), |before| format!("{before}.{name}"));
            map.insert(name, Tree::Leaf(value));
            Ok(())
        }
        Some(Step::Index(_) | Step::NoIndex) => {
            let list = map.entry((*name).to_owned()).or_insert_with(|| Tree::List(Vec::new()));
            insert_item(list, rest, value, before, room)
        }
        Some(Step::Name(_) | Step::NoName) => {
            match map.entry((*name).to_owned()).or_insert_with(|| Tree::Map(IndexMap::new())) {
                Tree::Map(inner) => insert(inner, rest, value, before, room),
                Tree::Leaf(_) | Tree::Null | Tree::List(_) => insert(map, rest, value, Some(name), room),
            }
        }
    }
}

/// Takes what the list grows by from `room`.
fn insert_item(
    list: &mut Tree,
    steps: &[Step<'_>],
    value: Scalar,
    before: Option<&str>,
    room: &mut usize,
) -> Result<(), Refused> {
    let Tree::List(items) = list else { return Err(Refused::Clash) };
    let Some((Step::Index(index), rest)) = steps.split_first() else { return Err(Refused::NoPath) };
    if items.len() <= *index {
        *room = room.saturating_sub(index + 1 - items.len());
        if *room == 0 {
            return Err(Refused::Full);
        }
        items.resize(index + 1, Tree::Null);
    }
    let Some(item) = items.get_mut(*index) else { return Err(Refused::Full) };
    match rest.first() {
        None => *item = Tree::Leaf(value),
        Some(Step::Index(_) | Step::NoIndex) => {
            if matches!(item, Tree::Null) {
                *item = Tree::List(Vec::new());
            }
            return insert_item(item, rest, value, before, room);
        }
        Some(Step::Name(_) | Step::NoName) => {
            if matches!(item, Tree::Null) {
                *item = Tree::Map(IndexMap::new());
            }
            let Tree::Map(inner) = item else { return Err(Refused::Clash) };
            return insert(inner, rest, value, before, room);
        }
    }
    Ok(())
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
            (&[("m[a/b]", "x"), ("m[a.b].c", "y")], r#"{"m[a/b]":"x","m[a":{"b]":{"c":"y"}}}"#),
            (&[("a", "1"), ("a.b", "2"), ("a.c.d", "3")], r#"{"a":"1","a.b":"2","c":{"a.d":"3"}}"#),
            (&[("x.a", "1"), ("x.a.b", "2")], r#"{"x":{"a":"1","a.b":"2"}}"#),
            (&[("l[0]", "1"), ("l.m[0].n", "2")], r#"{"l":["1"],"m":[{"l.n":"2"}]}"#),
            (&[("", "0"), ("1.5].y", "1")], r#"{"":"0","1":{"5]":{"y":"1"}}}"#),
            (&[("a.", "1"), ("[x]", "2"), ("[x].y", "3")], r#"{"a":{"":"1"},"[x]":"2","[x].y":"3"}"#),
            (&[("l[4294967296]", "x")], r#"{"l[4294967296]":"x"}"#),
        ] {
            assert_eq!(json(pairs).as_deref(), Ok(expected), "{pairs:?}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for key in [".a", "[0]", "a..b", "a.[0]", "a[0]x", "a[0][x]", "a[-1]"] {
            assert_eq!(json(&[(key, "1")]), Err(Misfit::Key(key.to_owned())));
        }
        assert_eq!(json(&[("a", ""), ("a[0]", "x")]), Err(Misfit::Clash("a[0]".into())));
        assert_eq!(json(&[("m.x", ""), ("m[0][x]", "x")]), Err(Misfit::Clash("m[0][x]".into())));
        let deep = "a.".repeat(100_000) + "a";
        assert!(matches!(json(&[(&deep, "1")]), Err(Misfit::TooLarge(_))));
        let long: Vec<String> = (0..6).map(|n| format!("l{n}[99999]")).collect();
        let long: Vec<(&str, &str)> = long.iter().map(|key| (key.as_str(), "1")).collect();
        assert!(matches!(json(&long), Err(Misfit::TooLarge(_))));
        assert_eq!(json(&[("a.b", ""), ("a[0]", "x")]), Err(Misfit::Clash("a[0]".into())));
    }
}
