//! Text to tokens, by YAML 1.1's rules of indentation and simple keys as SnakeYAML applies them.
//!
//! A key is known only when its `:` comes up, so tokens wait in a queue while an entry in it may still become a key.
//! A tab is white space inside a line of text, never between tokens.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::reader::{END, Mark, Reader};

/// A key must end on its line and within this many characters.
const KEY_LENGTH: u32 = 1024;

#[derive(Debug)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'t> {
    StreamEnd,
    Directive(Directive<'t>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowMappingStart,
    FlowSequenceEnd,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    /// Handle (`!`, `!!`, `!e!`), or none for `!<uri>`; and suffix.
    Tag(Option<&'t str>, Cow<'t, str>),
    /// Text, and whether it is plain.
    Scalar(Cow<'t, str>, bool),
}

/// A `%` line before a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive<'t> {
    /// `%YAML 1.1`
    Version,
    /// `%TAG handle prefix`
    Tag(&'t str, &'t str),
    Other,
}

/// What is wrong with the text, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) mark: Mark,
}

pub(super) fn fault<T>(message: impl Into<String>, mark: Mark) -> Result<T, Fault> {
    Err(Fault { message: message.into(), mark })
}

#[derive(Clone, Copy, Debug)]
struct SimpleKey {
    /// Number of the token that would follow the key mark.
    token: usize,
    required: bool,
    mark: Mark,
}

