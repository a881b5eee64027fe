//! Events to documents: anchors, merges, duplicate keys, limits. Iterative, so depth is a number and not the stack.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::events::{Event, Events, Marks, What};
use super::reader::Mark;
use super::resolve::{self, Tag};
use super::scanner::Fault;
use super::{Document, Key, Kind, Node, merge};
use crate::{Origin, Problem, Scalar, codes};

/// SnakeYAML's limit on nested nodes.
const DEPTH: usize = 50;
/// Nested aliases may build deeper trees than the text shows; this bounds them.
const TREE_DEPTH: u32 = 200;
/// Nodes that one file may expand to.
const NODES: usize = 500_000;

pub(super) fn documents(text: &str, file: &Arc<str>) -> Result<Vec<Document>, Problem> {
    let mut composer =
        Composer { file, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, done: Vec::new() };
    let mut events = Events::new(text);
    loop {
        let event = events.next().map_err(|fault| composer.syntax(fault))?;
        if matches!(event.what, What::StreamEnd) {
            break;
        }
        composer.accept(event)?;
    }
    Ok(composer.done)
}

struct Composer<'a, 't> {
    file: &'a Arc<str>,
    stack: Vec<Frame<'t>>,
    /// Anchored nodes of this document; `None` while the node is still open.
    anchors: HashMap<&'t str, Option<Built>>,
    nodes: usize,
    done: Vec<Document>,
}

#[derive(Clone)]
struct Built {
    node: Node,
    size: usize,
    depth: u32,
    merge: bool,
    /// Why Spring's flattening fails when this is part of a list.
    unlistable: Option<&'static str>,
}

struct Frame<'t> {
    anchor: Option<&'t str>,
    line: u32,
    column: u32,
    size: usize,
    depth: u32,
    unlistable: Option<&'static str>,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    Map { entries: Vec<(MapKey, Node)>, key: Option<(MapKey, Origin)> },
}

#[derive(PartialEq, Eq, Hash)]
pub(super) enum MapKey {
    Merge,
    Key(Key),
}

