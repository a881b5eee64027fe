//! A request on its way out: the head and the first piece of the body leave in one system call, the rest as it comes.
//!
//! The framing is our own: whatever lengths the headers claim, the body goes as it really is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Request};
use http_body::{Body, Frame};
use tokio::io::AsyncWrite;

use super::stream::Stream;
use crate::upstream::body::Outgoing;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const END_AND_LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Why a request was not sent whole.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The upstream's side.
    Wire(io::Error),
    /// The client's body broke off, or was not what its length said.
    Body(String),
}

/// The bytes that wait to be written, and what is still to come.
#[derive(Debug)]
pub(in crate::upstream) struct Upload {
    /// The request's head; later the size lines of chunks and the trailers.
    before: Vec<u8>,
    written: usize,
    data: Bytes,
    after: &'static [u8],
    left: Left,
    ended: bool,
    /// Some bytes have reached the kernel.
    pub(super) started: bool,
    /// How much of the body has been taken from the client.
    pub(in crate::upstream) taken: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Length(u64),
    Chunked,
}

impl Upload {
    /// Writes the head; the body is asked for its length.
    pub(super) fn new(request: &Request<Outgoing>) -> Self {
        let hint = request.body().size_hint();
        let empty = request.body().is_end_stream();
        let left = match hint.exact() {
            _ if empty => Left::Length(0),
            Some(length) => Left::Length(length),
            None => Left::Chunked,
        };
        Self {
            before: head(request, left),
            written: 0,
            data: Bytes::new(),
            after: b"",
            left,
            ended: empty,
            started: false,
            taken: 0,
        }
    }

    /// Everything has been written.
    pub(in crate::upstream) fn is_done(&self) -> bool {
        self.ended && !self.is_pending()
    }

    fn is_pending(&self) -> bool {
        self.written < self.before.len() || !self.data.is_empty() || !self.after.is_empty()
    }

    /// Writes what can be written now; ready when all of it is out.
    pub(super) fn poll(
        &mut self,
        stream: &mut Stream,
        body: &mut Outgoing,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stopped>> {
        loop {
            if !self.ended && self.data.is_empty() && self.after.is_empty() {
                match Pin::new(&mut *body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => self.enclose(frame, body.is_end_stream())?,
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Err(Stopped::Body(error.to_string())));
                    }
                    Poll::Ready(None) => self.end()?,
                    Poll::Pending if self.is_pending() => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.is_pending() {
                ready!(self.write(stream, cx)).map_err(Stopped::Wire)?;
            }
            if self.is_done() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn enclose(&mut self, frame: Frame<Bytes>, last: bool) -> Result<(), Stopped> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                if let (Ok(trailers), Left::Chunked) = (frame.into_trailers(), self.left) {
                    self.before.extend_from_slice(b"0\r\n");
                    lines(&mut self.before, &trailers, |name| !frames(name));
                    self.before.extend_from_slice(b"\r\n");
                    self.ended = true;
                }
                return Ok(());
            }
        };
        self.taken += data.len() as u64;
        match &mut self.left {
            Left::Length(left) => {
                *left = left
                    .checked_sub(data.len() as u64)
                    .ok_or_else(|| Stopped::Body("longer than its length".to_owned()))?;
                self.data = data;
                if *left == 0 {
                    self.ended = true;
                }
            }
            Left::Chunked if data.is_empty() => {}
            Left::Chunked => {
                use std::io::Write as _;
                // Writing into memory cannot fail.
                write!(self.before, "{:x}\r\n", data.len()).map_err(Stopped::Wire)?;
                self.data = data;
                self.ended = last;
                self.after = if last { END_AND_LAST_CHUNK } else { b"\r\n" };
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stopped> {
        match self.left {
            Left::Length(0) => {}
            Left::Length(_) => return Err(Stopped::Body("shorter than its length".to_owned())),
            Left::Chunked => self.after = LAST_CHUNK,
        }
        self.ended = true;
        Ok(())
    }

    fn write(&mut self, stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.is_pending() {
            let before = self.before.get(self.written..).unwrap_or_default();
            let count = if self.data.is_empty() && self.after.is_empty() {
                ready!(Pin::new(&mut *stream).poll_write(cx, before))?
            } else {
                let slices = [IoSlice::new(before), IoSlice::new(&self.data), IoSlice::new(self.after)];
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.started = true;
            self.advance(count);
        }
        if let Stream::Secure(_) = stream {
            ready!(Pin::new(stream).poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, count: usize) {
        let first = count.min(self.before.len() - self.written);
        self.written += first;
        if self.written == self.before.len() {
            self.before.clear();
            self.written = 0;
        }
        let count = count - first;
        let second = count.min(self.data.len());
        self.data.advance(second);
        if self.data.is_empty() {
            // Even empty it would keep the client's buffer from being read into again.
            self.data = Bytes::new();
        }
        self.after = self.after.get(count - second..).unwrap_or_default();
    }
}

/// Headers that say where a message ends or goes.
fn frames(name: &HeaderName) -> bool {
    [CONTENT_LENGTH, TRANSFER_ENCODING, HOST, TRAILER, TE, http::header::CONNECTION].contains(name)
}

fn head(request: &Request<Outgoing>, left: Left) -> Vec<u8> {
    let headers = request.headers();
    let mut out = Vec::with_capacity(96 + headers.len() * 48);
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.uri().path_and_query().map_or("/", |target| target.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if let Some(host) = headers.get(HOST) {
        line(&mut out, &HOST, host.as_bytes());
    }
    lines(&mut out, headers, |name| !matches!(*name, CONTENT_LENGTH | TRANSFER_ENCODING | HOST));
    match left {
        // No body: a length is said only where the client said one.
        Left::Length(0) if !headers.contains_key(CONTENT_LENGTH) => {}
        Left::Length(length) => {
            let mut digits = itoa::Buffer::new();
            line(&mut out, &CONTENT_LENGTH, digits.format(length).as_bytes());
        }
        Left::Chunked => line(&mut out, &TRANSFER_ENCODING, b"chunked"),
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn lines(out: &mut Vec<u8>, headers: &HeaderMap, wanted: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers {
        if wanted(name) {
            line(out, name, value.as_bytes());
        }
    }
}

fn line(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: Outgoing, headers: &[(&str, &str)]) -> String {
        let mut request = Request::builder().method("PUT").uri("/a?b=c");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        String::from_utf8(Upload::new(&request.body(body).unwrap()).before).unwrap()
    }

    #[test]
    fn the_length_is_that_of_the_body_whatever_the_headers_say() {
        let full = || Outgoing::full(Bytes::from_static(b"four"));
        let lie = [("host", "h"), ("content-length", "9"), ("transfer-encoding", "chunked"), ("a", "b")];
        assert_eq!(text(full(), &lie), "PUT /a?b=c HTTP/1.1\r\nhost: h\r\na: b\r\ncontent-length: 4\r\n\r\n");
        assert_eq!(text(Outgoing::Empty, &[("host", "h")]), "PUT /a?b=c HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_eq!(
            text(Outgoing::Empty, &[("content-length", "7")]),
            "PUT /a?b=c HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
        );
    }
}
