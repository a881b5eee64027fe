//! Tokens to events: the grammar, as a machine of states with a stack in place of recursion.

use std::borrow::Cow;
use std::collections::HashMap;

use super::reader::Mark;
use super::scanner::{Directive, Fault, Kind, Scanner, Token, fault};

#[derive(Debug)]
pub(super) struct Event<'t> {
    pub(super) what: What<'t>,
    /// Where the node begins, its anchor and tag included.
    pub(super) mark: Mark,
}

#[derive(Debug)]
pub(super) enum What<'t> {
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Alias(&'t str),
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
        marks: Marks<'t>,
    },
    SequenceStart(Marks<'t>),
    MappingStart(Marks<'t>),
    /// Of a list or a mapping.
    End,
}

/// Anchor and full tag of a node.
#[derive(Debug, Default)]
pub(super) struct Marks<'t> {
    pub(super) anchor: Option<&'t str>,
    pub(super) tag: Option<Cow<'t, str>>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequence { first: bool },
    IndentlessSequence,
    BlockMappingKey { first: bool },
    BlockMappingValue,
    FlowSequence { first: bool },
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingKey { first: bool },
    FlowMappingValue,
    FlowMappingEmptyValue,
    Finished,
}

#[derive(Debug)]
pub(super) struct Events<'t> {
    scanner: Scanner<'t>,
    state: State,
    states: Vec<State>,
    handles: HashMap<&'t str, &'t str>,
}

