//! `spring.cloud.config.server.overrides`: values that the server puts above everything.

use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;

use super::documents::{Activation, Document, Forms, texts};
use super::search::Source;
use crate::render::json;

const ORIGIN: &str = "Config server overrides";

/// The first source of every environment; `None` without overrides.
pub(crate) fn source(overrides: &IndexMap<String, String>) -> Option<Source> {
    if overrides.is_empty() {
        return None;
    }
    let entries = texts(overrides.iter().map(|(key, value)| (bare(key), unescaped(value))));
    let document = Document {
        number: None,
        activation: Activation::Always,
        includes: Vec::new(),
        forms: Forms { with_origins: with_origins(&entries).into(), ..Forms::default() },
        entries,
    };
    Some(Source { name: "overrides".to_owned(), document: Arc::new(document) })
}

/// `list[0]` → `list.0`, as the original binds them.
fn bare(key: &str) -> String {
    key.replace('[', ".").replace(']', "").trim_start_matches('.').to_owned()
}

/// `\${` is for clients to resolve; the server itself resolves `${`.
fn unescaped(value: &str) -> String {
    value.replace("\\${", "${").replace("\\{", "{")
}

fn with_origins(entries: &IndexMap<String, wellspring_properties::Entry>) -> Bytes {
    let mut out = vec![b'{'];
    for (at, (key, entry)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_text(&mut out, key);
        out.extend_from_slice(b":{\"value\":");
        json::write_scalar(&mut out, &entry.value);
        out.extend_from_slice(b",\"origin\":");
        json::write_text(&mut out, ORIGIN);
        out.push(b'}');
    }
    out.push(b'}');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lose_brackets_and_values_their_escapes() {
        let given = [("list[0]", "x"), ("a", "\\${b}"), ("c", "\\{d}"), ("e", "$\\{f}")];
        let overrides = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let source = source(&overrides).unwrap();
        assert_eq!(source.document.json(), "{\"list.0\":\"x\",\"a\":\"${b}\",\"c\":\"{d}\",\"e\":\"${f}\"}");
    }
}
