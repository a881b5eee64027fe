//! Refuses requests that declare their length twice: `Content-Length` and `Transfer-Encoding` in one head.
//!
//! hyper would take the chunked reading and drop the other header, which is safe for us but hides an attempt to smuggle
//! requests past a peer that reads the first. So the bytes are watched on their way in: when the second of the two names
//! is complete its colon is spoiled, and hyper answers 400 to a head it cannot parse. Bodies are skipped by their framing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const CONTENT_LENGTH: &[u8] = b"content-length";
const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";
const UPGRADE: &[u8] = b"upgrade";

/// A connection whose incoming HTTP/1.1 heads are watched.
pub(super) struct Guarded<S> {
    inner: S,
    /// What was read before, and comes first.
    first: BytesMut,
    watch: Watch,
}

impl<S> Guarded<S> {
    pub(super) fn new(inner: S) -> Self {
        Self::after(BytesMut::new(), inner)
    }

    /// `first` was read from the connection already.
    pub(super) fn after(first: BytesMut, inner: S) -> Self {
        Self { inner, first, watch: Watch::default() }
    }
}

/// Where in the stream of requests the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// Before a request line; empty lines may stand here.
    #[default]
    RequestStart,
    RequestLine,
    /// Start of a header line, or of the empty line that ends the head.
    LineStart,
    Name,
    Value,
    Body(u64),
    ChunkSize(u64),
    /// After the digits of a chunk size: extensions up to the line's end.
    ChunkLine(u64),
    ChunkData(u64),
    /// The line end after a chunk's data.
    ChunkEnd,
    TrailerStart,
    Trailer,
    /// Upgraded, or broken beyond following: hyper alone decides.
    Opaque,
}

#[derive(Debug, Default)]
struct Watch {
    at: At,
    /// The current header's name in lower case; longer names than these are none of ours.
    name: [u8; 18],
    name_len: usize,
    kind: Kind,
    length: Option<u64>,
    chunked: bool,
    upgrade: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    Length,
    #[default]
    Other,
}

impl Watch {
    /// Follows the bytes that came in, spoiling the second length declaration of a head.
    fn follow(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.at != At::Opaque {
            let taken = self.step(rest).clamp(1, rest.len());
            let (_, after) = rest.split_at_mut(taken);
            rest = after;
        }
    }

