//! All sources of an environment as one flat map.
//!
//! Maps are merged key by key. Lists are not: the items of a higher source replace those of a lower one as a whole,
//! and stand after all other keys.

use indexmap::IndexMap;
use wellspring_properties::{Entry, Scalar};

/// Keys in the order of their first appearance, lowest source first.
pub(crate) type Merged<'a> = IndexMap<&'a str, &'a Scalar>;

/// `sources`: highest precedence first, as an environment lists them.
pub(crate) fn merge<'a>(sources: impl DoubleEndedIterator<Item = &'a IndexMap<String, Entry>>) -> Merged<'a> {
    let mut merged = Merged::new();
    let mut lists: IndexMap<&str, Merged<'a>> = IndexMap::new();
    for source in sources.rev() {
        let mut own: IndexMap<&str, Merged<'a>> = IndexMap::new();
        for (key, entry) in source {
            match key.split_once('[') {
                None => {
                    merged.insert(key, &entry.value);
                }
                Some((list, _)) => {
                    own.entry(list).or_default().insert(key, &entry.value);
                }
            }
        }
        lists.extend(own);
    }
    merged.extend(lists.into_values().flatten());
    // A key of Spring Boot's first generation that clients of the second refuse.
    merged.shift_remove("spring.profiles");
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> IndexMap<String, Entry> {
        text.split(' ')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| {
                (key.to_owned(), Entry { value: Scalar::Text(value.to_owned()), origin: None })
            })
            .collect()
    }

    fn shown(sources: &[&str]) -> String {
        let sources: Vec<_> = sources.iter().map(|text| source(text)).collect();
        let merged = merge(sources.iter());
        merged.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn higher_sources_win_and_keys_keep_their_place() {
        assert_eq!(shown(&["b=2 c=3", "a=1 b=1"]), "a=1 b=2 c=3");
    }

    #[test]
    fn lists_are_replaced_as_a_whole_and_come_last() {
        assert_eq!(
            shown(&["l[0]=x z=1", "l[0]=a l[1]=b m[0].k=1 a=1", "spring.profiles=dev"]),
            "a=1 z=1 l[0]=x m[0].k=1"
        );
    }
}
