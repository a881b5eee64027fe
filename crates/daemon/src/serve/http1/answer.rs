//! An answer on its way out: head and first piece of the body leave in one system call, the rest as it comes.

use std::future::poll_fn;
use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf as _, Bytes};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderName, Response, StatusCode};
use http_body::Body as _;
use tokio::io::{AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;

use super::date;
use super::reader::Reader;
use crate::observe::Observed;

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
const END_AND_LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";
/// A buffer for heads that is larger than this is not kept.
const LARGEST_HEAD: usize = 1000;

/// The outgoing half of a connection.
#[derive(Debug)]
pub(super) struct Writer {
    half: OwnedWriteHalf,
    /// What goes out before the next data.
    before: Vec<u8>,
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// There is none, whatever the headers say.
    Nothing,
    Length(u64),
    Chunked,
}

impl Writer {
    pub(super) fn new(half: OwnedWriteHalf) -> Self {
        Self { half, before: Vec::new() }
    }

    pub(super) fn into_half(self) -> OwnedWriteHalf {
        self.half
    }

    /// No more will come from us.
    pub(super) async fn close(&mut self) {
        // Whoever has gone already does not mind.
        self.half.shutdown().await.ok();
    }

    /// Sends an answer whole; `false`: the connection ends with it. A caller that hangs up meanwhile is an error.
    pub(super) async fn send(
        &mut self,
        response: Response<Observed>,
        keep: bool,
        mut reader: Option<&mut Reader>,
    ) -> io::Result<bool> {
        let (parts, mut body) = response.into_parts();
        let (mut left, keep) = head(&mut self.before, &parts, &body, keep);
        while !matches!(left, Left::Nothing | Left::Length(0)) {
            let mut frame = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
                // What waits to be written does not wait for more.
                Poll::Pending if !self.before.is_empty() => Poll::Ready(None),
                Poll::Pending if reader.as_mut().is_some_and(|reader| reader.poll_gone(cx)) => {
                    Poll::Ready(Some(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::BrokenPipe))))))
                }
                Poll::Pending => Poll::Pending,
                Poll::Ready(frame) => Poll::Ready(Some(frame)),
            });
            let Some(frame) = Pin::new(&mut frame).await else {
                self.write(Bytes::new(), b"").await?;
                continue;
            };
            let data = match frame {
                None => break,
                Some(Err(error)) => return Err(io::Error::other(error)),
                // Trailers: nobody who wants them is served here.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => data,
                    _ => continue,
                },
            };
            match &mut left {
                Left::Nothing => {}
                Left::Length(left) => {
                    let length = data.len() as u64;
                    *left = left.checked_sub(length).ok_or(io::ErrorKind::InvalidData)?;
                    self.write(data, b"").await?;
                }
                Left::Chunked => {
                    write!(self.before, "{:x}\r\n", data.len())?;
                    let last = body.is_end_stream();
                    self.write(data, if last { END_AND_LAST_CHUNK } else { b"\r\n" }).await?;
                    if last {
                        left = Left::Nothing;
                    }
                }
            }
        }
        match left {
            Left::Length(1..) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Left::Chunked => self.write(Bytes::new(), LAST_CHUNK).await?,
            Left::Nothing | Left::Length(0) => {
                if !self.before.is_empty() {
                    self.write(Bytes::new(), b"").await?;
                }
            }
        }
        Ok(keep)
    }

    /// Writes what waits, then `data` and `after`.
    async fn write(&mut self, mut data: Bytes, mut after: &'static [u8]) -> io::Result<()> {
        let mut written = 0;
        while written < self.before.len() || !data.is_empty() || !after.is_empty() {
            let before = self.before.get(written..).unwrap_or_default();
            let half = &mut self.half;
            let count = if data.is_empty() && after.is_empty() {
                poll_fn(|cx| Pin::new(&mut *half).poll_write(cx, before)).await?
            } else {
                let slices = [IoSlice::new(before), IoSlice::new(&data), IoSlice::new(after)];
                poll_fn(|cx| Pin::new(&mut *half).poll_write_vectored(cx, &slices)).await?
            };
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            let first = count.min(before.len());
            written += first;
            let second = (count - first).min(data.len());
            data.advance(second);
            after = after.get(count - first - second..).unwrap_or_default();
        }
        if self.before.capacity() > LARGEST_HEAD {
            self.before = Vec::new();
        }
        self.before.clear();
        Ok(())
    }
}

