//! Ant patterns with any separator: `.` for hosts, `:` for bus destinations, `/` for files.
//!
//! `?` is one character, `*` any text inside a part, `**` any number of parts (also none), `{name}` and `{name:regexp}`
//! capture. Empty parts do not count, but a separator at the start or end of the text must be there in the pattern too.

use crate::segment::Segment;
use crate::{PatternError, Variables};

/// A compiled Ant pattern.
#[derive(Debug, Clone)]
pub struct Ant {
    source: Box<str>,
    separator: char,
    parts: Vec<Part>,
    starts: bool,
    ends: bool,
}

#[derive(Debug, Clone)]
enum Part {
    One(Segment),
    /// `**`
    Rest,
}

impl Ant {
    /// Compiles `pattern`, whose parts are divided by `separator`.
    pub fn new(pattern: &str, separator: char) -> Result<Self, PatternError> {
        let mut parts = Vec::new();
        for text in split_outside_braces(pattern, separator) {
            match text {
                "" => {}
                "**" => parts.push(Part::Rest),
                text => parts.push(Part::One(Segment::parse(text, pattern)?)),
            }
        }
        Ok(Self {
            source: pattern.into(),
            separator,
            parts,
            starts: pattern.starts_with(separator),
            ends: pattern.ends_with(separator),
        })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.find(text).is_some()
    }

    /// Like `matches`, and writes the captured values when the text matches.
    pub fn capture(&self, text: &str, into: &mut Variables) -> bool {
        let Some(places) = self.find(text) else { return false };
        let texts: Vec<&str> = self.texts(text).collect();
        for (part, place) in self.parts.iter().zip(places) {
            if let (Part::One(segment), Some(text)) = (part, texts.get(place)) {
                segment.capture(text, into);
            }
        }
        true
    }

    fn texts<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(self.separator).filter(|part| !part.is_empty())
    }

    /// For each part of the pattern the index of the text's part that it took; `**` has the index where it began.
    fn find(&self, text: &str) -> Option<Vec<usize>> {
        if text.starts_with(self.separator) != self.starts {
            return None;
        }
        let texts: Vec<&str> = self.texts(text).collect();
        let mut places: Vec<usize> = Vec::with_capacity(self.parts.len());
        let mut t = 0;
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let p = places.len();
            match (self.parts.get(p), texts.get(t)) {
                (None, None) => break,
                (Some(Part::Rest), _) => {
                    retry = Some((p, t));
                    places.push(t);
                    continue;
                }
                (Some(Part::One(segment)), Some(part)) if segment.matches(part) => {
                    places.push(t);
                    t += 1;
                    continue;
                }
                // `a/*` takes `a/`, although there is no part for the star.
                (Some(Part::One(Segment::Any)), None)
                    if p + 1 == self.parts.len() && text.ends_with(self.separator) =>
                {
                    places.push(t);
                    return Some(places);
                }
                _ => {}
            }
            let (rest, from) = retry?;
            if from >= texts.len() {
                return None;
            }
            t = from + 1;
            retry = Some((rest, t));
            places.truncate(rest + 1);
        }
        let ends_matter = !matches!(self.parts.last(), Some(Part::Rest));
        (!ends_matter || self.ends == text.ends_with(self.separator)).then_some(places)
    }
}

/// A separator inside `{name:a.b}` belongs to the regular expression.
fn split_outside_braces(pattern: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut from) = (0_u32, 0);
    for (at, c) in pattern.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            c if c == separator && depth == 0 => {
                parts.extend(pattern.get(from..at));
                from = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.extend(pattern.get(from..));
    parts
}

#[cfg(test)]
mod tests {
    use super::Ant;
    use crate::Variables;

    fn check(separator: char, table: &[(&str, &str, bool)]) {
        for (pattern, text, wanted) in table {
            let ant = Ant::new(pattern, separator).unwrap();
            assert_eq!(ant.matches(text), *wanted, "{pattern} on {text}");
        }
    }

    #[test]
    fn hosts() {
        check(
            '.',
            &[
                ("**.somehost.org", "www.somehost.org", true),
                ("**.somehost.org", "a.b.somehost.org", true),
                ("**.somehost.org", "somehost.org", true),
                ("**.somehost.org", "www.somehost.org:8080", false),
                ("*.somehost.org", "www.somehost.org", true),
                ("*.somehost.org", "somehost.org", false),
                ("*.somehost.org", "a.b.somehost.org", false),
                ("exact.example", "exact.example", true),
                ("exact.example", "exact.example:8080", false),
                ("exact.example:8080", "exact.example:8080", true),
                ("w?w.x.org", "wow.x.org", true),
                ("w?w.x.org", "ww.x.org", false),
                ("**", "anything.at.all", true),
                ("api-*.x.org", "api-7.x.org", true),
                ("**.x.**.org", "a.x.b.c.org", true),
                ("**.x.**.org", "a.y.b.c.org", false),
                ("a.**.**.b", "a.b", true),
            ],
        );
    }

    #[test]
    fn destinations() {
        check(
            ':',
            &[
                ("**", "orders:prod:8081", true),
                ("orders:**", "orders:prod:8081", true),
                ("orders:**", "orders", true),
                ("orders:*", "orders:prod:8081", false),
                ("or*:**", "orders:x:y", true),
                ("inventory:**", "orders:x:y", false),
                ("orders:**:8081", "orders:a,b:8081", true),
                ("orders:prod:8081", "orders:prod:8081", true),
            ],
        );
    }

    #[test]
    fn separators_at_the_ends_matter() {
        check(
            '/',
            &[
                ("/a/*", "/a/", true),
                ("/a", "a", false),
                ("/a", "/a/", false),
                ("/a/", "/a/", true),
                ("/a/**", "/a/", true),
                ("/**/c/", "/a/b/c", false),
                ("/a//b", "/a/b", true),
            ],
        );
    }

    #[test]
    fn variables_are_captured() {
        let mut found = Variables::default();
        let ant = Ant::new("{sub}.my{kind:[a-z]+}.org", '.').unwrap();
        assert!(ant.capture("abc.myhost.org", &mut found));
        assert_eq!((found.get("sub"), found.get("kind")), (Some("abc"), Some("host")));
        assert!(!ant.capture("abc.my7.org", &mut found));
        let ant = Ant::new("**.{zone}.x.org", '.').unwrap();
        assert!(ant.capture("a.b.eu.x.org", &mut found));
        assert_eq!(found.get("zone"), Some("eu"));
    }

    #[test]
    fn unbalanced_braces_are_refused() {
        for pattern in ["{a.b", "a}.b", "{}.b", "{1a}.b", "{a:(}.b"] {
            assert!(Ant::new(pattern, '.').is_err(), "{pattern}");
        }
    }
}
