//! The `.properties` grammar as Spring Boot reads it: ISO-8859-1, `\uXXXX`, continuation lines, `#---` documents, `key[]` lists.
//!
//! Boot has a reader of its own rather than Java's; columns and the rules for `#---` next to comments follow it.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::{Entry, Origin, Problem, Scalar, codes};

/// The parts of a file, split at `#---` or `!---`. Parts without keys do not appear.
pub fn parse(bytes: &[u8], file: &str) -> Result<Vec<IndexMap<String, Entry>>, Problem> {
    let file: Arc<str> = Arc::from(file);
    let mut reader = Reader {
        bytes,
        at: 0,
        line: 0,
        column: -1,
        current: None,
        escaped: false,
        last_comment: None,
        ended: false,
        file: &file,
    };
    let mut documents: Vec<IndexMap<String, Entry>> = Vec::new();
    let mut document = IndexMap::new();
    while reader.read()? {
        let Some(prefix) = reader.current.filter(|c| matches!(c, '#' | '!')) else {
            reader.last_comment = None;
            property(&mut reader, &mut document)?;
            continue;
        };
        if reader.is_new_document(prefix)? {
            if !document.is_empty() {
                documents.push(std::mem::take(&mut document));
            }
        } else {
            // A comment right below the separator makes it a mere comment: the parts grow together again.
            if document.is_empty() {
                document = documents.pop().unwrap_or_default();
            }
            reader.last_comment = Some(prefix);
            reader.skip_comment();
        }
    }
    if !document.is_empty() {
        documents.push(document);
    }
    Ok(documents)
}

fn property(reader: &mut Reader<'_>, document: &mut IndexMap<String, Entry>) -> Result<(), Problem> {
    let key = key(reader)?;
    let key = key.trim();
    let Some(list) = key.strip_suffix("[]") else {
        let value = value(reader, false)?;
        if !key.is_empty() {
            document.insert(key.to_owned(), value);
        }
        return Ok(());
    };
    for index in 0.. {
        let item = value(reader, true)?;
        document.insert(format!("{list}[{index}]"), item);
        if !reader.is_end_of_line() {
            reader.read()?;
        }
        if reader.is_end_of_line() {
            break;
        }
    }
    Ok(())
}

fn key(reader: &mut Reader<'_>) -> Result<String, Problem> {
    let mut key = String::new();
    let mut after_blank = false;
    while !reader.is_end_of_line() {
        if reader.is_delimiter() {
            reader.read()?;
            return Ok(key);
        }
        let blank = reader.is_blank();
        if !blank && after_blank {
            return Ok(key);
        }
        after_blank = blank;
        if !blank {
            key.extend(reader.current);
        }
        reader.read()?;
    }
    Ok(key)
}

fn value(reader: &mut Reader<'_>, list: bool) -> Result<Entry, Problem> {
    while reader.is_blank() && !reader.is_end_of_line() {
        reader.read()?;
    }
    let origin = Some(reader.place());
    let mut units = Vec::new();
    while !(reader.is_end_of_line() || list && !reader.escaped && reader.current == Some(',')) {
        units.extend(reader.current);
        reader.read()?;
    }
    Ok(Entry { value: Scalar::Text(units.into_iter().collect()), origin })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
    column: i64,
    current: Option<char>,
    escaped: bool,
    last_comment: Option<char>,
    ended: bool,
    file: &'a Arc<str>,
}

impl Reader<'_> {
    /// The next character of the file, line ends as `\n`.
    fn raw(&mut self) -> Option<char> {
        let Some(byte) = self.bytes.get(self.at).copied() else {
            // Java's LineNumberReader counts an unfinished last line when it meets the end.
            if !self.ended && !matches!(self.bytes.last(), Some(b'\n' | b'\r') | None) {
                self.line += 1;
            }
            self.ended = true;
            return None;
        };
        self.at += 1;
        if byte == b'\r' {
            if self.bytes.get(self.at) == Some(&b'\n') {
                self.at += 1;
            }
            self.line += 1;
            return Some('\n');
        }
        if byte == b'\n' {
            self.line += 1;
        }
        Some(char::from(byte))
    }

    fn read(&mut self) -> Result<bool, Problem> {
        loop {
            self.escaped = false;
            self.current = self.raw();
            self.column += 1;
            if self.column == 0 {
                self.skip_blanks();
            }
            match self.current {
                Some('\\') => {}
                Some('\n') => {
                    self.column = -1;
                    return Ok(true);
                }
                current => return Ok(current.is_some()),
            }
            self.escaped = true;
            self.current = self.raw();
            match self.current {
                Some('t') => self.current = Some('\t'),
                Some('r') => self.current = Some('\r'),
                Some('n') => self.current = Some('\n'),
                Some('f') => self.current = Some('\u{c}'),
                Some('u') => self.unicode()?,
                Some('\n') => {
                    self.column = -1;
                    continue;
                }
                _ => {}
            }
            return Ok(self.current.is_some());
        }
    }

    fn unicode(&mut self) -> Result<(), Problem> {
        let high = self.code_unit()?;
        let mut units = vec![high];
        // A pair of escapes is one character; Java's strings hold the two halves side by side.
        if (0xD800..0xDC00).contains(&high) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
            let (at, line) = (self.at, self.line);
            self.at += 2;
            match self.code_unit()? {
                low @ 0xDC00..0xE000 => units.push(low),
                _ => (self.at, self.line) = (at, line),
            }
        }
        self.current = char::decode_utf16(units).next().map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(())
    }

    fn code_unit(&mut self) -> Result<u16, Problem> {
        let digits = self.bytes.get(self.at..self.at + 4).and_then(|d| std::str::from_utf8(d).ok());
        match digits
            .filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|d| u16::from_str_radix(d, 16).ok())
        {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => {
                Err(Problem::new(codes::PROPERTIES_SYNTAX, "malformed \\uxxxx encoding")
                    .at(Some(self.place())))
            }
        }
    }

    fn is_new_document(&mut self, prefix: char) -> Result<bool, Problem> {
        if self.last_comment == Some(prefix) {
            return Ok(false);
        }
        let mut separator = self.column == 0;
        for _ in 0..3 {
            if separator {
                self.read()?;
                separator = self.current == Some('-') && !self.is_end_of_line();
            }
        }
        if !self.is_end_of_line() {
            self.read()?;
            self.skip_blanks();
        }
        Ok(separator && self.is_end_of_line())
    }

    fn skip_comment(&mut self) {
        while !matches!(self.current, Some('\n') | None) {
            self.current = self.raw();
            self.column += 1;
        }
        self.column = -1;
    }

    fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.current = self.raw();
            self.column += 1;
        }
    }

    fn is_blank(&self) -> bool {
        !self.escaped && matches!(self.current, Some(' ' | '\t' | '\u{c}'))
    }

    fn is_delimiter(&self) -> bool {
        !self.escaped && matches!(self.current, Some('=' | ':'))
    }

    fn is_end_of_line(&self) -> bool {
        self.current.is_none() || (!self.escaped && self.current == Some('\n'))
    }

    fn place(&self) -> Origin {
        Origin::new(self.file, self.line + 1, u32::try_from(self.column + 1).unwrap_or(0))
    }
}
