//! Where the body of an upstream's answer ends: by length, by chunks, with the connection.
//!
//! Strict where two readers could differ: a chunk size is plain digits, lines end with CRLF.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::response;

/// A chunk's size line and its extensions may have this many bytes, trailers so many altogether.
const LONGEST_LINE: usize = 4096;
const MOST_TRAILERS: usize = 16 << 10;

/// How much of a body is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Decoder {
    Length(u64),
    Chunked(Chunk),
    /// Until the upstream hangs up.
    Close,
}

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Chunk {
    Size,
    Data(u64),
    /// The line end after a chunk's data.
    End,
    Trailers,
    Over,
}

/// What the bytes at hand give.
#[derive(Debug)]
pub(in crate::upstream) enum Decoded {
    Data(Bytes),
    Trailers(HeaderMap),
    Over,
    /// More bytes are needed.
    More,
}

impl Decoder {
    pub(in crate::upstream) const NOTHING: Self = Self::Length(0);

    /// Nothing more will come.
    pub(in crate::upstream) fn is_over(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// How many bytes of the body are to come, as far as it is known.
    pub(in crate::upstream) fn left(self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(left),
            Self::Chunked(Chunk::Over) => Some(0),
            Self::Chunked(_) | Self::Close => None,
        }
    }

    /// How much room the next read should have.
    pub(super) fn appetite(self) -> usize {
        const LEAST: u64 = 8 << 10;
        const MOST: u64 = 64 << 10;
        let wanted = match self {
            Self::Length(left) => left,
            // The line end, the next size and its line end belong to the same read.
            Self::Chunked(Chunk::Data(left)) => left.saturating_add(64),
            Self::Chunked(_) => LEAST,
            Self::Close => MOST,
        };
        usize::try_from(wanted.clamp(LEAST, MOST)).unwrap_or(8 << 10)
    }

    /// Takes what is there of the body.
    pub(in crate::upstream) fn decode(&mut self, inbox: &mut BytesMut) -> Result<Decoded, &'static str> {
        match self {
            Self::Length(0) => Ok(Decoded::Over),
            _ if inbox.is_empty() && !matches!(self, Self::Chunked(Chunk::Over)) => Ok(Decoded::More),
            Self::Length(left) => Ok(Decoded::Data(take(inbox, left))),
            Self::Close => Ok(Decoded::Data(inbox.split().freeze())),
            Self::Chunked(chunk) => chunk.decode(inbox),
        }
    }
}

impl Chunk {
    fn decode(&mut self, inbox: &mut BytesMut) -> Result<Decoded, &'static str> {
        loop {
            match self {
                Self::Size => {
                    let Some(end) = memchr::memchr(b'\n', inbox) else {
                        return if inbox.len() > LONGEST_LINE {
                            Err("chunk size line too long")
                        } else {
                            Ok(Decoded::More)
                        };
                    };
                    let line = inbox.split_to(end + 1);
                    *self = match size(&line)? {
                        0 => Self::Trailers,
                        size => Self::Data(size),
                    };
                }
                Self::Data(_) if inbox.is_empty() => return Ok(Decoded::More),
                Self::Data(left) => {
                    let data = take(inbox, left);
                    if *left == 0 {
                        *self = Self::End;
                        // The line end is taken at once when it is here, so that the end is known with the last data.
                        if inbox.starts_with(b"\r\n0\r\n\r\n") {
                            inbox.advance(7);
                            *self = Self::Over;
                        }
                    }
                    return Ok(Decoded::Data(data));
                }
                Self::End => match inbox.get(..2) {
                    Some(b"\r\n") => {
                        inbox.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err("chunk does not end where its size says"),
                    None => return Ok(Decoded::More),
                },
                Self::Trailers => {
                    if inbox.starts_with(b"\r\n") {
                        inbox.advance(2);
                        *self = Self::Over;
                        return Ok(Decoded::Over);
                    }
                    let Some(end) = response::end_of_lines(inbox) else {
                        return if inbox.len() > MOST_TRAILERS {
                            Err("trailers too long")
                        } else {
                            Ok(Decoded::More)
                        };
                    };
                    let lines = inbox.split_to(end).freeze();
                    *self = Self::Over;
                    return response::trailers(&lines).map(Decoded::Trailers);
                }
                Self::Over => return Ok(Decoded::Over),
            }
        }
    }
}

/// As much of the next `left` bytes as is there.
fn take(inbox: &mut BytesMut, left: &mut u64) -> Bytes {
    let count = usize::try_from(*left).map_or(inbox.len(), |left| left.min(inbox.len()));
    *left -= count as u64;
    inbox.split_to(count).freeze()
}

