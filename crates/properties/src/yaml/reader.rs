//! A cursor over the text: bytes to look at, line and column to report.

/// A position: byte offset, line from 0, column in characters from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) at: usize,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The end of the text reads as NUL, which the text itself cannot hold.
pub(super) const END: u8 = 0;

#[derive(Debug)]
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) mark: Mark,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, mark: Mark::default() }
    }

    pub(super) fn peek(&self) -> u8 {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.mark.at + ahead).copied().unwrap_or(END)
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        self.rest().starts_with(prefix)
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.mark.at..).unwrap_or_default()
    }

    /// Steps over bytes that are no line breaks, and gives them.
    pub(super) fn take(&mut self, length: usize) -> &'t str {
        let text = self.text.get(self.mark.at..self.mark.at + length).unwrap_or_default();
        let characters = text.bytes().filter(|b| b & 0xC0 != 0x80).count();
        self.mark.at += text.len();
        self.mark.column += u32::try_from(characters).unwrap_or(u32::MAX);
        text
    }

    /// Steps over ASCII characters.
    pub(super) fn forward(&mut self, count: usize) {
        self.mark.at += count;
        self.mark.column += u32::try_from(count).unwrap_or(u32::MAX);
    }

    /// Length of the line break at an offset, 0 when there is none.
    pub(super) fn break_at(&self, ahead: usize) -> usize {
        match self.peek_at(ahead) {
            b'\n' => 1,
            b'\r' if self.peek_at(ahead + 1) == b'\n' => 2,
            b'\r' => 1,
            0xC2 if self.peek_at(ahead + 1) == 0x85 => 2,
            0xE2 if self.peek_at(ahead + 1) == 0x80 && matches!(self.peek_at(ahead + 2), 0xA8 | 0xA9) => 3,
            _ => 0,
        }
    }

    /// Steps over a line break and gives it as it counts: all of them are `\n`, but U+2028 and U+2029.
    pub(super) fn take_break(&mut self) -> &'t str {
        let length = self.break_at(0);
        if length == 0 {
            return "";
        }
        let raw = self.text.get(self.mark.at..self.mark.at + length).unwrap_or_default();
        self.mark.at += length;
        self.mark.line += 1;
        self.mark.column = 0;
        if length == 3 { raw } else { "\n" }
    }

    /// End or line break.
    pub(super) fn ends_line(&self, ahead: usize) -> bool {
        match self.peek_at(ahead) {
            END | b'\n' | b'\r' => true,
            0xC2 | 0xE2 => self.break_at(ahead) > 0,
            _ => false,
        }
    }

    /// End, line break or blank.
    pub(super) fn is_space(&self, ahead: usize) -> bool {
        self.peek_at(ahead) == b' ' || self.ends_line(ahead)
    }

    /// End, line break, blank or tab.
    pub(super) fn is_white(&self, ahead: usize) -> bool {
        self.peek_at(ahead) == b'\t' || self.is_space(ahead)
    }

    /// `---` or `...` at the start of a line, followed by white space.
    pub(super) fn is_separator(&self, text: &str) -> bool {
        self.mark.column == 0 && self.starts_with(text) && self.is_white(3)
    }
}
