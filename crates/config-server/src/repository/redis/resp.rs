//! Redis' wire format, as far as hashes need it.

use bytes::{Buf, BytesMut};

/// An answer of more bytes is refused: configuration is small.
const LARGEST: usize = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Text(String),
    Number(i64),
    Error(String),
    List(Vec<Self>),
    Null,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Value(Answer),
    /// The rest has not come yet.
    More,
    Broken,
}

pub(super) fn encode(out: &mut Vec<u8>, words: &[&str]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Takes one answer off the front of the buffer.
pub(super) fn parse(buffer: &mut BytesMut) -> Parsed {
    let mut reader = Reader { bytes: buffer, at: 0 };
    match reader.value(0) {
        Ok(answer) => {
            let used = reader.at;
            buffer.advance(used);
            Parsed::Value(answer)
        }
        Err(Stop::More) if buffer.len() <= LARGEST => Parsed::More,
        Err(_) => Parsed::Broken,
    }
}

enum Stop {
    More,
    Broken,
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<&str, Stop> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop::More)?;
        self.at += end + 2;
        rest.get(..end).and_then(|line| std::str::from_utf8(line).ok()).ok_or(Stop::Broken)
    }

    fn value(&mut self, depth: usize) -> Result<Answer, Stop> {
        let line = self.line()?.to_owned();
        let mut chars = line.chars();
        let kind = chars.next().ok_or(Stop::Broken)?;
        let rest = chars.as_str();
        let number = || rest.parse::<i64>().map_err(|_| Stop::Broken);
        match kind {
            '+' => Ok(Answer::Text(rest.to_owned())),
            '-' => Ok(Answer::Error(rest.to_owned())),
            ':' => number().map(Answer::Number),
            '$' => {
                let Ok(length) = usize::try_from(number()?) else { return Ok(Answer::Null) };
                if length > LARGEST {
                    return Err(Stop::Broken);
                }
                let end = self.at + length;
                let text = self.bytes.get(self.at..end).ok_or(Stop::More)?;
                if self.bytes.len() < end + 2 {
                    return Err(Stop::More);
                }
                self.at = end + 2;
                Ok(Answer::Text(String::from_utf8_lossy(text).into_owned()))
            }
            '*' if depth < 8 => {
                let Ok(length) = usize::try_from(number()?) else { return Ok(Answer::Null) };
                // Nothing is set aside for what is only announced.
                let mut items = Vec::new();
                for _ in 0..length {
                    items.push(self.value(depth + 1)?);
                }
                Ok(Answer::List(items))
            }
            _ => Err(Stop::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_pieces_and_one_after_another() {
        let whole = b"*2\r\n$1\r\na\r\n$-1\r\n-ERR no\r\n:7\r\n+OK\r\n$0\r\n\r\n";
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in whole {
            buffer.extend_from_slice(&[*byte]);
            match parse(&mut buffer) {
                Parsed::Value(answer) => seen.push(answer),
                Parsed::More => {}
                Parsed::Broken => panic!("{buffer:?}"),
            }
        }
        let text = |text: &str| Answer::Text(text.into());
        assert_eq!(
            seen,
            [
                Answer::List(vec![text("a"), Answer::Null]),
                Answer::Error("ERR no".into()),
                Answer::Number(7),
                text("OK"),
                text("")
            ]
        );
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        for broken in [
            "HTTP/1.1 400\r\n",
            "$x\r\n",
            "$99999999999\r\n",
            "\r\n",
            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
        ] {
            assert_eq!(parse(&mut BytesMut::from(broken)), Parsed::Broken, "{broken}");
        }
    }
}