/// The number on a chunk's size line, which ends with CRLF; extensions are passed over.
fn size(line: &[u8]) -> Result<u64, &'static str> {
    let line = line.strip_suffix(b"\r\n").ok_or("chunk size line ends without CR")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (number, rest) = line.split_at_checked(digits).ok_or("chunk size expected")?;
    let extension = rest.trim_ascii_start();
    if number.is_empty() || number.len() > 15 || !(extension.is_empty() || extension.starts_with(b";")) {
        return Err("chunk size expected");
    }
    if rest.contains(&b'\r') {
        return Err("bare CR in a chunk size line");
    }
    Ok(number
        .iter()
        .filter_map(|byte| (*byte as char).to_digit(16))
        .fold(0, |sum, digit| sum * 16 + u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body's text, and its trailers, when `text` arrives in pieces of `size` bytes.
    fn decoded(text: &str, size: usize) -> Result<(String, usize, bool), &'static str> {
        let mut decoder = Decoder::Chunked(Chunk::Size);
        let (mut inbox, mut out, mut trailers) = (BytesMut::new(), Vec::new(), 0);
        for piece in text.as_bytes().chunks(size) {
            inbox.extend_from_slice(piece);
            loop {
                match decoder.decode(&mut inbox)? {
                    Decoded::Data(data) => out.extend_from_slice(&data),
                    Decoded::Trailers(headers) => trailers = headers.len(),
                    Decoded::Over => {
                        return Ok((String::from_utf8(out).unwrap(), trailers, inbox.is_empty()));
                    }
                    Decoded::More => break,
                }
                if decoder.is_over() {
                    return Ok((String::from_utf8(out).unwrap(), trailers, inbox.is_empty()));
                }
            }
        }
        Ok((String::from_utf8(out).unwrap(), trailers, decoder.is_over()))
    }

    #[test]
    fn chunks_are_put_together_however_they_are_cut() {
        let table = [
            ("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
            ("5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", "hello0123456789", 0),
            ("3\r\nabc\r\n0\r\nX-Sum: 7\r\ny: z\r\n\r\n", "abc", 2),
            ("0\r\n\r\n", "", 0),
        ];
        for (text, wanted, trailers) in table {
            for size in 1..=text.len() {
                let got = decoded(text, size).unwrap();
                assert_eq!((got.0.as_str(), got.1, got.2), (wanted, trailers, true), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "-5\r\nhello\r\n",
            "5 5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "\r\nhello\r\n",
            "FFFFFFFFFFFFFFFF1\r\nhello\r\n",
            "5;a\rb\r\nhello\r\n0\r\n\r\n",
        ] {
            assert!(decoded(text, text.len()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn long_chunks() {
        let examples: [&[u8]; 3] = [
            b"5\r\nhello\r\n0\r\n\r\n",
            b"a;x=\"y\"\r\n0123456789\r\n1\r\n!\r\n0\r\nDigest: x\r\nA: b\r\n\r\n",
            b"000\r\n\r\nHTTP/1.1 200 OK\r\n",
        ];
        let words = [
            "\r\n",
            "\n",
            "\r",
            "0\r\n\r\n",
            "ffffffffffffffff\r\n",
            "10000000000000000\r\n",
            ";",
            "+1",
            "-1",
            "0x1",
            " ",
            "Content-Length: 1\r\n",
        ];
        wellspring_test_support::fuzz::run("chunked bodies", &examples, &words, |bytes, rng| {
            let all = |size: usize| {
                let (mut inbox, mut decoder, mut data) =
                    (BytesMut::new(), Decoder::Chunked(Chunk::Size), Vec::new());
                for chunk in bytes.chunks(size) {
                    inbox.extend_from_slice(chunk);
                    while !decoder.is_over() {
                        match decoder.decode(&mut inbox) {
                            Ok(Decoded::Data(bytes)) => data.extend_from_slice(&bytes),
                            Ok(Decoded::Trailers(_)) => {}
                            Ok(Decoded::Over | Decoded::More) => break,
                            Err(_) => return (data, false, true),
                        }
                    }
                }
                (data, decoder.is_over(), false)
            };
            let (whole, pieces) = (all(bytes.len().max(1)), all(rng.usize(1..20)));
            assert!(whole.0.len() <= bytes.len());
            assert_eq!(whole, pieces, "however the bytes come");
        });
    }
}
