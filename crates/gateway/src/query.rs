//! Query strings: reading them as the original does, and writing them again.

use std::borrow::Cow;

use indexmap::IndexMap;
use wellspring_pattern::template::encode_query_value;

/// Names and values, decoded (`+` is a blank). A name without `=` has no value.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Option<Cow<'_, str>>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
        Some((name, value)) => (decode(name), Some(decode(value))),
        None => (decode(pair), None),
    })
}

/// Names with all their values, in order of first appearance: a query that is written again is grouped by name.
#[must_use]
pub fn grouped(query: &str) -> IndexMap<String, Vec<Option<String>>> {
    let mut groups: IndexMap<String, Vec<Option<String>>> = IndexMap::new();
    for (name, value) in pairs(query) {
        groups.entry(name.into_owned()).or_default().push(value.map(Cow::into_owned));
    }
    groups
}

/// Writes groups as a query, encoded afresh.
#[must_use]
pub fn write(groups: &IndexMap<String, Vec<Option<String>>>) -> String {
    let mut out = String::new();
    for (name, values) in groups {
        for value in values {
            if !out.is_empty() {
                out.push('&');
            }
            out.push_str(&encode_query_value(name));
            if let Some(value) = value {
                out.push('=');
                out.push_str(&encode_query_value(value));
            }
        }
    }
    out
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    Cow::Owned(percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::{grouped, pairs, write};

    #[test]
    fn a_query_written_again_is_grouped_by_name() {
        let mut groups = grouped("drop=1&keep=a%26b&drop=2&keep=c+d&flag");
        groups.shift_remove("drop");
        assert_eq!(write(&groups), "keep=a%26b&keep=c%20d&flag");
    }

    #[test]
    fn a_name_without_equals_has_no_value() {
        let found: Vec<_> =
            pairs("a&b=&c=%C3%BC").map(|(n, v)| (n.into_owned(), v.map(|v| v.into_owned()))).collect();
        let wanted = [("a", None), ("b", Some("")), ("c", Some("ü"))];
        assert!(found.iter().map(|(n, v)| (n.as_str(), v.as_deref())).eq(wanted));
    }

    #[test]
    fn long_queries() {
        let words = ["&", "=", "%", "%00", "%zz", "+", "%C3", "%26", "a", "é", "#", ";"];
        wellspring_test_support::fuzz::text(
            "queries",
            &["a=b&c&d=%20+e", "=&&=%", "x=1&x=2"],
            &words,
            |text, _| {
                let groups = grouped(text);
                let written = write(&groups);
                assert_eq!(grouped(&written), groups, "{text:?} became {written:?}");
                assert!(
                    http::uri::PathAndQuery::try_from(format!("/?{written}")).is_ok(),
                    "{text:?} became {written:?}"
                );
            },
        );
    }
}