#[derive(Debug)]
pub(super) struct Scanner<'t> {
    pub(super) reader: Reader<'t>,
    tokens: VecDeque<Token<'t>>,
    taken: usize,
    done: bool,
    pub(super) flow: usize,
    pub(super) indent: i64,
    indents: Vec<i64>,
    pub(super) key_allowed: bool,
    /// One per flow level.
    keys: Vec<Option<SimpleKey>>,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            reader: Reader::new(text),
            tokens: VecDeque::new(),
            taken: 0,
            done: false,
            flow: 0,
            indent: -1,
            indents: Vec::new(),
            key_allowed: true,
            keys: vec![None],
        }
    }

    /// The next token, left in place.
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, Fault> {
        while self.needs_more()? {
            self.fetch()?;
        }
        let mark = self.reader.mark;
        self.tokens.front().ok_or_else(|| Fault { message: "the text ends too early".to_owned(), mark })
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<Token<'t>, Fault> {
        self.peek()?;
        self.taken += 1;
        let mark = self.reader.mark;
        self.tokens.pop_front().ok_or_else(|| Fault { message: "the text ends too early".to_owned(), mark })
    }

    fn needs_more(&mut self) -> Result<bool, Fault> {
        if self.done {
            return Ok(false);
        }
        if self.tokens.is_empty() {
            return Ok(true);
        }
        // Only while the front token may still become a key must more be read; keys that went stale do not count.
        let may_be_key = |scanner: &Self| scanner.keys.iter().flatten().any(|key| key.token == scanner.taken);
        if !may_be_key(self) {
            return Ok(false);
        }
        self.drop_stale_keys()?;
        Ok(may_be_key(self))
    }

    fn fetch(&mut self) -> Result<(), Fault> {
        self.skip_to_token();
        self.drop_stale_keys()?;
        let column = i64::from(self.reader.mark.column);
        self.unwind(column);
        let mark = self.reader.mark;
        let reader = &self.reader;
        match reader.peek() {
            END if reader.rest().is_empty() => self.stream_end(),
            b'%' if column == 0 => self.directive(),
            b'-' if reader.is_separator("---") => self.document(Kind::DocumentStart),
            b'.' if reader.is_separator("...") => self.document(Kind::DocumentEnd),
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => self.flow_entry(),
            b'-' if reader.is_white(1) => self.block_entry(),
            b'?' if self.flow > 0 || reader.is_white(1) => self.key(),
            b':' if self.flow > 0 || reader.is_white(1) => self.value(),
            b'*' => self.anchor(true),
            b'&' => self.anchor(false),
            b'!' => self.tag(),
            b'|' if self.flow == 0 => self.block_scalar(false),
            b'>' if self.flow == 0 => self.block_scalar(true),
            b'\'' => self.flow_scalar(false),
            b'"' => self.flow_scalar(true),
            first if self.begins_plain(first) => self.plain_scalar(),
            b'\t' => fault("a tab may not stand here: it is no indentation and no separator", mark),
            _ => {
                let found = reader.rest().chars().next().unwrap_or_default();
                fault(format!("'{found}' cannot begin a value; quote the text"), mark)
            }
        }
    }

    fn begins_plain(&self, first: u8) -> bool {
        let indicator = matches!(
            first,
            b'-' | b'?'
                | b':'
                | b','
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'#'
                | b'&'
                | b'*'
                | b'!'
                | b'|'
                | b'>'
                | b'\''
                | b'"'
                | b'%'
                | b'@'
                | b'`'
        );
        if !indicator {
            return !self.reader.is_white(0);
        }
        !self.reader.is_white(1) && (first == b'-' || self.flow == 0 && matches!(first, b'?' | b':'))
    }

    /// Blanks, comments and line breaks. A line break lets a key begin again.
    fn skip_to_token(&mut self) {
        loop {
            while self.reader.peek() == b' ' {
                self.reader.forward(1);
            }
            if self.reader.peek() == b'#' {
                self.rest_of_line();
            }
            if self.reader.take_break().is_empty() {
                return;
            }
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    // === Simple keys ===

    fn drop_stale_keys(&mut self) -> Result<(), Fault> {
        let here = self.reader.mark;
        for slot in &mut self.keys {
            if let Some(key) = *slot
                && (key.mark.line != here.line || here.column - key.mark.column > KEY_LENGTH)
            {
                if key.required {
                    return fault("a key without its ':'", key.mark);
                }
                *slot = None;
            }
        }
        Ok(())
    }

    pub(super) fn save_key(&mut self) -> Result<(), Fault> {
        if !self.key_allowed {
            return Ok(());
        }
        let mark = self.reader.mark;
        let required = self.flow == 0 && self.indent == i64::from(mark.column);
        self.remove_key()?;
        let key = SimpleKey { token: self.taken + self.tokens.len(), required, mark };
        if let Some(slot) = self.keys.get_mut(self.flow) {
            *slot = Some(key);
        }
        Ok(())
    }

    pub(super) fn remove_key(&mut self) -> Result<(), Fault> {
        match self.keys.get_mut(self.flow).and_then(Option::take) {
            Some(key) if key.required => fault("a key without its ':'", key.mark),
            _ => Ok(()),
        }
    }

    // === Indentation ===

    fn unwind(&mut self, column: i64) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            self.indent = self.indents.pop().unwrap_or(-1);
            self.push_empty(Kind::BlockEnd);
        }
    }

    fn deepen(&mut self, column: u32) -> bool {
        let column = i64::from(column);
        if self.indent >= column {
            return false;
        }
        self.indents.push(self.indent);
        self.indent = column;
        true
    }

    // === Tokens of structure ===

    pub(super) fn push(&mut self, kind: Kind<'t>, start: Mark) {
        let end = self.reader.mark;
        self.tokens.push_back(Token { kind, start, end });
    }

    pub(super) fn push_until(&mut self, kind: Kind<'t>, start: Mark, end: Mark) {
        self.tokens.push_back(Token { kind, start, end });
    }

    fn push_empty(&mut self, kind: Kind<'t>) {
        self.push(kind, self.reader.mark);
    }

    fn push_forward(&mut self, kind: Kind<'t>, length: usize) {
        let start = self.reader.mark;
        self.reader.forward(length);
        self.push(kind, start);
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        self.unwind(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.keys.fill(None);
        self.push_empty(Kind::StreamEnd);
        self.done = true;
        Ok(())
    }

    fn document(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.unwind(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.push_forward(kind, 3);
        Ok(())
    }

    fn directive(&mut self) -> Result<(), Fault> {
        self.unwind(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.scan_directive()
    }

    fn flow_start(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.save_key()?;
        self.flow += 1;
        self.keys.resize(self.flow + 1, None);
        self.key_allowed = true;
        self.push_forward(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind<'t>) -> Result<(), Fault> {
        self.remove_key()?;
        self.flow = self.flow.saturating_sub(1);
        self.keys.truncate(self.flow + 1);
        self.key_allowed = false;
        self.push_forward(kind, 1);
        Ok(())
    }

    fn flow_entry(&mut self) -> Result<(), Fault> {
        self.key_allowed = true;
        self.remove_key()?;
        self.push_forward(Kind::FlowEntry, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return fault("a list item may not begin here", self.reader.mark);
            }
            if self.deepen(self.reader.mark.column) {
                self.push_empty(Kind::BlockSequenceStart);
            }
        }
        self.key_allowed = true;
        self.remove_key()?;
        self.push_forward(Kind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        if self.flow == 0 {
            if !self.key_allowed {
                return fault("a key may not begin here", self.reader.mark);
            }
            if self.deepen(self.reader.mark.column) {
                self.push_empty(Kind::BlockMappingStart);
            }
        }
        self.key_allowed = self.flow == 0;
        self.remove_key()?;
        self.push_forward(Kind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        if let Some(key) = self.keys.get_mut(self.flow).and_then(Option::take) {
            let at = key.token - self.taken;
            let mark = |kind| Token { kind, start: key.mark, end: key.mark };
            self.tokens.insert(at, mark(Kind::Key));
            if self.flow == 0 && self.deepen(key.mark.column) {
                self.tokens.insert(at, mark(Kind::BlockMappingStart));
            }
            self.key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.key_allowed {
                    return fault(
                        "a ':' may not stand here; quote the text if it belongs to the value",
                        self.reader.mark,
                    );
                }
                if self.deepen(self.reader.mark.column) {
                    self.push_empty(Kind::BlockMappingStart);
                }
            }
            self.key_allowed = self.flow == 0;
            self.remove_key()?;
        }
        self.push_forward(Kind::Value, 1);
        Ok(())
    }
}
