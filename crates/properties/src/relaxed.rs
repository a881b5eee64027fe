//! Relaxed names: one canonical form for all spellings of a key.
//!
//! `my.first-name`, `my.firstName`, `my.first_name` and `MY_FIRSTNAME` are one key. Elements lose case and
//! everything but letters and digits; text in brackets that is not such a word stays as it is (`[a/b]`).

use std::borrow::Cow;

/// The canonical form of a key from a file or an argument.
pub fn canonical(key: &str) -> Cow<'_, str> {
    if key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.') {
        return Cow::Borrowed(key);
    }
    let mut out = String::with_capacity(key.len());
    for (at, element) in elements(key).enumerate() {
        if at > 0 {
            out.push('.');
        }
        push_canonical(&mut out, element);
    }
    Cow::Owned(out)
}

/// The canonical form of an environment variable: `_` separates elements.
pub fn canonical_variable(name: &str) -> String {
    name.split('_').map(str::to_lowercase).collect::<Vec<_>>().join(".")
}

/// One element of a key as written: `name`, or `[name]` with its brackets.
pub fn canonical_element(element: &str) -> Cow<'_, str> {
    if element.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Cow::Borrowed(element);
    }
    let mut out = String::with_capacity(element.len());
    push_canonical(&mut out, element);
    Cow::Owned(out)
}

fn push_canonical(out: &mut String, element: &str) {
    match bracketed(element) {
        Some(inner) if inner.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => {
            out.push_str(inner)
        }
        Some(_) => out.push_str(element),
        None => out.extend(element.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)),
    }
}

/// The text inside the brackets of a bracketed element.
pub fn bracketed(element: &str) -> Option<&str> {
    element.strip_prefix('[')?.strip_suffix(']')
}

/// The elements of a key: split at dots outside brackets, a bracket begins its own element.
pub fn elements(key: &str) -> Elements<'_> {
    Elements { rest: Some(key) }
}

/// Iterator of [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let end = if rest.starts_with('[') { rest.find(']').map(|at| at + 1) } else { rest.find(['.', '[']) };
        let (element, tail) = match end.and_then(|end| rest.split_at_checked(end)) {
            Some(split) => split,
            None => (rest, ""),
        };
        self.rest = match tail.strip_prefix('.') {
            Some(tail) => Some(tail),
            None if tail.is_empty() => None,
            None => Some(tail),
        };
        Some(element)
    }
}

/// Levenshtein's distance between two names.
pub fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cb, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(ca != *cb));
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{canonical, canonical_variable, elements};

    #[test]
    fn spellings_of_one_key_are_equal() {
        for (written, wanted) in [
            ("my.first-name", "my.firstname"),
            ("my.firstName", "my.firstname"),
            ("my.first_name", "my.firstname"),
            ("My.FirstName", "my.firstname"),
            ("routes[0].id", "routes.0.id"),
            ("m[a/b]", "m.[a/b]"),
            ("m[a.b].c", "m.[a.b].c"),
            ("m[key]", "m.key"),
            ("m[Key]", "m.[Key]"),
            ("a[0][1]", "a.0.1"),
            ("", ""),
        ] {
            assert_eq!(canonical(written), wanted, "{written}");
        }
        assert_eq!(
            canonical_variable("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"),
            "eureka.client.serviceurl.defaultzone"
        );
        assert_eq!(canonical_variable("ROUTES_0_ID"), "routes.0.id");
    }

    #[test]
    fn broken_brackets_end_somewhere() {
        for key in ["a[", "[", "]", "a[b", "..", "a..b", "[].", "a[]b"] {
            assert!(elements(key).count() < 5, "{key}");
        }
        assert_eq!(elements("a[x]b").collect::<Vec<_>>(), ["a", "[x]", "b"]);
    }
}
