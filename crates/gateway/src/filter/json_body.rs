//! Changing JSON bodies: reading one whole (plain or gzip), changing it, putting it back.

use std::io::{Read, Write};

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;
use wellspring_properties::Problem;

use crate::error::Error;
use crate::reply::Reply;
use crate::route::args::Args;
use crate::tree::Tree;

/// Is the body `application/json` (parameters do not matter)?
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads the answer's JSON, lets `change` work on it and puts the result back. An answer that is no JSON stays as it is.
pub(crate) async fn change_reply(
    mut reply: Reply,
    cap: usize,
    change: impl FnOnce(&mut Value),
) -> Result<Reply, Error> {
    let encoding = reply.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    let gzip = match encoding.as_deref() {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        // What we cannot read we do not change.
        Some(_) => return Ok(reply),
    };
    if !is_json(&reply.headers) {
        return Ok(reply);
    }
    let too_large = || Error::Unroutable(format!("answer is larger than {cap} bytes and cannot be changed"));
    let raw =
        wellspring_daemon::body::limited(std::mem::take(&mut reply.body), cap).await.map_err(|refused| {
            match refused.status() {
                http::StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                _ => Error::Unroutable(format!("answer could not be read: {refused}")),
            }
        })?;
    let plain = if gzip { unpack(&raw, cap).ok_or_else(too_large)? } else { raw.clone() };
    let Ok(mut value) = serde_json::from_slice::<Value>(&plain) else {
        reply.body = Body::from(raw);
        return Ok(reply);
    };
    change(&mut value);
    let written = serde_json::to_vec(&value).unwrap_or_default();
    let bytes = if gzip { pack(&written).unwrap_or(written) } else { written };
    reply.headers.remove(CONTENT_LENGTH);
    reply.body = Body::from(bytes);
    Ok(reply)
}

fn unpack(raw: &Bytes, cap: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    // One byte more than allowed tells a bomb from a body that just fits.
    GzDecoder::new(&raw[..]).take(cap as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() <= cap).then(|| plain.into())
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Removes members by name, at the top or everywhere.
pub(crate) fn remove_members(value: &mut Value, names: &[String], everywhere: bool) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(name));
            if everywhere {
                members.values_mut().for_each(|value| remove_members(value, names, true));
            }
        }
        Value::Array(items) if everywhere => {
            items.iter_mut().for_each(|item| remove_members(item, names, true));
        }
        _ => {}
    }
}

/// Changes by JSON pointer, in the order set, rename, remove.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    set: Vec<(String, Value)>,
    rename: Vec<(String, String)>,
    remove: Vec<String>,
    /// Takes the document's place at the end; `{{/pointer}}` in its texts stands for what is there.
    template: Option<Value>,
}

impl Changes {
    pub(crate) fn read(args: &Args) -> Result<Self, Problem> {
        for java in ["inClass", "outClass", "rewriteFunction", "newContentType"] {
            if args.has(java) {
                return Err(args
                    .wrong(java, "belongs to a Java function, which this gateway cannot call")
                    .hint("set, rename or remove by JSON pointer"));
            }
        }
        let pointer = |text: &str, name: &str| match text {
            text if text.starts_with('/') => Ok(text.to_owned()),
            text => Err(args.wrong(name, format!("'{text}' is no JSON pointer")).hint("/member/0")),
        };
        let mut changes = Self::default();
        if let Some(Tree::Map(members)) = args.tree("set") {
            for (at, value) in members {
                changes.set.push((pointer(at, "set")?, value.to_json()));
            }
        }
        if let Some(Tree::Map(members)) = args.tree("rename") {
            for (at, name) in members {
                let name =
                    name.as_text().ok_or_else(|| args.wrong("rename", "needs a name for each pointer"))?;
                changes.rename.push((pointer(at, "rename")?, name));
            }
        }
        for at in args.tree("remove").map(Tree::as_texts).unwrap_or_default() {
            changes.remove.push(pointer(&at, "remove")?);
        }
        changes.template = args.tree("template").map(Tree::to_json);
        let nothing = changes.set.is_empty() && changes.rename.is_empty() && changes.remove.is_empty();
        if nothing && changes.template.is_none() {
            return Err(args.wrong("set", "rename, remove or template must be given"));
        }
        Ok(changes)
    }

    pub(crate) fn apply(&self, document: &mut Value) {
        for (at, value) in &self.set {
            put(document, at, value.clone());
        }
        for (at, name) in &self.rename {
            if let (Some(value), Some((parent, _))) = (take(document, at), at.rsplit_once('/')) {
                put(document, &format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1")), value);
            }
        }
        for at in &self.remove {
            take(document, at);
        }
        if let Some(template) = &self.template {
            *document = filled(template, document);
        }
    }
}

/// The template with the document's values in it. A text that is one reference becomes the value itself.
fn filled(template: &Value, document: &Value) -> Value {
    match template {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), filled(value, document))).collect()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, document)).collect(),
        Value::String(text) => text_filled(text, document),
        other => other.clone(),
    }
}

