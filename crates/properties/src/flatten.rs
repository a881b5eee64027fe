//! Trees to flat keys, by the rules of Spring's YAML processor.
//!
//! Mappings join with dots, lists become `[n]`, a key that begins with `[` joins without a dot. An empty list
//! is the empty text, an empty mapping is nothing, a root that is no mapping stands under `document`.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::yaml::{Document, Kind, Node};
use crate::{Entry, Scalar};

/// The flat entries of a document, in file order.
pub fn document(document: &Document) -> IndexMap<String, Entry> {
    flatten(&document.root, &document.file)
}

/// The flat entries below a node.
pub fn flatten(root: &Node, file: &Arc<str>) -> IndexMap<String, Entry> {
    let mut out = Flat { entries: IndexMap::new(), path: String::new(), file };
    match &root.kind {
        Kind::Map(_) => out.node(root),
        Kind::List(_) | Kind::Scalar(_) => out.below("document", root),
    }
    out.entries
}

struct Flat<'a> {
    entries: IndexMap<String, Entry>,
    path: String,
    file: &'a Arc<str>,
}

impl Flat<'_> {
    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.below(&key.name, value);
                }
            }
            Kind::List(items) if !items.is_empty() => {
                // As below a blank key, so in a list under one.
                let blank = self.path.trim().is_empty().then(|| std::mem::take(&mut self.path));
                let length = self.path.len();
                let mut number = itoa::Buffer::new();
                for (at, item) in items.iter().enumerate() {
                    self.path.push('[');
                    self.path.push_str(number.format(at));
                    self.path.push(']');
                    self.node(item);
                    self.path.truncate(length);
                }
                if let Some(blank) = blank {
                    self.path = blank;
                }
            }
            Kind::List(_) => self.put(node, Scalar::Text(String::new())),
            Kind::Scalar(Scalar::Null) => self.put(node, Scalar::Text(String::new())),
            Kind::Scalar(value) => self.put(node, value.clone()),
        }
    }

    fn below(&mut self, key: &str, value: &Node) {
        // Below a blank key Spring starts anew, without the blank.
        if self.path.trim().is_empty() {
            let blank = std::mem::replace(&mut self.path, key.to_owned());
            self.node(value);
            self.path = blank;
            return;
        }
        let length = self.path.len();
        if !key.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(key);
        self.node(value);
        self.path.truncate(length);
    }

    fn put(&mut self, node: &Node, value: Scalar) {
        let entry = Entry { value, origin: Some(node.origin(self.file)) };
        self.entries.insert(self.path.clone(), entry);
    }
}
