//! Comparing JSON documents: equal, or a part of; texts that begin with `~` are patterns.

use fancy_regex::Regex;
use serde_json::{Number, Value};

/// The first difference between what is wanted and what was got, or `None`.
pub fn same(want: &Value, got: &Value) -> Option<String> {
    compare(want, got, "", false)
}

/// As [`same`], but objects may hold more, and each wanted list item is found somewhere in the list.
pub fn subset(want: &Value, got: &Value) -> Option<String> {
    compare(want, got, "", true)
}

fn compare(want: &Value, got: &Value, place: &str, part: bool) -> Option<String> {
    let named = if place.is_empty() { "/" } else { place };
    match (want, got) {
        (Value::String(pattern), Value::String(text)) if pattern.starts_with('~') => {
            let pattern = &pattern[1..];
            (!matches(pattern, text)).then(|| format!("{named}: {text:?} does not match {pattern:?}"))
        }
        (Value::Object(want), Value::Object(got)) => {
            if let Some(key) = want.keys().find(|key| !got.contains_key(*key)) {
                return Some(format!("{place}/{key}: missing"));
            }
            if !part && let Some((key, value)) = got.iter().find(|(key, _)| !want.contains_key(*key)) {
                return Some(format!("{place}/{key}: unexpected {}", short(value)));
            }
            want.iter().find_map(|(key, value)| compare(value, &got[key], &format!("{place}/{key}"), part))
        }
        (Value::Array(want), Value::Array(got)) if part => want.iter().enumerate().find_map(|(at, item)| {
            let found = got.iter().any(|candidate| subset(item, candidate).is_none());
            (!found).then(|| format!("{place}/{at}: no item holds {}", short(item)))
        }),
        (Value::Array(want), Value::Array(got)) => {
            if want.len() != got.len() {
                return Some(format!("{named}: {} items, expected {}", got.len(), want.len()));
            }
            let pairs = want.iter().zip(got).enumerate();
            pairs.into_iter().find_map(|(at, (want, got))| compare(want, got, &format!("{place}/{at}"), part))
        }
        (Value::Number(want_number), Value::Number(got_number)) if equal(want_number, got_number) => None,
        _ if want == got => None,
        _ => Some(format!("{named}: {}, expected {}", short(got), short(want))),
    }
}

/// 1 and 1.0 are equal.
fn equal(want: &Number, got: &Number) -> bool {
    want == got || (want.is_f64() || got.is_f64()) && want.as_f64() == got.as_f64()
}

/// Whether the pattern is found anywhere in the text.
///
/// # Panics
/// When the pattern is not one: the suite is wrong.
pub fn matches(pattern: &str, text: &str) -> bool {
    let regex = Regex::new(pattern).unwrap_or_else(|error| panic!("pattern {pattern:?}: {error}"));
    regex.is_match(text).unwrap_or(false)
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(160).collect()
}

/// Splits a JSON pointer; an empty one has no parts.
fn parts(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// Removes what a pointer names, `*` standing for any key or index. What is absent stays absent.
pub fn remove(document: &mut Value, pointer: &str) {
    remove_parts(document, &parts(pointer));
}

fn remove_parts(document: &mut Value, pointer: &[String]) {
    let Some((head, rest)) = pointer.split_first() else { return };
    match document {
        Value::Object(fields) => {
            let keys: Vec<String> =
                fields.keys().filter(|key| head == "*" || *key == head).cloned().collect();
            for key in keys {
                if rest.is_empty() {
                    fields.shift_remove(&key);
                } else if let Some(child) = fields.get_mut(&key) {
                    remove_parts(child, rest);
                }
            }
        }
        Value::Array(items) => {
            // From the end, so that indexes stay true.
            for at in (0..items.len()).rev().filter(|at| head == "*" || head.parse() == Ok(*at)) {
                if rest.is_empty() {
                    items.remove(at);
                } else {
                    remove_parts(&mut items[at], rest);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a pointer names.
pub fn lookup<'a>(document: &'a Value, pointer: &str) -> Option<&'a Value> {
    parts(pointer).iter().try_fold(document, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(fields) => fields.get(part),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_equal_from_different() {
        let table = [
            (json!({"a": [1, "x"]}), json!({"a": [1.0, "x"]}), true),
            (json!({"a": 1}), json!({"a": 1, "b": 2}), false),
            (json!({"a": 1, "b": 2}), json!({"a": 1}), false),
            (json!([1, 2]), json!([2, 1]), false),
            (json!([1]), json!([1, 2]), false),
            (json!("1"), json!(1), false),
            (json!(true), json!(1), false),
            (json!(null), json!({}), false),
            (json!("~^\\d+$"), json!("42"), true),
            (json!("~^\\d+$"), json!("4x"), false),
            (json!("~^\\d+$"), json!(42), false),
        ];
        for (want, got, equal) in table {
            assert_eq!(same(&want, &got).is_none(), equal, "{want} against {got}");
        }
    }

    #[test]
    fn a_subset_finds_its_items_anywhere() {
        let got = json!({"list": [{"id": 1, "x": 1}, {"id": 2}], "more": true});
        assert_eq!(subset(&json!({"list": [{"id": 2}, {"id": 1}]}), &got), None);
        assert!(subset(&json!({"list": [{"id": 3}]}), &got).is_some());
        assert!(subset(&json!({"less": true}), &got).is_some());
    }

    #[test]
    fn removes_by_pointer_with_wildcards() {
        let mut document =
            json!({"a": {"x": {"t": 1, "u": 2}, "y": {"t": 3}}, "l": [{"t": 1}, {"t": 2}], "k/~": 1});
        remove(&mut document, "/a/*/t");
        remove(&mut document, "/l/1/t");
        remove(&mut document, "/k~1~0");
        remove(&mut document, "/nothing/here");
        assert_eq!(document, json!({"a": {"x": {"u": 2}, "y": {}}, "l": [{"t": 1}, {}]}));
        remove(&mut document, "/l/*");
        assert_eq!(document["l"], json!([]));
    }

    #[test]
    fn looks_up_by_pointer() {
        let document = json!({"a": [{"b": 5}]});
        assert_eq!(lookup(&document, "/a/0/b"), Some(&json!(5)));
        assert_eq!(lookup(&document, "/a/b"), None);
        assert_eq!(lookup(&document, ""), Some(&document));
    }
}
