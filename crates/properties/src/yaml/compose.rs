//! Events to documents: anchors, merges, duplicate keys, limits. Iterative, so depth is a number and not the stack.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::resolve::{self, Tag};
use super::{Document, Key, Kind, Node};
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
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| composer.syntax(&error))?;
        composer.accept(event, span)?;
    }
    Ok(composer.done)
}

struct Composer<'a> {
    file: &'a Arc<str>,
    stack: Vec<Frame>,
    /// Anchored nodes of this document; `None` while the node is still open.
    anchors: HashMap<usize, Option<Built>>,
    nodes: usize,
    done: Vec<Document>,
}

#[derive(Clone)]
struct Built {
    node: Node,
    size: usize,
    depth: u32,
    merge: bool,
}

struct Frame {
    anchor: usize,
    line: u32,
    column: u32,
    size: usize,
    depth: u32,
    open: Open,
}

enum Open {
    List(Vec<Node>),
    Map { entries: Vec<(MapKey, Node)>, key: Option<(MapKey, Origin)> },
}

#[derive(PartialEq, Eq, Hash)]
enum MapKey {
    Merge,
    Key(Key),
}

impl Composer<'_> {
    fn accept(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(explicit) => {
                self.anchors.clear();
                if !explicit && !self.done.is_empty() {
                    return Err(self
                        .problem(codes::YAML_SYNTAX, "text after the end of a document", span)
                        .hint("--- before it"));
                }
                Ok(())
            }
            Event::Alias(anchor) => {
                let built = match self.anchors.get(&anchor) {
                    Some(Some(built)) => built.clone(),
                    Some(None) => {
                        return Err(self.problem(codes::YAML_VALUE, "an alias inside its own anchor", span));
                    }
                    None => {
                        return Err(self.problem(
                            codes::YAML_SYNTAX,
                            "alias of an anchor that this document does not have",
                            span,
                        ));
                    }
                };
                self.place(Built { merge: false, ..built }, 0, span)
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.check_depth(span)?;
                let tag = self.tag(tag.as_deref(), span)?;
                let built = self.scalar(&text, style, tag, span)?;
                self.place(built, anchor, span)
            }
            Event::SequenceStart(anchor, tag) => {
                if !matches!(self.tag(tag.as_deref(), span)?, None | Some(Tag::Seq)) {
                    return Err(self.problem(codes::YAML_VALUE, "this tag does not go with a list", span));
                }
                self.open(anchor, span, Open::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                if !matches!(self.tag(tag.as_deref(), span)?, None | Some(Tag::Map)) {
                    return Err(self.problem(codes::YAML_VALUE, "this tag does not go with a mapping", span));
                }
                self.open(anchor, span, Open::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn check_depth(&self, span: Span) -> Result<(), Problem> {
        if self.stack.len() > DEPTH {
            return Err(self.problem(codes::YAML_LIMIT, format!("nested deeper than {DEPTH} levels"), span));
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, span: Span, open: Open) -> Result<(), Problem> {
        self.check_depth(span)?;
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        let (line, column) = place_of(span);
        self.stack.push(Frame { anchor, line, column, size: 1, depth: 1, open });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Problem> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let Frame { anchor, line, column, size, depth, open } = frame;
        let kind = match open {
            Open::List(items) => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(self.merged(entries, line, column)?),
        };
        let node = Node { kind, line, column, plain: false };
        self.place(Built { node, size, depth, merge: false }, anchor, span)
    }

    /// Puts a finished node where it belongs: a list item, a key, a value, a document.
    fn place(&mut self, built: Built, anchor: usize, span: Span) -> Result<(), Problem> {
        self.nodes += if anchor > 0 || built.size == 1 { 1 } else { built.size };
        if self.nodes > NODES {
            return Err(self.problem(
                codes::YAML_LIMIT,
                format!("aliases expand to more than {NODES} values"),
                span,
            ));
        }
        if built.depth > TREE_DEPTH {
            return Err(self.problem(
                codes::YAML_LIMIT,
                format!("aliases nest deeper than {TREE_DEPTH} levels"),
                span,
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Some(built.clone()));
        }
        let Some(frame) = self.stack.last_mut() else {
            if !is_empty(&built.node) {
                self.done.push(Document { root: built.node, file: Arc::clone(self.file) });
            }
            return Ok(());
        };
        frame.size += built.size;
        frame.depth = frame.depth.max(built.depth + 1);
        match &mut frame.open {
            Open::List(items) => items.push(built.node),
            Open::Map { entries, key } => match key.take() {
                None => {
                    let name = match (built.merge, key_of(&built.node)) {
                        (true, _) => MapKey::Merge,
                        (false, Some(name)) => MapKey::Key(name),
                        (false, None) => {
                            return Err(self.problem(codes::YAML_VALUE, "a key may not be null", span));
                        }
                    };
                    let (line, column) = place_of(span);
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

    /// Merges done as SnakeYAML does: a key keeps the place where it first came up, explicit keys win, then earlier merges.
    fn merged(
        &self,
        entries: Vec<(MapKey, Node)>,
        line: u32,
        column: u32,
    ) -> Result<Vec<(Key, Node)>, Problem> {
        if entries.len() >= 16 {
            let mut seen = HashSet::with_capacity(entries.len());
            for (key, node) in &entries {
                if *key != MapKey::Merge && !seen.insert(key) {
                    return Err(duplicate(key, node.origin(self.file)));
                }
            }
        }
        if !entries.iter().any(|(key, _)| *key == MapKey::Merge) {
            let plain = entries.into_iter().filter_map(|(key, node)| match key {
                MapKey::Key(key) => Some((key, node)),
                MapKey::Merge => None,
            });
            return Ok(plain.collect());
        }
        let _ = (line, column);
        let mut out: Vec<(Key, Node)> = Vec::with_capacity(entries.len());
        let mut index: HashMap<Key, usize> = HashMap::new();
        for (key, node) in entries {
            match key {
                MapKey::Key(key) => match index.get(&key).and_then(|at| out.get_mut(*at)) {
                    Some(entry) => entry.1 = node,
                    None => {
                        index.insert(key.clone(), out.len());
                        out.push((key, node));
                    }
                },
                MapKey::Merge => {
                    let maps = match node.kind {
                        Kind::List(items) => items,
                        Kind::Map(_) | Kind::Scalar(_) => vec![node],
                    };
                    for (key, node) in maps.into_iter().flat_map(Node::into_entries) {
                        if !index.contains_key(&key) {
                            index.insert(key.clone(), out.len());
                            out.push((key, node));
                        }
                    }
                }
            }
        }
        Ok(out)
    }

    fn tag(&self, tag: Option<&saphyr_parser::Tag>, span: Span) -> Result<Option<Tag>, Problem> {
        let Some(tag) = tag else { return Ok(None) };
        if tag.handle.is_empty() && tag.suffix == "!" {
            return Ok(Some(Tag::Str));
        }
        let full = format!("{}{}", tag.handle, tag.suffix);
        match full.strip_prefix("tag:yaml.org,2002:").and_then(Tag::named) {
            Some(known) => Ok(Some(known)),
            None => Err(self
                .problem(codes::YAML_TAG, "unknown tag", span)
                .found(full)
                .hint("quotes, if it is text")),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<Tag>, span: Span) -> Result<Built, Problem> {
        let plain = style == ScalarStyle::Plain;
        let resolved = match tag {
            Some(tag) => tag,
            None if plain => resolve::implicit(text),
            None => Tag::Str,
        };
        let Some(scalar) = resolve::construct(resolved, text) else {
            return Err(self.problem(codes::YAML_VALUE, "the value does not fit its tag", span).found(text));
        };
        let (line, column) = place_of(span);
        let node = Node { kind: Kind::Scalar(scalar), line, column, plain };
        Ok(Built { node, size: 1, depth: 1, merge: resolved == Tag::Merge })
    }

    fn problem(&self, code: &'static str, message: impl Into<String>, span: Span) -> Problem {
        let (line, column) = place_of(span);
        Problem::new(code, message).at(Some(Origin::new(self.file, line, column)))
    }

    fn syntax(&self, error: &ScanError) -> Problem {
        let marker = *error.marker();
        self.problem(codes::YAML_SYNTAX, error.info().to_owned(), Span::empty(marker))
    }
}

impl Node {
    fn into_entries(self) -> Vec<(Key, Self)> {
        match self.kind {
            Kind::Map(entries) => entries,
            Kind::List(_) | Kind::Scalar(_) => Vec::new(),
        }
    }
}

fn place_of(span: Span) -> (u32, u32) {
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (narrow(span.start.line()), narrow(span.start.col() + 1))
}

fn is_empty(root: &Node) -> bool {
    match &root.kind {
        Kind::Scalar(Scalar::Null) => true,
        Kind::Scalar(Scalar::Text(text)) => text.is_empty(),
        Kind::Scalar(_) | Kind::List(_) | Kind::Map(_) => false,
    }
}

fn can_merge(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(_) => true,
        Kind::List(items) => items.iter().all(|item| matches!(item.kind, Kind::Map(_))),
        Kind::Scalar(_) => false,
    }
}

fn key_of(node: &Node) -> Option<Key> {
    match &node.kind {
        Kind::Scalar(Scalar::Null) => None,
        Kind::Scalar(Scalar::Text(name)) => Some(Key { name: name.clone(), typed: false }),
        Kind::Scalar(other) => Some(Key { name: format!("[{other}]"), typed: true }),
        Kind::List(_) | Kind::Map(_) => Some(Key { name: format!("[{}]", java_text(node)), typed: true }),
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
