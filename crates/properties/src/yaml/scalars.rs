//! The tokens that hold text: plain, quoted and block scalars, with YAML 1.1's folding of lines.

use std::borrow::Cow;

use super::scanner::{Fault, Kind, Scanner, fault};

/// How a block scalar ends: `-` no line break, nothing one, `+` all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

impl<'t> Scanner<'t> {
    // === Plain ===

    pub(super) fn plain_scalar(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.reader.mark;
        let mut end = start;
        let mut text: Cow<'t, str> = Cow::Borrowed("");
        let mut between = Cow::Borrowed("");
        let mut inline = true;
        while self.reader.peek() != b'#' {
            let length = self.plain_length();
            if length == 0 {
                break;
            }
            self.key_allowed = false;
            let chunk = self.reader.take(length);
            if inline {
                // Still one line: the text is a slice of the source.
                text = Cow::Borrowed(self.reader.text.get(start.at..self.reader.mark.at).unwrap_or_default());
            } else {
                let owned = text.to_mut();
                owned.push_str(&between);
                owned.push_str(chunk);
            }
            end = self.reader.mark;
            let line = end.line;
            between = self.plain_spaces();
            inline &= self.reader.mark.line == line;
            let outside = self.flow == 0 && i64::from(self.reader.mark.column) < self.indent + 1;
            if between.is_empty() || self.reader.peek() == b'#' || outside {
                break;
            }
        }
        self.push_until(Kind::Scalar(text, true), start, end);
        Ok(())
    }

    fn plain_length(&self) -> usize {
        let mut length = 0;
        loop {
            let ends = match self.reader.peek_at(length) {
                b':' => {
                    let next = self.reader.peek_at(length + 1);
                    self.reader.is_white(length + 1)
                        || self.flow > 0 && matches!(next, b',' | b'[' | b']' | b'{' | b'}')
                }
                b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow > 0,
                byte if byte > b' ' && byte < 0x80 => false,
                _ => self.reader.is_white(length),
            };
            if ends {
                return length;
            }
            length += 1;
        }
    }

