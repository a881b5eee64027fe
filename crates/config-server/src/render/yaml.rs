//! YAML as SnakeYAML's dumper writes it in block style: two blanks of indentation, dashes below their key, plain and
//! quoted scalars folded at blanks beyond column 80, text with line breaks as literal blocks.
//!
//! What decides how a text is written is its [`Analysis`] and whether it would read as another type.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wellspring_properties::Scalar;

use super::tree::Tree;
use super::yaml_scalar::{Analysis, is_break, is_printable, reads_as_text};

/// Lines are folded at the first blank beyond this column.
const WIDTH: usize = 80;
const INDENT: usize = 2;
/// Longer keys are written in the `? key` form.
const SIMPLE_KEY: usize = 128;

/// The document, ending with a line break.
pub(crate) fn dump(tree: &Tree) -> String {
    let mut emitter = Emitter::default();
    emitter.node(tree, Place::Root);
    emitter.indent = None;
    emitter.write_indent();
    emitter.out
}

/// What stands alone under `document`: a list as it is, anything else as if it were text.
pub(crate) fn dump_bare(tree: &Tree) -> String {
    match tree {
        Tree::Map(_) => format!("!!str\n{}", dump(tree)),
        Tree::List(_) | Tree::Null => dump(tree),
        Tree::Leaf(scalar) => {
            let mut emitter = Emitter::default();
            match scalar {
                Scalar::Binary(bytes) => emitter.scalar(&STANDARD.encode(bytes), Style::Literal, Place::Root),
                Scalar::Text(text) if !text.chars().all(is_printable) => {
                    emitter.scalar(&STANDARD.encode(text), Style::Literal, Place::Root);
                }
                Scalar::Float(value) if !value.is_finite() => {
                    emitter.text(dump(tree).trim_end(), Place::Root);
                }
                other => emitter.text(&other.to_string(), Place::Root),
            }
            emitter.indent = None;
            emitter.write_indent();
            emitter.out
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// After `key:`.
    Mapping,
    /// After `- `.
    Sequence,
    Key,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

#[derive(Debug)]
struct Emitter {
    out: String,
    column: usize,
    indent: Option<usize>,
    /// The last thing written was white space.
    whitespace: bool,
    /// Only indentation and `-`, `?` have been written on this line.
    indention: bool,
}

impl Default for Emitter {
    fn default() -> Self {
        Self { out: String::new(), column: 0, indent: None, whitespace: true, indention: true }
    }
}

impl Emitter {
    fn node(&mut self, tree: &Tree, place: Place) {
        match tree {
            Tree::Null => self.scalar("null", Style::Plain, place),
            Tree::Leaf(scalar) => self.leaf(scalar, place),
            Tree::List(items) if items.is_empty() => self.scalar("[]", Style::Plain, place),
            Tree::Map(entries) if entries.is_empty() => self.scalar("{}", Style::Plain, place),
            Tree::List(items) => self.list(items, place),
            Tree::Map(entries) => self.map(entries),
        }
    }

    fn list(&mut self, items: &[Tree], place: Place) {
        let outer = self.indent;
        // A list that is the value of a key keeps the key's indentation.
        if place != Place::Mapping || self.indention {
            self.deeper(false);
        }
        for item in items {
            self.write_indent();
            self.indicator("-", true, true);
            self.node(item, Place::Sequence);
        }
        self.indent = outer;
    }

    fn map(&mut self, entries: &indexmap::IndexMap<String, Tree>) {
        let outer = self.indent;
        self.deeper(false);
        for (key, value) in entries {
            self.write_indent();
            if is_simple_key(key) {
                self.text(key, Place::Key);
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.text(key, Place::Mapping);
                self.write_indent();
                self.indicator(":", true, true);
            }
            self.node(value, Place::Mapping);
        }
        self.indent = outer;
    }

    fn leaf(&mut self, scalar: &Scalar, place: Place) {
        match scalar {
            Scalar::Null => self.scalar("null", Style::Plain, place),
            Scalar::Text(text) => self.text(text, place),
            Scalar::Bool(_) | Scalar::Int(_) | Scalar::BigInt(_) => {
                self.scalar(&scalar.to_string(), Style::Plain, place)
            }
            Scalar::Float(value) if value.is_nan() => self.scalar(".NaN", Style::Plain, place),
            Scalar::Float(value) if value.is_infinite() => {
                self.scalar(if *value > 0.0 { ".inf" } else { "-.inf" }, Style::Plain, place);
            }
            Scalar::Float(_) => self.scalar(&scalar.to_string(), Style::Plain, place),
            Scalar::Binary(bytes) => self.binary(bytes, place),
        }
    }

    fn text(&mut self, text: &str, place: Place) {
        if !text.chars().all(is_printable) {
            return self.binary(text.as_bytes(), place);
        }
        let analysis = Analysis::of(text);
        let literal = text.contains(['\n', '\u{85}']);
        let style = if text.chars().any(is_break) && analysis.block && place != Place::Key {
            Style::Literal
        } else if literal {
            // Meant to be a block, and none.
            Style::Double
        } else if !text.chars().any(is_break) && analysis.plain && reads_as_text(text) {
            Style::Plain
        } else if analysis.single_quoted && !(place == Place::Key && analysis.multiline) {
            Style::Single
        } else {
            Style::Double
        };
        self.scalar(text, style, place);
    }

    fn binary(&mut self, bytes: &[u8], place: Place) {
        self.indicator("!!binary", true, false);
        let style = if bytes.is_empty() { Style::Double } else { Style::Literal };
        self.scalar(&STANDARD.encode(bytes), style, place);
    }

    fn scalar(&mut self, text: &str, style: Style, place: Place) {
        let outer = self.indent;
        self.deeper(true);
        let split = place != Place::Key;
        match style {
            Style::Plain => self.plain(text, split),
            Style::Single => self.single_quoted(text, split),
            Style::Double => self.double_quoted(text, split),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    // === Scalars ===

    fn plain(&mut self, text: &str, split: bool) {
        if text.is_empty() {
            return;
        }
        if !self.whitespace {
            self.put(" ");
        }
        self.whitespace = false;
        self.indention = false;
        for piece in pieces(text) {
            if piece == " " && self.column > WIDTH && split {
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
            } else {
                self.put(piece);
            }
        }
    }

    fn single_quoted(&mut self, text: &str, split: bool) {
        self.indicator("'", true, false);
        let mut at = 0;
        for piece in pieces(text) {
            let inner = at != 0 && at + piece.len() != text.len();
            at += piece.len();
            if piece == " " && self.column > WIDTH && split && inner {
                self.write_indent();
            } else if piece.starts_with(is_break) {
                // The first break of a run is folded to a blank by readers, so it is written twice.
                if piece.starts_with('\n') {
                    self.line_break();
                }
                piece.chars().for_each(|c| self.write_break(c));
                self.write_indent();
            } else {
                self.put(&piece.replace('\'', "''"));
            }
        }
        self.indicator("'", false, false);
    }

    fn double_quoted(&mut self, text: &str, split: bool) {
        self.indicator("\"", true, false);
        let chars: Vec<char> = text.chars().collect();
        let (mut start, mut end) = (0, 0);
        let run = |from: usize, to: usize| chars.get(from..to).unwrap_or_default().iter().collect::<String>();
        while end <= chars.len() {
            let c = chars.get(end).copied();
            if c.is_none_or(needs_escape) {
                if start < end {
                    self.put(&run(start, end));
                    start = end;
                }
                if let Some(c) = c {
                    self.put(&escape(c));
                    start = end + 1;
                }
            }
            let inside = 0 < end && end + 1 < chars.len();
            let column = (self.column + end).saturating_sub(start);
            if inside && (c == Some(' ') || start >= end) && column > WIDTH && split {
                self.put(&if start >= end { "\\".to_owned() } else { run(start, end) + "\\" });
                start = start.max(end);
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if chars.get(start) == Some(&' ') {
                    self.put("\\");
                }
            }
            end += 1;
        }
        self.indicator("\"", false, false);
    }

    fn literal(&mut self, text: &str) {
        let mut hints = String::new();
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            hints.push_str(&INDENT.to_string());
        }
        let mut backwards = text.chars().rev();
        match (backwards.next(), backwards.next()) {
            (Some(last), _) if !is_break(last) => hints.push('-'),
            (Some(_), before) if before.is_none_or(is_break) => hints.push('+'),
            _ => {}
        }
        self.indicator(&format!("|{hints}"), true, false);
        self.line_break();
        let mut at_start = true;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if is_break(c) {
                self.write_break(c);
                at_start = true;
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
                continue;
            }
            if at_start {
                self.write_indent();
                at_start = false;
            }
            let end = rest.find(is_break).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            self.put(line);
            rest = after;
        }
        if !at_start {
            self.line_break();
        }
    }

    // === Output ===

    fn put(&mut self, text: &str) {
        self.column += text.chars().count();
        self.out.push_str(text);
    }

    fn indicator(&mut self, text: &str, needs_blank: bool, indentation: bool) {
        if !self.whitespace && needs_blank {
            self.put(" ");
        }
        self.whitespace = false;
        self.indention &= indentation;
        self.put(text);
    }

    /// Indentation of what is nested here; `scalar`: of the lines that continue a scalar.
    fn deeper(&mut self, scalar: bool) {
        self.indent = Some(match self.indent {
            None => {
                if scalar {
                    INDENT
                } else {
                    0
                }
            }
            Some(indent) => indent + INDENT,
        });
    }

    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        if self.column < indent {
            self.whitespace = true;
            let blanks = indent - self.column;
            self.out.extend(std::iter::repeat_n(' ', blanks));
            self.column = indent;
        }
    }

    fn line_break(&mut self) {
        self.write_break('\n');
    }

    fn write_break(&mut self, c: char) {
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
        self.out.push(c);
    }
}

fn is_simple_key(key: &str) -> bool {
    !key.is_empty() && key.chars().count() < SIMPLE_KEY && !key.contains(is_break)
}

/// Runs of blanks, of line breaks, and of anything else.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let kind = |c: char| {
        if c == ' ' {
            0
        } else if is_break(c) {
            1
        } else {
            2
        }
    };
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = kind(rest.chars().next()?);
        let end = rest.find(|c| kind(c) != first).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}') || !(' '..='~').contains(&c)
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0B' => 'v',
        '\x0C' => 'f',
        '\r' => 'r',
        '\x1B' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{A0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ if is_printable(c) => return c.to_string(),
        _ if u32::from(c) <= 0xFF => return format!("\\x{:02x}", u32::from(c)),
        _ if u32::from(c) <= 0xFFFF => return format!("\\u{:04x}", u32::from(c)),
        _ => return format!("\\U{:08x}", u32::from(c)),
    };
    format!("\\{short}")
}

#[cfg(test)]
mod tests;
