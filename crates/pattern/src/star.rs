//! Star patterns: `*` stands for any text, also none; everything else is literal.
//!
//! This is how a config server compares `application/profile` with the patterns of its repositories.

/// Does `text` match `pattern` as a whole? Compares by bytes, takes no longer than the product of both lengths.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&wanted) if wanted == byte => {
                p += 1;
                t += 1;
            }
            _ => {
                // Let the last star swallow one byte more; an earlier star never needs to.
                let Some((after, from)) = retry else { return false };
                retry = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|&byte| byte == b'*')
}

/// Does any of the patterns match?
pub fn matches_any<'a>(patterns: impl IntoIterator<Item = &'a str>, text: &str) -> bool {
    patterns.into_iter().any(|pattern| matches(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_any};

    #[test]
    fn star_stands_for_any_text() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("*", "a/b", true),
            ("", "", true),
            ("", "a", false),
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "a", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbb", false),
            ("*/dev", "orders/dev", true),
            ("*/dev*", "orders/development", true),
            ("local*/*", "localtest/prod", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*aab", "aaaab", true),
            ("**", "x", true),
            ("a?c", "abc", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} on {text}");
        }
    }

    #[test]
    fn one_of_several_is_enough() {
        assert!(matches_any(["x", "o*"], "orders"));
        assert!(!matches_any([], "orders"));
    }
}
