//! The tokens that name things: directives, anchors, aliases, tags.

use std::borrow::Cow;

use super::scanner::{Directive, Fault, Kind, Scanner, fault};

impl<'t> Scanner<'t> {
    pub(super) fn scan_directive(&mut self) -> Result<(), Fault> {
        let start = self.reader.mark;
        self.reader.forward(1);
        let name = self.word();
        if name.is_empty() || !self.reader.is_space(0) {
            return fault("a directive needs a name", self.reader.mark);
        }
        let directive = match name {
            "YAML" => {
                self.blanks();
                let major = self.digits();
                if self.reader.peek() != b'.' || major.is_empty() {
                    return fault("a version such as 1.1 belongs here", self.reader.mark);
                }
                self.reader.forward(1);
                if self.digits().is_empty() || !self.reader.is_space(0) {
                    return fault("a version such as 1.1 belongs here", self.reader.mark);
                }
                if major.trim_start_matches('0') != "1" {
                    return fault("only YAML 1.x can be read", start);
                }
                Directive::Version
            }
            "TAG" => {
                self.blanks();
                let handle = self.handle()?;
                if self.reader.peek() != b' ' {
                    return fault("a blank belongs between handle and prefix", self.reader.mark);
                }
                self.blanks();
                let from = self.reader.mark.at;
                self.uri()?;
                let prefix = self.reader.text.get(from..self.reader.mark.at).unwrap_or_default();
                if !self.reader.is_space(0) {
                    return fault("a blank belongs after the prefix", self.reader.mark);
                }
                Directive::Tag(handle, prefix)
            }
            _ => {
                self.rest_of_line();
                Directive::Other
            }
        };
        self.blanks();
        if self.reader.peek() == b'#' {
            self.rest_of_line();
        }
        if !self.reader.ends_line(0) {
            return fault("nothing but a comment may follow a directive", self.reader.mark);
        }
        self.push(Kind::Directive(directive), start);
        Ok(())
    }

    pub(super) fn anchor(&mut self, alias: bool) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.reader.mark;
        self.reader.forward(1);
        let mut length = 0;
        let ends = |byte| matches!(byte, b':' | b',' | b'[' | b']' | b'{' | b'}' | b'/' | b'.' | b'*' | b'&');
        while !self.reader.is_white(length) && !ends(self.reader.peek_at(length)) {
            length += 1;
        }
        let name = self.reader.take(length);
        let follows = matches!(self.reader.peek(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !(follows || self.reader.is_white(0)) {
            let what = if alias { "alias" } else { "anchor" };
            return fault(format!("this cannot be the name of an {what}; quote the text"), self.reader.mark);
        }
        self.push(if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    pub(super) fn tag(&mut self) -> Result<(), Fault> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.reader.mark;
        let kind = if self.reader.peek_at(1) == b'<' {
            self.reader.forward(2);
            let uri = self.uri()?;
            if self.reader.peek() != b'>' {
                return fault("a tag that begins with !< ends with >", self.reader.mark);
            }
            self.reader.forward(1);
            Kind::Tag(None, uri)
        } else if self.reader.is_white(1) {
            self.reader.forward(1);
            Kind::Tag(None, Cow::Borrowed("!"))
        } else {
            let mut length = 1;
            while !self.reader.is_space(length) && self.reader.peek_at(length) != b'!' {
                length += 1;
            }
            let handle = if self.reader.is_space(length) { self.reader.take(1) } else { self.handle()? };
            Kind::Tag(Some(handle), self.uri()?)
        };
        if !self.reader.is_space(0) {
            return fault("a blank belongs after a tag", self.reader.mark);
        }
        self.push(kind, start);
        Ok(())
    }

    /// `!`, `!!`, `!name!`
    fn handle(&mut self) -> Result<&'t str, Fault> {
        let from = self.reader.mark.at;
        if self.reader.peek() != b'!' {
            return fault("a tag's handle begins with !", self.reader.mark);
        }
        self.reader.forward(1);
        if self.reader.peek() != b' ' {
            self.word();
            if self.reader.peek() != b'!' {
                return fault("a tag's handle ends with !", self.reader.mark);
            }
            self.reader.forward(1);
        }
        Ok(self.reader.text.get(from..self.reader.mark.at).unwrap_or_default())
    }

    /// A tag's URI, `%XX` decoded.
    fn uri(&mut self) -> Result<Cow<'t, str>, Fault> {
        let start = self.reader.mark;
        let mut bytes: Vec<u8> = Vec::new();
        let mut escaped = false;
        loop {
            match self.reader.peek() {
                b'%' => {
                    let digits =
                        self.reader.rest().get(1..3).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                    let Some(byte) = digits.and_then(|d| u8::from_str_radix(d, 16).ok()) else {
                        return fault("% in a tag wants two hexadecimal digits", self.reader.mark);
                    };
                    bytes.push(byte);
                    escaped = true;
                    self.reader.forward(3);
                }
                byte if byte.is_ascii_alphanumeric() || b"-_;/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    bytes.push(byte);
                    self.reader.forward(1);
                }
                _ => break,
            }
        }
        if bytes.is_empty() {
            return fault("a tag needs a name", self.reader.mark);
        }
        if !escaped {
            return Ok(Cow::Borrowed(
                self.reader.text.get(start.at..self.reader.mark.at).unwrap_or_default(),
            ));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => fault("% escapes in a tag must spell UTF-8", start),
        }
    }

    fn word(&mut self) -> &'t str {
        let mut length = 0;
        while matches!(self.reader.peek_at(length), b'-' | b'_')
            || self.reader.peek_at(length).is_ascii_alphanumeric()
        {
            length += 1;
        }
        self.reader.take(length)
    }

    fn digits(&mut self) -> &'t str {
        let mut length = 0;
        while self.reader.peek_at(length).is_ascii_digit() {
            length += 1;
        }
        self.reader.take(length)
    }

    pub(super) fn blanks(&mut self) {
        while self.reader.peek() == b' ' {
            self.reader.forward(1);
        }
    }

    pub(super) fn rest_of_line(&mut self) -> &'t str {
        let mut length = 0;
        while !self.reader.ends_line(length) {
            length += 1;
        }
        self.reader.take(length)
    }
}
