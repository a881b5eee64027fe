//! `${key}` and `${key:default}` in finished text, looked up in the environment's own sources and nowhere else.
//!
//! One or two backslashes before `${` are an escape and come out as `${`. What cannot be resolved stays as it is.

use std::borrow::Cow;

use wellspring_properties::placeholder::ends;

/// A value needs itself, or values that multiply each other never end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("circular or endless placeholder reference in `{0}`")]
pub(crate) struct Circular(pub(crate) String);

/// Nested deeper than any real configuration; guards the stack.
const DEEPEST: usize = 64;
/// Placeholders and bytes of their values in one text: twenty values that each name the next one twice are a million.
const MOST: usize = 200_000;
const LONGEST: usize = 16 << 20;

/// Where the work is.
#[derive(Default)]
struct Path {
    visited: Vec<String>,
    placeholders: usize,
    bytes: usize,
}

/// `lookup` answers the text of a key.
pub(crate) fn resolve<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<Cow<'v, str>>,
) -> Result<String, Circular> {
    if !text.contains("${") {
        return Ok(text.to_owned());
    }
    resolve_within(text, lookup, &mut Path::default())
}

fn resolve_within<'v>(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<Cow<'v, str>>,
    path: &mut Path,
) -> Result<String, Circular> {
    let mut out = String::with_capacity(text.len());
    // `at`: where what has not been written begins.
    let mut at = 0;
    for (begin, end) in ends(text) {
        if begin < at {
            continue;
        }
        let before = text.get(at..begin).unwrap_or_default();
        if let Some(unescaped) = before.strip_suffix('\\') {
            out.push_str(unescaped.strip_suffix('\\').unwrap_or(unescaped));
            out.push_str("${");
            at = begin + 2;
            continue;
        }
        out.push_str(before);
        let Some((end, inner)) = end.and_then(|end| Some((end, text.get(begin + 2..end)?))) else {
            out.push_str("${");
            at = begin + 2;
            continue;
        };
        at = end + 1;
        match value(inner, lookup, path)? {
            Some(value) => out.push_str(&value),
            None => {
                out.push_str("${");
                out.push_str(&resolve_within(inner, lookup, path)?);
                out.push('}');
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

fn value<'v>(
    inner: &str,
    lookup: &dyn Fn(&str) -> Option<Cow<'v, str>>,
    path: &mut Path,
) -> Result<Option<String>, Circular> {
    path.placeholders += 1;
    let endless = path.placeholders > MOST || path.bytes > LONGEST || path.visited.len() > DEEPEST;
    if endless || path.visited.iter().any(|seen| seen == inner) {
        return Err(Circular(inner.chars().take(80).collect()));
    }
    path.visited.push(inner.to_owned());
    let (key, default) = match divider(inner) {
        Some(at) => {
            let (key, default) = inner.split_at(at);
            (key, default.strip_prefix(':'))
        }
        None => (inner, None),
    };
    let key = resolve_within(key, lookup, path)?;
    let found = match (lookup(&key), default) {
        (Some(value), _) => Some(resolve_within(&value, lookup, path)?),
        (None, Some(default)) => Some(resolve_within(default, lookup, path)?),
        (None, None) => None,
    };
    path.visited.pop();
    path.bytes += found.as_ref().map_or(0, String::len);
    Ok(found)
}

/// The first `:` outside of nested placeholders.
fn divider(inner: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String, Circular> {
        resolve(text, &|key| {
            let value = match key {
                "a" => "1",
                "which" => "a",
                "chain" => "<${a}>",
                "escaped" => "\\${a}",
                "loop" => "${pool}",
                "pool" => "${loop}",
                "self" => "${self}",
                "" => "empty",
                _ => return None,
            };
            Some(Cow::Borrowed(value))
        })
    }

    #[test]
    fn placeholders_and_what_becomes_of_them() {
        for (text, expected) in [
            ("no", "no"),
            ("${a}", "1"),
            ("x${a}y${a}z", "x1y1z"),
            ("${b:c}", "c"),
            ("${b:c:d}", "c:d"),
            ("${b:}", ""),
            ("${b}", "${b}"),
            ("${b${a}}", "${b1}"),
            ("${${which}}", "1"),
            ("${b:${a}}", "1"),
            ("${b:${c:d}}", "d"),
            ("${chain}", "<1>"),
            ("${ a }", "${ a }"),
            ("\\${a}", "${a}"),
            ("\\\\${a}", "${a}"),
            ("${escaped}", "${a}"),
            ("${a", "${a"),
            ("${a${a}", "${a1"),
            ("#{a}", "#{a}"),
            ("${}", "empty"),
            ("$${a}}", "$1}"),
            ("é${a}é", "é1é"),
        ] {
            assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn values_that_need_themselves_are_an_error() {
        for text in ["${loop}", "${self}", "${x:${self}}"] {
            assert!(resolved(text).is_err(), "{text}");
        }
        let deep = "${a:".repeat(500) + &"}".repeat(500);
        assert_eq!(resolved(&deep).as_deref(), Ok("1"));
        let multiplied = resolve("${v0}", &|key| {
            let number: usize = key.strip_prefix('v')?.parse().ok()?;
            Some(Cow::Owned(format!("${{v{0}}}${{v{0}}}", number + 1)))
        });
        assert!(multiplied.is_err());
        let deeper = "${b:".repeat(500) + &"}".repeat(500);
        assert!(resolved(&deeper).is_err());
    }

    #[test]
    fn what_is_never_closed_is_read_once() {
        for open in ["${", "${a:", "{${"] {
            let open = open.repeat(200_000);
            assert_eq!(resolve(&open, &|_| None).unwrap(), open);
        }
    }
}