fn text_filled(text: &str, document: &Value) -> Value {
    let found = |pointer: &str| document.pointer(pointer.trim()).cloned().unwrap_or(Value::Null);
    let whole = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(pointer) = whole.filter(|pointer| !pointer.contains("{{")) {
        return found(pointer);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((pointer, behind)) = after.split_once("}}") else { break };
        out.push_str(before);
        match found(pointer) {
            Value::String(text) => out.push_str(&text),
            Value::Null => {}
            other => out.push_str(&other.to_string()),
        }
        rest = behind;
    }
    out.push_str(rest);
    Value::String(out)
}

/// Puts a value where the pointer's parent is an object, or replaces the element of a list.
fn put(document: &mut Value, at: &str, value: Value) {
    if let Some(there) = document.pointer_mut(at) {
        *there = value;
        return;
    }
    let Some((parent, name)) = at.rsplit_once('/') else { return };
    if let Some(Value::Object(members)) = document.pointer_mut(parent) {
        members.insert(unescape(name), value);
    }
}

fn take(document: &mut Value, at: &str) -> Option<Value> {
    let (parent, name) = at.rsplit_once('/')?;
    match document.pointer_mut(parent)? {
        Value::Object(members) => members.shift_remove(&unescape(name)),
        Value::Array(items) => {
            let index = name.parse::<usize>().ok().filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Changes, remove_members};

    #[test]
    fn changes_by_pointer() {
        let changes = Changes {
            set: vec![
                ("/a/new".to_owned(), json!(1)),
                ("/list/0".to_owned(), json!("x")),
                ("/no/way".to_owned(), json!(2)),
            ],
            rename: vec![("/old".to_owned(), "a/b".to_owned())],
            remove: vec!["/secret".to_owned(), "/list/1".to_owned(), "/none".to_owned()],
            template: None,
        };
        let mut document = json!({"a": {}, "list": [1, 2, 3], "old": true, "secret": "s"});
        changes.apply(&mut document);
        assert_eq!(document, json!({"a": {"new": 1}, "list": ["x", 3], "a/b": true}));
        let mut scalar = json!(7);
        changes.apply(&mut scalar);
        assert_eq!(scalar, json!(7));
    }

    #[test]
    fn a_template_takes_the_documents_place() {
        let template =
            json!({"id": "{{/a/0}}", "text": "{{/name}} has {{/a}} and {{/none}}", "n": 1, "open": "{{x"});
        let changes = Changes { template: Some(template), ..Changes::default() };
        let mut document = json!({"a": [7, 8], "name": "ana"});
        changes.apply(&mut document);
        assert_eq!(document, json!({"id": 7, "text": "ana has [7,8] and ", "n": 1, "open": "{{x"}));
    }

    #[test]
    fn members_go_at_the_top_or_everywhere() {
        let names = ["a".to_owned()];
        let document = json!({"a": 1, "b": {"a": 2, "c": [{"a": 3, "d": 4}]}});
        let mut top = document.clone();
        remove_members(&mut top, &names, false);
        assert_eq!(top, json!({"b": {"a": 2, "c": [{"a": 3, "d": 4}]}}));
        let mut deep = document;
        remove_members(&mut deep, &names, true);
        assert_eq!(deep, json!({"b": {"c": [{"d": 4}]}}));
    }

    #[test]
    fn long_pointers_and_templates() {
        let examples = ["/a/b", "/items/0", "/a~1b/~0", "{{/a/b}} and {{/items/1}}", "/-", ""];
        let words = ["/", "~0", "~1", "~", "{{", "}}", "{{/", "0", "-", "18446744073709551615", "a", "items"];
        wellspring_test_support::fuzz::text("JSON pointers, templates", &examples, &words, |text, _| {
            let mut document =
                serde_json::json!({ "a": { "b": 1, "": 2 }, "items": [1, { "x": null }], "": "" });
            super::put(&mut document, text, serde_json::json!([text]));
            let other = text.chars().rev().collect::<String>();
            super::take(&mut document, &other);
            super::text_filled(text, &document);
            let changes = Changes {
                rename: vec![(text.to_owned(), other)],
                remove: vec![text.to_owned()],
                template: Some(serde_json::json!({ text: [text] })),
                ..Changes::default()
            };
            changes.apply(&mut document);
            remove_members(&mut document, &[text.to_owned()], true);
            assert!(document.to_string().len() < 1 << 20);
        });
    }
}