type Next<'t> = Result<Event<'t>, Fault>;

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let scanner = Scanner::new(text);
        Self { scanner, state: State::ImplicitDocumentStart, states: Vec::new(), handles: HashMap::new() }
    }

    pub(super) fn next(&mut self) -> Next<'t> {
        match self.state {
            State::ImplicitDocumentStart => self.implicit_document_start(),
            State::DocumentStart => self.document_start(),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequence { first } => self.block_sequence(first),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockMappingKey { first } => self.block_mapping_key(first),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => {
                self.state = State::FlowSequence { first: false };
                let mark = self.scanner.peek()?.start;
                Ok(Event { what: What::End, mark })
            }
            State::FlowMappingKey { first } => self.flow_mapping_key(first),
            State::FlowMappingValue => self.flow_mapping_value(),
            State::FlowMappingEmptyValue => {
                let mark = self.scanner.peek()?.start;
                Ok(self.empty_then(State::FlowMappingKey { first: false }, mark))
            }
            State::Finished => Ok(Event { what: What::StreamEnd, mark: self.scanner.reader.mark }),
        }
    }

    fn at(&mut self, wanted: &[Kind<'static>]) -> Result<bool, Fault> {
        let kind = &self.scanner.peek()?.kind;
        Ok(wanted.iter().any(|wanted| std::mem::discriminant(wanted) == std::mem::discriminant(kind)))
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::Finished);
    }

    /// A node, after which comes `then`.
    fn node_then(&mut self, then: State, block: bool, indentless: bool) -> Next<'t> {
        self.states.push(then);
        self.node(block, indentless)
    }

    fn empty_then(&mut self, then: State, mark: Mark) -> Event<'t> {
        self.state = then;
        empty(mark, Marks::default())
    }

    fn end(&mut self) -> Next<'t> {
        let mark = self.scanner.next()?.start;
        self.pop();
        Ok(Event { what: What::End, mark })
    }

    // === Documents ===

    fn implicit_document_start(&mut self) -> Next<'t> {
        if self.at(&[Kind::Directive(Directive::Other), Kind::DocumentStart, Kind::StreamEnd])? {
            return self.document_start();
        }
        let mark = self.scanner.peek()?.start;
        self.states.push(State::DocumentEnd);
        self.state = State::BlockNode;
        Ok(Event { what: What::DocumentStart, mark })
    }

    fn document_start(&mut self) -> Next<'t> {
        while self.at(&[Kind::DocumentEnd])? {
            self.scanner.next()?;
        }
        self.directives()?;
        let token = self.scanner.next()?;
        match token.kind {
            Kind::StreamEnd => {
                self.state = State::Finished;
                Ok(Event { what: What::StreamEnd, mark: token.start })
            }
            Kind::DocumentStart => {
                self.states.push(State::DocumentEnd);
                self.state = State::DocumentContent;
                Ok(Event { what: What::DocumentStart, mark: token.start })
            }
            _ => fault("text after the end of a document; --- begins the next one", token.start),
        }
    }

    fn directives(&mut self) -> Result<(), Fault> {
        self.handles.clear();
        let mut version = false;
        while self.at(&[Kind::Directive(Directive::Other)])? {
            let Token { kind, start, .. } = self.scanner.next()?;
            match kind {
                Kind::Directive(Directive::Version) if version => {
                    return fault("a second %YAML directive", start);
                }
                Kind::Directive(Directive::Version) => version = true,
                Kind::Directive(Directive::Tag(handle, prefix))
                    if self.handles.insert(handle, prefix).is_some() =>
                {
                    return fault(format!("a second %TAG directive for {handle}"), start);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Next<'t> {
        if self.at(&[
            Kind::Directive(Directive::Other),
            Kind::DocumentStart,
            Kind::DocumentEnd,
            Kind::StreamEnd,
        ])? {
            let mark = self.scanner.peek()?.start;
            self.pop();
            return Ok(empty(mark, Marks::default()));
        }
        self.node(true, false)
    }

    fn document_end(&mut self) -> Next<'t> {
        let mark = self.scanner.peek()?.start;
        if self.at(&[Kind::DocumentEnd])? {
            self.scanner.next()?;
        }
        self.state = State::DocumentStart;
        Ok(Event { what: What::DocumentEnd, mark })
    }

    // === Nodes ===

    fn node(&mut self, block: bool, indentless: bool) -> Next<'t> {
        let start = self.scanner.peek()?.start;
        let mut marks = Marks::default();
        loop {
            let token = self.scanner.peek()?;
            match token.kind {
                Kind::Anchor(_) if marks.anchor.is_none() => {
                    let token = self.scanner.next()?;
                    if let Kind::Anchor(name) = token.kind {
                        marks.anchor = Some(name);
                    }
                }
                Kind::Tag(..) if marks.tag.is_none() => {
                    let token = self.scanner.next()?;
                    if let Kind::Tag(handle, suffix) = token.kind {
                        marks.tag = Some(self.full_tag(handle, suffix, token.start)?);
                    }
                }
                _ => break,
            }
        }
        let marked = marks.anchor.is_some() || marks.tag.is_some();
        let token = self.scanner.peek()?;
        let (what, state) = match token.kind {
            Kind::Alias(name) if !marked => {
                self.scanner.next()?;
                self.pop();
                return Ok(Event { what: What::Alias(name), mark: start });
            }
            Kind::Scalar(..) => {
                let token = self.scanner.next()?;
                self.pop();
                let Kind::Scalar(text, plain) = token.kind else { return Ok(empty(start, marks)) };
                return Ok(Event { what: What::Scalar { text, plain, marks }, mark: start });
            }
            Kind::BlockEntry if indentless => (What::SequenceStart(marks), State::IndentlessSequence),
            Kind::FlowSequenceStart => (What::SequenceStart(marks), State::FlowSequence { first: true }),
            Kind::FlowMappingStart => (What::MappingStart(marks), State::FlowMappingKey { first: true }),
            Kind::BlockSequenceStart if block => {
                (What::SequenceStart(marks), State::BlockSequence { first: true })
            }
            Kind::BlockMappingStart if block => {
                (What::MappingStart(marks), State::BlockMappingKey { first: true })
            }
            _ if marked => {
                self.pop();
                return Ok(empty(start, marks));
            }
            _ => {
                let found = name(&token.kind);
                return fault(format!("a value belongs here, not {found}"), token.start);
            }
        };
        self.state = state;
        Ok(Event { what, mark: start })
    }

    fn full_tag(
        &self,
        handle: Option<&'t str>,
        suffix: Cow<'t, str>,
        mark: Mark,
    ) -> Result<Cow<'t, str>, Fault> {
        let Some(handle) = handle else { return Ok(suffix) };
        let prefix = match (self.handles.get(handle), handle) {
            (Some(prefix), _) => prefix,
            (None, "!") => "!",
            (None, "!!") => "tag:yaml.org,2002:",
            (None, _) => return fault(format!("no %TAG directive defines the handle {handle}"), mark),
        };
        Ok(Cow::Owned(format!("{prefix}{suffix}")))
    }

    // === Block collections ===

    fn block_sequence(&mut self, first: bool) -> Next<'t> {
        if first {
            self.scanner.next()?;
        }
        if self.at(&[Kind::BlockEntry])? {
            let entry = self.scanner.next()?;
            let then = State::BlockSequence { first: false };
            if self.at(&[Kind::BlockEntry, Kind::BlockEnd])? {
                return Ok(self.empty_then(then, entry.end));
            }
            return self.node_then(then, true, false);
        }
        self.block_end("list")
    }

    fn indentless_sequence(&mut self) -> Next<'t> {
        if self.at(&[Kind::BlockEntry])? {
            let entry = self.scanner.next()?;
            if self.at(&[Kind::BlockEntry, Kind::Key, Kind::Value, Kind::BlockEnd])? {
                return Ok(self.empty_then(State::IndentlessSequence, entry.end));
            }
            return self.node_then(State::IndentlessSequence, true, false);
        }
        let mark = self.scanner.peek()?.start;
        self.pop();
        Ok(Event { what: What::End, mark })
    }

    fn block_mapping_key(&mut self, first: bool) -> Next<'t> {
        if first {
            self.scanner.next()?;
        }
        if self.at(&[Kind::Key])? {
            let key = self.scanner.next()?;
            if self.at(&[Kind::Key, Kind::Value, Kind::BlockEnd])? {
                return Ok(self.empty_then(State::BlockMappingValue, key.end));
            }
            return self.node_then(State::BlockMappingValue, true, true);
        }
        self.block_end("mapping")
    }

    fn block_mapping_value(&mut self) -> Next<'t> {
        let then = State::BlockMappingKey { first: false };
        if !self.at(&[Kind::Value])? {
            let mark = self.scanner.peek()?.start;
            return Ok(self.empty_then(then, mark));
        }
        let value = self.scanner.next()?;
        if self.at(&[Kind::Key, Kind::Value, Kind::BlockEnd])? {
            return Ok(self.empty_then(then, value.end));
        }
        self.node_then(then, true, true)
    }

    fn block_end(&mut self, what: &str) -> Next<'t> {
        let token = self.scanner.peek()?;
        if token.kind != Kind::BlockEnd {
            let found = name(&token.kind);
            return fault(
                format!("this {what} ends or goes on here, but {found} was found; look at the indentation"),
                token.start,
            );
        }
        self.end()
    }

    // === Flow collections ===

    fn flow_sequence(&mut self, first: bool) -> Next<'t> {
        if first {
            self.scanner.next()?;
        }
        if self.at(&[Kind::FlowSequenceEnd])? {
            return self.end();
        }
        if !first {
            self.comma("]")?;
        }
        if self.at(&[Kind::Key])? {
            let mark = self.scanner.peek()?.start;
            self.state = State::FlowPairKey;
            return Ok(Event { what: What::MappingStart(Marks::default()), mark });
        }
        if self.at(&[Kind::FlowSequenceEnd])? {
            return self.end();
        }
        self.node_then(State::FlowSequence { first: false }, false, false)
    }

    fn flow_pair_key(&mut self) -> Next<'t> {
        let key = self.scanner.next()?;
        if self.at(&[Kind::Value, Kind::FlowEntry, Kind::FlowSequenceEnd])? {
            return Ok(self.empty_then(State::FlowPairValue, key.end));
        }
        self.node_then(State::FlowPairValue, false, false)
    }

    fn flow_pair_value(&mut self) -> Next<'t> {
        if !self.at(&[Kind::Value])? {
            let mark = self.scanner.peek()?.start;
            return Ok(self.empty_then(State::FlowPairEnd, mark));
        }
        let value = self.scanner.next()?;
        if self.at(&[Kind::FlowEntry, Kind::FlowSequenceEnd])? {
            return Ok(self.empty_then(State::FlowPairEnd, value.end));
        }
        self.node_then(State::FlowPairEnd, false, false)
    }

    fn flow_mapping_key(&mut self, first: bool) -> Next<'t> {
        if first {
            self.scanner.next()?;
        }
        if self.at(&[Kind::FlowMappingEnd])? {
            return self.end();
        }
        if !first {
            self.comma("}")?;
        }
        if self.at(&[Kind::Key])? {
            let key = self.scanner.next()?;
            if self.at(&[Kind::Value, Kind::FlowEntry, Kind::FlowMappingEnd])? {
                return Ok(self.empty_then(State::FlowMappingValue, key.end));
            }
            return self.node_then(State::FlowMappingValue, false, false);
        }
        if self.at(&[Kind::FlowMappingEnd])? {
            return self.end();
        }
        self.node_then(State::FlowMappingEmptyValue, false, false)
    }

    fn flow_mapping_value(&mut self) -> Next<'t> {
        let then = State::FlowMappingKey { first: false };
        if !self.at(&[Kind::Value])? {
            let mark = self.scanner.peek()?.start;
            return Ok(self.empty_then(then, mark));
        }
        let value = self.scanner.next()?;
        if self.at(&[Kind::FlowEntry, Kind::FlowMappingEnd])? {
            return Ok(self.empty_then(then, value.end));
        }
        self.node_then(then, false, false)
    }

    fn comma(&mut self, end: &str) -> Result<(), Fault> {
        let token = self.scanner.peek()?;
        if token.kind != Kind::FlowEntry {
            let found = name(&token.kind);
            return fault(format!("a comma or {end} belongs here, not {found}"), token.start);
        }
        self.scanner.next().map(|_| ())
    }
}

fn empty<'t>(mark: Mark, marks: Marks<'t>) -> Event<'t> {
    Event { what: What::Scalar { text: Cow::Borrowed(""), plain: true, marks }, mark }
}

/// A token as a person would name it.
fn name(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::StreamEnd => "the end of the file",
        Kind::Directive(_) => "a directive",
        Kind::DocumentStart => "---",
        Kind::DocumentEnd => "...",
        Kind::BlockSequenceStart | Kind::BlockEntry => "a list item",
        Kind::BlockMappingStart | Kind::Key => "a key",
        Kind::BlockEnd => "less indentation",
        Kind::FlowSequenceStart => "[",
        Kind::FlowMappingStart => "{",
        Kind::FlowSequenceEnd => "]",
        Kind::FlowMappingEnd => "}",
        Kind::FlowEntry => "a comma",
        Kind::Value => "a colon",
        Kind::Alias(_) => "an alias",
        Kind::Anchor(_) => "an anchor",
        Kind::Tag(..) => "a tag",
        Kind::Scalar(..) => "text",
    }
}