    /// White space inside a plain scalar: kept within a line, folded over a line break.
    fn plain_spaces(&mut self) -> Cow<'t, str> {
        let mut length = 0;
        while matches!(self.reader.peek_at(length), b' ' | b'\t') {
            length += 1;
        }
        let blanks = self.reader.take(length);
        let first = self.reader.take_break();
        if first.is_empty() {
            return Cow::Borrowed(blanks);
        }
        self.key_allowed = true;
        if self.ends_document() {
            return Cow::Borrowed("");
        }
        let mut breaks = String::new();
        loop {
            self.blanks();
            let next = self.reader.take_break();
            if next.is_empty() {
                break;
            }
            breaks.push_str(next);
            if self.ends_document() {
                return Cow::Borrowed("");
            }
        }
        folded(first, breaks)
    }

    /// Any line that begins with `---` ends a plain scalar; `...` only when white space follows.
    fn ends_document(&self) -> bool {
        self.reader.starts_with("---") || self.reader.is_separator("...")
    }

    // === Quoted ===

    pub(super) fn flow_scalar(&mut self, double: bool) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.reader.mark;
        let quote = self.reader.peek();
        self.reader.forward(1);
        let mut text: Cow<'t, str> = Cow::Borrowed("");
        self.quoted_text(double, &mut text)?;
        while self.reader.peek() != quote {
            self.quoted_spaces(&mut text)?;
            self.quoted_text(double, &mut text)?;
        }
        self.reader.forward(1);
        self.push(Kind::Scalar(text, false), start);
        Ok(())
    }

    fn quoted_text(&mut self, double: bool, text: &mut Cow<'t, str>) -> Result<(), Fault> {
        loop {
            let mut length = 0;
            loop {
                match self.reader.peek_at(length) {
                    b'\'' | b'"' | b'\\' => break,
                    byte if byte > b' ' && byte < 0x80 => length += 1,
                    _ if self.reader.is_white(length) => break,
                    _ => length += 1,
                }
            }
            append_source(text, self.reader.take(length));
            match (self.reader.peek(), double) {
                (b'\'', false) if self.reader.peek_at(1) == b'\'' => {
                    text.to_mut().push('\'');
                    self.reader.forward(2);
                }
                (b'\'', true) | (b'"' | b'\\', false) => append_source(text, self.reader.take(1)),
                (b'\\', true) => self.escape(text)?,
                _ => return Ok(()),
            }
        }
    }

    fn escape(&mut self, text: &mut Cow<'t, str>) -> Result<(), Fault> {
        self.reader.forward(1);
        let plain = match self.reader.peek() {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' => '\t',
            b'n' => '\n',
            b'v' => '\u{b}',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'e' => '\u{1b}',
            b' ' => ' ',
            b'"' => '"',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => return self.coded(2, text),
            b'u' => return self.coded(4, text),
            b'U' => return self.coded(8, text),
            _ if !self.reader.take_break().is_empty() => {
                let breaks = self.quoted_breaks()?;
                text.to_mut().push_str(&breaks);
                return Ok(());
            }
            _ => {
                return fault(
                    "unknown escape; in double quotes a backslash is written \\\\",
                    self.reader.mark,
                );
            }
        };
        text.to_mut().push(plain);
        self.reader.forward(1);
        Ok(())
    }

    fn coded(&mut self, digits: usize, text: &mut Cow<'t, str>) -> Result<(), Fault> {
        let mark = self.reader.mark;
        let Some(mut unit) = self.reader.rest().get(1..).and_then(|rest| hex(rest, digits)) else {
            return fault(format!("this escape wants {digits} hexadecimal digits"), mark);
        };
        self.reader.forward(digits + 1);
        // Two escapes may spell the halves of one character.
        if (0xD800..0xDC00).contains(&unit)
            && let Some(low) = self.reader.rest().strip_prefix("\\u").and_then(|rest| hex(rest, 4))
            && (0xDC00..0xE000).contains(&low)
        {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            self.reader.forward(6);
        }
        let lone_half = (0xD800..0xE000).contains(&unit);
        match char::from_u32(unit) {
            Some(c) => text.to_mut().push(c),
            None if lone_half => text.to_mut().push(char::REPLACEMENT_CHARACTER),
            None => return fault("no character has this code", mark),
        }
        Ok(())
    }

    fn quoted_spaces(&mut self, text: &mut Cow<'t, str>) -> Result<(), Fault> {
        let mut length = 0;
        while matches!(self.reader.peek_at(length), b' ' | b'\t') {
            length += 1;
        }
        let blanks = self.reader.take(length);
        if self.reader.rest().is_empty() {
            return fault("a quote is opened and not closed", self.reader.mark);
        }
        let first = self.reader.take_break();
        if first.is_empty() {
            append_source(text, blanks);
            return Ok(());
        }
        let breaks = self.quoted_breaks()?;
        text.to_mut().push_str(&folded(first, breaks));
        Ok(())
    }

    fn quoted_breaks(&mut self) -> Result<String, Fault> {
        let mut breaks = String::new();
        loop {
            if (self.reader.starts_with("---") || self.reader.starts_with("...")) && self.reader.is_white(3) {
                return fault("a document may not end inside quotes", self.reader.mark);
            }
            while matches!(self.reader.peek(), b' ' | b'\t') {
                self.reader.forward(1);
            }
            let next = self.reader.take_break();
            if next.is_empty() {
                return Ok(breaks);
            }
            breaks.push_str(next);
        }
    }

    // === Block ===

    pub(super) fn block_scalar(&mut self, fold: bool) -> Result<(), Fault> {
        self.key_allowed = true;
        self.remove_key()?;
        let start = self.reader.mark;
        self.reader.forward(1);
        let (chomp, increment) = self.block_header()?;
        let least = (self.indent + 1).max(1);
        let (indent, mut breaks) = match increment {
            Some(increment) => {
                let indent = least + i64::from(increment) - 1;
                (indent, self.block_breaks(indent))
            }
            None => {
                let (breaks, deepest) = self.block_indentation();
                let indent = least.max(deepest);
                let more = self.block_breaks(indent);
                (indent, breaks + &more)
            }
        };
        let mut text = String::new();
        let mut last = "";
        while i64::from(self.reader.mark.column) == indent && !self.reader.rest().is_empty() {
            text.push_str(&breaks);
            let flush = !matches!(self.reader.peek(), b' ' | b'\t');
            text.push_str(self.rest_of_line());
            last = self.reader.take_break();
            breaks = self.block_breaks(indent);
            if i64::from(self.reader.mark.column) != indent || self.reader.rest().is_empty() {
                break;
            }
            let joins = fold && last == "\n" && flush && !matches!(self.reader.peek(), b' ' | b'\t');
            match (joins, breaks.is_empty()) {
                (true, true) => text.push(' '),
                (true, false) => {}
                (false, _) => text.push_str(last),
            }
        }
        if chomp != Chomp::Strip {
            text.push_str(last);
        }
        if chomp == Chomp::Keep {
            text.push_str(&breaks);
        }
        self.push(Kind::Scalar(Cow::Owned(text), false), start);
        Ok(())
    }

    fn block_header(&mut self) -> Result<(Chomp, Option<u8>), Fault> {
        let mut chomp = None;
        let mut increment = None;
        loop {
            match self.reader.peek() {
                b'-' if chomp.is_none() => chomp = Some(Chomp::Strip),
                b'+' if chomp.is_none() => chomp = Some(Chomp::Keep),
                b'0' if increment.is_none() => {
                    return fault("the indentation of a block is 1 to 9", self.reader.mark);
                }
                digit @ b'1'..=b'9' if increment.is_none() => increment = Some(digit - b'0'),
                _ => break,
            }
            self.reader.forward(1);
        }
        if !self.reader.is_space(0) {
            return fault("after | or > come only +, - and a digit", self.reader.mark);
        }
        self.blanks();
        if self.reader.peek() == b'#' {
            self.rest_of_line();
        }
        if !self.reader.ends_line(0) {
            return fault("nothing but a comment may follow | or >", self.reader.mark);
        }
        self.reader.take_break();
        Ok((chomp.unwrap_or(Chomp::Clip), increment))
    }

    /// The line breaks before the text, and the deepest column of these lines.
    fn block_indentation(&mut self) -> (String, i64) {
        let mut breaks = String::new();
        let mut deepest = 0;
        loop {
            if self.reader.peek() == b' ' {
                self.reader.forward(1);
                deepest = deepest.max(i64::from(self.reader.mark.column));
                continue;
            }
            let next = self.reader.take_break();
            if next.is_empty() {
                return (breaks, deepest);
            }
            breaks.push_str(next);
        }
    }

    fn block_breaks(&mut self, indent: i64) -> String {
        let mut breaks = String::new();
        loop {
            while i64::from(self.reader.mark.column) < indent && self.reader.peek() == b' ' {
                self.reader.forward(1);
            }
            let next = self.reader.take_break();
            if next.is_empty() {
                return breaks;
            }
            breaks.push_str(next);
        }
    }
}

/// A line break with the empty lines after it: one alone is a blank, more lose the first.
fn folded<'a>(first: &'a str, breaks: String) -> Cow<'a, str> {
    match (first, breaks.is_empty()) {
        ("\n", true) => Cow::Borrowed(" "),
        ("\n", false) => Cow::Owned(breaks),
        _ => Cow::Owned(format!("{first}{breaks}")),
    }
}

/// The first piece of the source is borrowed, everything after it copied.
fn append_source<'t>(text: &mut Cow<'t, str>, chunk: &'t str) {
    if text.is_empty() {
        *text = Cow::Borrowed(chunk);
    } else if !chunk.is_empty() {
        text.to_mut().push_str(chunk);
    }
}

fn hex(text: &str, digits: usize) -> Option<u32> {
    let digits = text.get(..digits).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}
