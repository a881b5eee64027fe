//! The `{name:value}` pairs in front of a text.
//!
//! Which key they name and where the text begins are two questions in the original, read by different rules: `{key}AYC` names a
//! key and is text as a whole, `{key:}AYC` names none and is cut off. Cipher texts of both sides depend on either.

use indexmap::IndexMap;

/// Ends the prefixes where the plain text itself begins like one.
const PLAIN: &str = "{plain}";
/// What `.` of the original's patterns does not match.
const BREAKS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// Names and values, each name once.
#[derive(Debug, Default)]
pub(crate) struct Prefixes(IndexMap<String, String>);

impl Prefixes {
    /// The prefixes, and the text that they stand before.
    pub(crate) fn split(text: &str) -> (Self, &str) {
        (Self::of(text), stripped(text))
    }

    pub(crate) fn of(text: &str) -> Self {
        let text = without(&without(text, "{name:"), "{profiles:");
        let mut rest = text.split_once(PLAIN).map_or(text.as_str(), |(before, _)| before);
        let mut found = IndexMap::new();
        while let Some((token, after)) = rest.split_once('}') {
            if let Some(inner) = token.trim_matches(|c| c <= ' ').strip_prefix('{') {
                match inner.split_once(':') {
                    Some((name, value)) if !inner.ends_with(':') => {
                        found.insert(name.to_owned(), value.to_owned())
                    }
                    _ => found.insert(inner.to_owned(), String::new()),
                };
            }
            rest = after;
        }
        // They are always the property's own key and the requested profiles.
        found.shift_remove("name");
        found.shift_remove("profiles");
        Self(found)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// As they stand in front of a cipher text.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{{{name}:{value}}}")).collect()
    }
}

/// Without the first pair that begins like this, and all that follows it up to the last brace of its line.
fn without(text: &str, begin: &str) -> String {
    let mut at = 0;
    for line in text.split_inclusive(BREAKS) {
        if let Some(from) = line.find(begin)
            && let Some(to) = line.rfind('}').filter(|to| *to >= from + begin.len())
        {
            let (before, after) = (text.get(..at + from), text.get(at + to + 1..));
            return [before.unwrap_or_default(), after.unwrap_or_default()].concat();
        }
        at += line.len();
    }
    text.to_owned()
}

fn stripped(text: &str) -> &str {
    if let Some((_, plain)) = text.split_once(PLAIN) {
        return plain;
    }
    let mut rest = text;
    while rest.starts_with('{') {
        let close = rest.find(':').and_then(|colon| Some(colon + rest.get(colon..)?.find('}')?));
        let Some((pair, after)) = close.and_then(|close| rest.split_at_checked(close + 1)) else { break };
        if pair.contains(BREAKS) {
            break;
        }
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_what_follows() {
        for (text, own, rest, key) in [
            ("AYC", "", "AYC", None),
            ("{key:a}AYC", "{key:a}", "AYC", Some("a")),
            ("{key:a}{secret:p}AYC", "{key:a}{secret:p}", "AYC", Some("a")),
            ("{key:a}{x:y}{key:b}AYC", "{key:b}{x:y}", "AYC", Some("b")),
            ("{plain}{x:y}z", "", "{x:y}z", None),
            ("{key:a}{plain}{x:y}z", "{key:a}", "{x:y}z", Some("a")),
            ("{cipher}AYC", "{cipher:}", "{cipher}AYC", None),
            ("{open", "", "{open", None),
            // Named without a value, which is no name of a key.
            ("{key:}AYC", "{key::}", "AYC", None),
            ("{key}AYC", "{key:}", "{key}AYC", Some("")),
            ("{a:b:c}AYC", "{a:b:c}", "AYC", None),
            ("{foo}x{a:b}y", "{foo:}", "y", None),
            (" {key:a}AYC", "{key:a}", " {key:a}AYC", Some("a")),
            ("x}{key:a}y", "{key:a}", "x}{key:a}y", Some("a")),
            // The name takes with it what follows on its line.
            ("{name:x}{key:a}AYC", "", "AYC", None),
            ("{key:a}{profiles:x}AYC", "{key:a}", "AYC", Some("a")),
            ("{name:\n}{name:x}AYC", "{name::}", "{name:\n}{name:x}AYC", None),
            ("{a:b\n}AYC", "{a:b}", "{a:b\n}AYC", None),
        ] {
            let (prefixes, found) = Prefixes::split(text);
            assert_eq!((prefixes.text().as_str(), found, prefixes.get("key")), (own, rest, key), "{text:?}");
        }
    }
}