impl<'t> Composer<'_, 't> {
    fn accept(&mut self, event: Event<'t>) -> Result<(), Problem> {
        let mark = event.mark;
        match event.what {
            What::DocumentStart => {
                self.anchors.clear();
                Ok(())
            }
            What::Alias(name) => match self.anchors.get(name) {
                Some(Some(built)) => {
                    let mut built = Built { merge: false, ..built.clone() };
                    built.node.aliased = true;
                    self.place(built, None, mark)
                }
                Some(None) => {
                    Err(self.problem(codes::YAML_VALUE, "an alias inside its own anchor", mark).found(name))
                }
                None => Err(self
                    .problem(codes::YAML_SYNTAX, "alias of an anchor that this document does not have", mark)
                    .found(name)),
            },
            What::Scalar { text, plain, marks } => {
                self.check_depth(mark)?;
                let built = self.scalar(&text, plain, &marks, mark)?;
                self.place(built, marks.anchor, mark)
            }
            What::SequenceStart(marks) => self.open(&marks, Tag::Seq, Open::List(Vec::new()), mark),
            What::MappingStart(marks) => {
                self.open(&marks, Tag::Map, Open::Map { entries: Vec::new(), key: None }, mark)
            }
            What::End => self.close(mark),
            What::DocumentEnd | What::StreamEnd => Ok(()),
        }
    }

    fn check_depth(&self, mark: Mark) -> Result<(), Problem> {
        if self.stack.len() > DEPTH {
            return Err(self.problem(codes::YAML_LIMIT, format!("nested deeper than {DEPTH} levels"), mark));
        }
        Ok(())
    }

    fn open(&mut self, marks: &Marks<'t>, tag: Tag, open: Open, mark: Mark) -> Result<(), Problem> {
        self.check_depth(mark)?;
        if self.tag(marks, mark)?.is_some_and(|found| found != tag) {
            return Err(self.problem(codes::YAML_VALUE, "this tag does not go with a list or mapping", mark));
        }
        if let Some(anchor) = marks.anchor {
            self.anchors.insert(anchor, None);
        }
        let (line, column) = place_of(mark);
        self.stack.push(Frame {
            anchor: marks.anchor,
            line,
            column,
            size: 1,
            depth: 1,
            unlistable: None,
            open,
        });
        Ok(())
    }

    fn close(&mut self, mark: Mark) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let Frame { anchor, line, column, size, depth, mut unlistable, open } = frame;
        let kind = match open {
            Open::List(items) => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(self.entries(entries, &mut unlistable)?),
        };
        let node = Node { kind, line, column, plain: false, aliased: false };
        self.place(Built { node, size, depth, merge: false, unlistable }, anchor, mark)
    }

    /// Puts a finished node where it belongs: a list item, a key, a value, a document.
    fn place(&mut self, built: Built, anchor: Option<&'t str>, mark: Mark) -> Result<(), Problem> {
        self.nodes += if anchor.is_some() { 1 } else { built.size };
        if self.nodes > NODES {
            return Err(self.problem(
                codes::YAML_LIMIT,
                format!("aliases expand to more than {NODES} values"),
                mark,
            ));
        }
        if built.depth > TREE_DEPTH {
            return Err(self.problem(
                codes::YAML_LIMIT,
                format!("aliases nest deeper than {TREE_DEPTH} levels"),
                mark,
            ));
        }
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(built.clone()));
        }
        let is_key = matches!(self.stack.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }));
        if built.merge && !is_key {
            return Err(self
                .problem(codes::YAML_VALUE, "<< may only be a key", mark)
                .hint("quotes, if it is text"));
        }
        let Some(frame) = self.stack.last_mut() else {
            if !is_empty(&built.node) {
                self.done.push(Document { root: built.node, file: Arc::clone(self.file) });
            }
            return Ok(());
        };
        frame.size += built.size;
        frame.depth = frame.depth.max(built.depth + 1);
        frame.unlistable = frame.unlistable.or(built.unlistable);
        match &mut frame.open {
            Open::List(items) => {
                // Spring's flattening reads keys below a list as texts and fails on others.
                if let Some(why) = built.unlistable {
                    return Err(Problem::new(codes::YAML_VALUE, why).at(Some(built.node.origin(self.file))));
                }
                items.push(built.node);
            }
            Open::Map { entries, key } => match key.take() {
                None => {
                    let name = if built.merge { MapKey::Merge } else { MapKey::Key(key_of(&built.node)) };
                    if matches!(&name, MapKey::Key(key) if key.typed) {
                        frame.unlistable = Some("inside a list a key must be text; quote it");
                    }
                    let (line, column) = place_of(mark);
                    let origin = Origin::new(self.file, line, column);
                    if name != MapKey::Merge
                        && entries.len() < 16
                        && entries.iter().any(|(known, _)| *known == name)
                    {
                        return Err(duplicate(&name, origin));
                    }
                    *key = Some((name, origin));
                }
                Some((name, origin)) => {
                    if name == MapKey::Merge && !can_merge(&built.node) {
                        return Err(Problem::new(
                            codes::YAML_VALUE,
                            "<< wants a mapping or a list of mappings",
                        )
                        .at(Some(origin)));
                    }
                    entries.push((name, built.node));
                }
            },
        }
        Ok(())
    }

    /// The entries of a finished mapping: no key twice, merges done.
    fn entries(
        &self,
        entries: Vec<(MapKey, Node)>,
        unlistable: &mut Option<&'static str>,
    ) -> Result<Vec<(Key, Node)>, Problem> {
        if entries.len() >= 16 {
            let mut seen = HashSet::with_capacity(entries.len());
            for (key, node) in &entries {
                if *key != MapKey::Merge && !seen.insert(key) {
                    return Err(duplicate(key, node.origin(self.file)));
                }
            }
        }
        if entries.iter().any(|(key, _)| *key == MapKey::Merge) {
            return Ok(merge::merged(entries, unlistable));
        }
        let plain = entries.into_iter().filter_map(|(key, node)| match key {
            MapKey::Key(key) => Some((key, node)),
            MapKey::Merge => None,
        });
        Ok(plain.collect())
    }

    /// The known tag of a node; `!` alone leaves the type to the text.
    fn tag(&self, marks: &Marks<'_>, mark: Mark) -> Result<Option<Tag>, Problem> {
        let Some(tag) = marks.tag.as_deref().filter(|tag| *tag != "!") else { return Ok(None) };
        match tag.strip_prefix("tag:yaml.org,2002:").and_then(Tag::named) {
            Some(known) => Ok(Some(known)),
            None => Err(self
                .problem(codes::YAML_TAG, "unknown tag", mark)
                .found(tag)
                .hint("quotes, if it is text")),
        }
    }

    fn scalar(&self, text: &str, plain: bool, marks: &Marks<'_>, mark: Mark) -> Result<Built, Problem> {
        let resolved = match self.tag(marks, mark)? {
            Some(tag) => tag,
            None if plain || marks.tag.is_some() => resolve::implicit(text),
            None => Tag::Str,
        };
        let Some(scalar) = resolve::construct(resolved, text) else {
            return Err(self.problem(codes::YAML_VALUE, "the value does not fit its tag", mark).found(text));
        };
        let (line, column) = place_of(mark);
        let node = Node { kind: Kind::Scalar(scalar), line, column, plain, aliased: false };
        Ok(Built { node, size: 1, depth: 1, merge: resolved == Tag::Merge, unlistable: None })
    }

    fn problem(&self, code: &'static str, message: impl Into<String>, mark: Mark) -> Problem {
        let (line, column) = place_of(mark);
        Problem::new(code, message).at(Some(Origin::new(self.file, line, column)))
    }

    fn syntax(&self, fault: Fault) -> Problem {
        self.problem(codes::YAML_SYNTAX, fault.message, fault.mark)
    }
}