/// Writes the head. The framing is our own: other encodings of the transfer are this hop's affair.
fn head(out: &mut Vec<u8>, parts: &Parts, body: &Observed, mut keep: bool) -> (Left, bool) {
    let status = parts.status;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    let (mut declared, mut dated) = (None, false);
    for (name, value) in &parts.headers {
        if name == TRANSFER_ENCODING {
            continue;
        }
        if name == CONTENT_LENGTH {
            declared = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
            continue;
        }
        if name == CONNECTION && value.as_bytes().eq_ignore_ascii_case(b"close") {
            keep = false;
            continue;
        }
        dated |= name == DATE;
        titled(out, name);
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let left = framing(status, declared, body);
    match (left, declared) {
        // What the body would be long, were it asked for.
        (Left::Nothing, Some(length)) if status == StatusCode::NOT_MODIFIED => content_length(out, length),
        (Left::Nothing, _) => {}
        (Left::Length(length), _) => content_length(out, length),
        (Left::Chunked, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if !keep {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    if !dated {
        out.extend_from_slice(b"Date: ");
        date::write(out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    (left, keep)
}

fn framing(status: StatusCode, declared: Option<u64>, body: &Observed) -> Left {
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Left::Nothing;
    }
    match (body.size_hint().exact(), declared) {
        (Some(length), _) | (None, Some(length)) => Left::Length(length),
        (None, None) if body.is_end_stream() => Left::Length(0),
        (None, None) => Left::Chunked,
    }
}

fn content_length(out: &mut Vec<u8>, length: u64) {
    // Writing into memory cannot fail.
    write!(out, "Content-Length: {length}\r\n").ok();
}

/// As Tomcat writes them: there are clients that look for `Allow`, not for `allow`.
fn titled(out: &mut Vec<u8>, name: &HeaderName) {
    let start = out.len();
    out.extend_from_slice(name.as_str().as_bytes());
    let mut begins = true;
    for byte in out.iter_mut().skip(start) {
        if begins {
            byte.make_ascii_uppercase();
        }
        begins = *byte == b'-';
    }
    out.extend_from_slice(b": ");
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn written(response: Response<Body>, keep: bool) -> (String, Left, bool) {
        let (parts, body) = response.into_parts();
        let mut out = Vec::new();
        let (left, keep) = head(&mut out, &parts, &Observed::new(body, None), keep);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("Date: ")).collect();
        (lines.join("|"), left, keep)
    }

    #[test]
    fn the_framing_is_that_of_the_body() {
        let streamed = || Body::from_stream(futures_util::stream::once(async { Ok::<_, io::Error>("x") }));
        let build = |status: u16, headers: &[(&str, &str)], body| {
            let mut builder = Response::builder().status(status);
            for (name, value) in headers {
                builder = builder.header(*name, *value);
            }
            builder.body(body).unwrap()
        };
        let table = [
            (build(200, &[], Body::from("four")), "HTTP/1.1 200 OK|Content-Length: 4|", Left::Length(4)),
            (build(200, &[], Body::empty()), "HTTP/1.1 200 OK|Content-Length: 0|", Left::Length(0)),
            (build(200, &[], streamed()), "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", Left::Chunked),
            (
                build(200, &[("content-length", "7"), ("transfer-encoding", "gzip")], streamed()),
                "HTTP/1.1 200 OK|Content-Length: 7|",
                Left::Length(7),
            ),
            (build(204, &[("content-length", "7")], streamed()), "HTTP/1.1 204 No Content|", Left::Nothing),
            (
                build(304, &[("content-length", "7"), ("x-a-b", "c")], Body::empty()),
                "HTTP/1.1 304 Not Modified|X-A-B: c|Content-Length: 7|",
                Left::Nothing,
            ),
        ];
        for (response, text, left) in table {
            let got = written(response, true);
            assert_eq!((got.0.as_str(), got.1, got.2), (text, left, true));
        }
    }

    #[test]
    fn a_connection_that_ends_says_so() {
        let close = || Response::builder().header("connection", "close").body(Body::empty()).unwrap();
        let text = "HTTP/1.1 200 OK|Content-Length: 0|Connection: close|";
        assert_eq!(written(close(), true), (text.to_owned(), Left::Length(0), false));
        assert_eq!(written(Response::new(Body::empty()), false), (text.to_owned(), Left::Length(0), false));
    }
}