    /// Takes some of the bytes and says how many.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        let Some(&byte) = bytes.first() else { return 0 };
        match self.at {
            At::RequestStart if matches!(byte, b'\r' | b'\n') => 1,
            At::RequestStart | At::RequestLine => {
                self.at = At::RequestLine;
                self.skip_line(bytes, At::LineStart)
            }
            At::LineStart if byte == b'\r' => 1,
            At::LineStart if byte == b'\n' => {
                self.end_head();
                1
            }
            // None of the names looked for: the line is passed over in one go.
            At::LineStart if !matches!(byte | 0x20, b'c' | b't' | b'u') => {
                self.kind = Kind::Other;
                self.at = At::Value;
                self.value(bytes)
            }
            At::LineStart => {
                self.at = At::Name;
                self.name_len = 0;
                self.name(bytes)
            }
            At::Name => self.name(bytes),
            At::Value => self.value(bytes),
            At::Body(left) | At::ChunkData(left) => {
                let taken = left.min(bytes.len() as u64);
                let left = left - taken;
                self.at = match self.at {
                    At::Body(_) if left == 0 => At::RequestStart,
                    At::Body(_) => At::Body(left),
                    _ if left == 0 => At::ChunkEnd,
                    _ => At::ChunkData(left),
                };
                usize::try_from(taken).unwrap_or(bytes.len())
            }
            At::ChunkSize(size) => {
                match (byte as char).to_digit(16) {
                    Some(digit) if size < 1 << 59 => self.at = At::ChunkSize(size * 16 + u64::from(digit)),
                    Some(_) => self.at = At::Opaque,
                    None => {
                        self.at = At::ChunkLine(size);
                        return self.step(bytes);
                    }
                }
                1
            }
            At::ChunkLine(size) => {
                let next = if size == 0 { At::TrailerStart } else { At::ChunkData(size) };
                self.skip_line(bytes, next)
            }
            At::ChunkEnd => self.skip_line(bytes, At::ChunkSize(0)),
            At::TrailerStart => {
                match byte {
                    b'\r' => {}
                    b'\n' => self.at = At::RequestStart,
                    _ => self.at = At::Trailer,
                }
                1
            }
            At::Trailer => self.skip_line(bytes, At::TrailerStart),
            At::Opaque => bytes.len(),
        }
    }

    fn skip_line(&mut self, bytes: &[u8], next: At) -> usize {
        match memchr::memchr(b'\n', bytes) {
            Some(end) => {
                self.at = next;
                end + 1
            }
            None => bytes.len(),
        }
    }

    fn name(&mut self, bytes: &mut [u8]) -> usize {
        for (index, byte) in bytes.iter_mut().enumerate() {
            match *byte {
                b':' => {
                    let (known, declared_twice) = self.know();
                    self.kind = known;
                    self.at = At::Value;
                    if declared_twice {
                        *byte = 0;
                        self.at = At::Opaque;
                    }
                    return index + 1;
                }
                b'\n' => {
                    self.at = At::LineStart;
                    return index + 1;
                }
                _ => {
                    if let Some(slot) = self.name.get_mut(self.name_len) {
                        *slot = byte.to_ascii_lowercase();
                        self.name_len += 1;
                    }
                }
            }
        }
        bytes.len()
    }

    /// Which header's name this is, and whether it is the second declaration of a length.
    fn know(&mut self) -> (Kind, bool) {
        match self.name.get(..self.name_len).unwrap_or_default() {
            CONTENT_LENGTH => {
                self.length.get_or_insert(0);
                (Kind::Length, self.chunked)
            }
            TRANSFER_ENCODING => {
                self.chunked = true;
                (Kind::Other, self.length.is_some())
            }
            UPGRADE => {
                self.upgrade = true;
                (Kind::Other, false)
            }
            _ => (Kind::Other, false),
        }
    }

    fn value(&mut self, bytes: &[u8]) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if self.kind == Kind::Length {
            for digit in text.iter().filter(|byte| byte.is_ascii_digit()) {
                let so_far = self.length.unwrap_or(0);
                self.length = Some(so_far.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
            }
        }
        match end {
            Some(end) => {
                self.at = At::LineStart;
                end + 1
            }
            None => bytes.len(),
        }
    }

    fn end_head(&mut self) {
        self.at = if self.upgrade {
            At::Opaque
        } else if self.chunked {
            At::ChunkSize(0)
        } else {
            match self.length {
                Some(length) if length > 0 => At::Body(length),
                _ => At::RequestStart,
            }
        };
        *self = Self { at: self.at, ..Self::default() };
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = if self.first.is_empty() {
            Pin::new(&mut self.inner).poll_read(cx, buf)
        } else {
            let count = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first.split_to(count));
            Poll::Ready(Ok(()))
        };
        if let Some(new) = buf.filled_mut().get_mut(before..) {
            self.watch.follow(new);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows the text in pieces of `size` bytes; whether anything was spoiled.
    fn spoiled(text: &str, size: usize) -> bool {
        let mut bytes = text.as_bytes().to_vec();
        let mut watch = Watch::default();
        for piece in bytes.chunks_mut(size) {
            watch.follow(piece);
        }
        bytes != text.as_bytes()
    }

    #[test]
    fn only_a_head_with_both_declarations_is_spoiled() {
        let table = [
            ("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nA: b\r\nCONTENT-LENGTH: 3\r\n\r\n", true),
            (
                "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                false,
            ),
            (
                "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nTransf\r\n0\r\nContent-Length: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 45\r\n\r\nContent-Length: 1\nTransfer-Encoding: chunked\n\n",
                false,
            ),
            ("POST / HTTP/1.1\r\nX-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nContent-Length:\nTransfer-Encoding:\n", false),
            ("\r\nPOST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                true,
            ),
        ];
        for (text, expected) in table {
            for size in [1, 2, 7, 4096] {
                assert_eq!(spoiled(text, size), expected, "in pieces of {size}: {text:?}");
            }
        }
    }
}