fn place_of(mark: Mark) -> (u32, u32) {
    (mark.line + 1, mark.column + 1)
}

fn is_empty(root: &Node) -> bool {
    match &root.kind {
        Kind::Scalar(Scalar::Null) => true,
        Kind::Scalar(Scalar::Text(text)) => text.is_empty(),
        Kind::List(items) => items.is_empty(),
        Kind::Scalar(_) | Kind::Map(_) => false,
    }
}

fn can_merge(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(_) => true,
        Kind::List(items) => items.iter().all(|item| matches!(item.kind, Kind::Map(_))),
        Kind::Scalar(_) => false,
    }
}

fn key_of(node: &Node) -> Key {
    match &node.kind {
        Kind::Scalar(Scalar::Null) => Key { name: "[null]".to_owned(), typed: true },
        Kind::Scalar(Scalar::Text(name)) => Key { name: name.clone(), typed: false },
        Kind::Scalar(other) => Key { name: format!("[{other}]"), typed: true },
        Kind::List(items) if items.is_empty() => Key { name: String::new(), typed: false },
        Kind::List(_) | Kind::Map(_) => Key { name: format!("[{}]", java_text(node)), typed: true },
    }
}

/// A collection as Java prints it: `[a, b]`, `{a=1}`.
fn java_text(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(scalar) => scalar.to_string(),
        Kind::List(items) => format!("[{}]", items.iter().map(java_text).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{}={}", key.name, java_text(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn duplicate(key: &MapKey, origin: Origin) -> Problem {
    let name = match key {
        MapKey::Key(key) => key.name.as_str(),
        MapKey::Merge => "<<",
    };
    Problem::new(codes::YAML_DUPLICATE_KEY, format!("found duplicate key {name}"))
        .at(Some(origin))
        .hint("merge the two entries")
}
