//! Whatever the input: an answer or a problem, never a panic, and what is written reads back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};
use wellspring_properties::{
    Environment, PropertySource, flatten, java_properties, placeholder, profile, relaxed, value, yaml,
};

/// Text made of what matters to the readers.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a", "b: ", "- ", "? ", ": ", "\n", "  ", "[", "]", "{", "}", ",", "'", "\"", "&x ", "*x", "<<: ",
        "!!str ", "!y ", "|\n", ">-\n", "# c", "---\n", "...\n", "\t", "%", "@", "~", "1", "0x", "\\",
        "\u{e9}", "\u{2028}", "\u{85}", "${", "${a:", "#---\n", "=", "\\u00", "(", ")", "&", "|", "!",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_never_panics(text in soup()) {
        if let Ok(documents) = yaml::parse(&text, "x") {
            for document in &documents {
                flatten::document(document);
            }
        }
    }

    #[test]
    fn bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(yaml::parse_bytes(&bytes, "x"));
        drop(java_properties::parse(&bytes, "x"));
    }

    #[test]
    fn other_grammars_never_panic(text in soup()) {
        drop(java_properties::parse(text.as_bytes(), "x"));
        drop(profile::Expression::parse_list(&text));
        drop(placeholder::resolve(&text, &|key| Some(format!("${{{key}"))));
        drop(placeholder::resolve_known(&text, &|key| Some(key.repeat(2))));
        drop(value::parse_duration(&text, value::Unit::Seconds));
        drop(value::DataSize::parse(&text));
        assert!(relaxed::elements(&text).count() <= text.len() + 1);
        let env = Environment::new(vec![PropertySource::of_pairs("x", [(text.clone(), text.clone())])], Vec::new());
        env.get(&text);
        drop(env.bind::<serde_json::Value>(""));
    }

    #[test]
    fn properties_read_back(entries in prop::collection::btree_map("[a-z=: #!\\\\\u{e9}]{1,8}", "[ -~\t\n\u{e9}\u{4e2d}]{0,12}", 0..6)) {
        let escaped = |text: &str, key: bool| -> String {
            text.chars().map(|c| match c {
                '\t' => "\\t".to_owned(),
                '\n' => "\\n".to_owned(),
                ' ' | '=' | ':' | '#' | '!' | '\\' => if key || c == '\\' || c == ' ' { format!("\\{c}") } else { c.to_string() },
                c if c.is_ascii() => c.to_string(),
                c => format!("\\u{:04x}", c as u32),
            }).collect()
        };
        // Keys that begin with a comment sign cannot be written, and blanks around keys are cut: left out here.
        let entries: Vec<_> = entries.into_iter().filter(|(k, _)| !k.starts_with(['#', '!']) && k.trim() == k && !k.is_empty()).collect();
        let text: String = entries.iter().map(|(k, v)| format!("{}={}\n", escaped(k, true), escaped(v, false))).collect();
        let documents = java_properties::parse(text.as_bytes(), "x").unwrap();
        let read: Vec<_> = documents.into_iter().flatten().map(|(k, e)| (k, e.value.to_string())).collect();
        assert_eq!(read, entries);
    }

    #[test]
    fn quoted_yaml_reads_back(value in "[ -~\u{e9}\u{4e2d}]{0,20}") {
        let text = format!("k: '{}'\n", value.replace('\'', "''"));
        let documents = yaml::parse(&text, "x").unwrap();
        assert_eq!(flatten::document(&documents[0])["k"].value.to_string(), value);
    }
}

#[test]
fn long_inputs_end_quickly() {
    for text in [
        "[", "{a: ", "- ", "? ", "&a ", "!a ", "*a ", "'a", "a: b\n", "a\n", "  a\n", "\"\\", "a,", "|\n",
        "%a\n", "---\n", "#",
    ] {
        let text = text.repeat(100_000 / text.len());
        drop(yaml::parse(&text, "x"));
        drop(java_properties::parse(text.as_bytes(), "x"));
    }
}

#[test]
fn keys_nested_without_end_are_read_and_bound_to_nothing() {
    let (deep, wide) = ("a.".repeat(100_000) + "a", "A_".repeat(100_000) + "A");
    let source = PropertySource::of_pairs("x", [(deep.as_str(), "1"), ("b.c", "2")]);
    let env = Environment::new(
        vec![source, PropertySource::of_variables("y", [(wide, "3".to_owned())])],
        Vec::new(),
    );
    assert_eq!(env.get(&deep).as_deref(), Some("1"));
    assert_eq!(env.bind::<serde_json::Value>("").unwrap(), serde_json::json!({ "b": { "c": "2" } }));
}
