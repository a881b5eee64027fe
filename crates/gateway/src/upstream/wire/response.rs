//! The head of an upstream's answer: status, headers, how its body ends, whether the connection goes on.
//!
//! Header values share the memory they were read into. What could be read two ways breaks the exchange.

use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use wellspring_daemon::header_names;

use super::framing::{Chunk, Decoder};

const MOST_HEADERS: usize = 128;

/// A head.
#[derive(Debug)]
pub(in crate::upstream) struct Head {
    pub(in crate::upstream) status: StatusCode,
    pub(in crate::upstream) headers: HeaderMap,
    pub(in crate::upstream) body: Decoder,
    /// The connection may serve another request.
    pub(in crate::upstream) keep: bool,
    /// The upstream closes the connection after so much idleness (`Keep-Alive: timeout=`).
    pub(in crate::upstream) patience: Option<Duration>,
}

/// The first byte after the empty line that ends a head; lines may end with a bare LF.
pub(super) fn end_of_lines(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

/// Takes a head from the bytes, if it is there whole.
pub(super) fn take(
    inbox: &mut BytesMut,
    method: &Method,
    longest: usize,
) -> Result<Option<Head>, &'static str> {
    let end = end_of_lines(inbox);
    if end.unwrap_or(inbox.len()) > longest {
        return Err("head of the answer too long");
    }
    let Some(end) = end else { return Ok(None) };
    let bytes = inbox.split_to(end).freeze();
    let mut room = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let outcome =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, &bytes, &mut room);
    match outcome {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err("too many headers"),
        _ => return Err("malformed head of the answer"),
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or("malformed status")?;
    let headers = collect(parsed.headers, &bytes)?;
    let (http11, mut keep) = (parsed.version == Some(1), parsed.version == Some(1));
    for token in values(parsed.headers, "connection").flat_map(|value| value.split(|b| *b == b',')) {
        let token = token.trim_ascii();
        keep = (keep || token.eq_ignore_ascii_case(b"keep-alive")) && !token.eq_ignore_ascii_case(b"close");
    }
    let patience = patience(parsed.headers);
    let mut head = Head { status, headers, body: Decoder::NOTHING, keep, patience };
    head.frame(parsed.headers, method, http11)?;
    Ok(Some(head))
}

impl Head {
    fn frame(
        &mut self,
        lines: &[httparse::Header<'_>],
        method: &Method,
        http11: bool,
    ) -> Result<(), &'static str> {
        let bare = method == Method::HEAD
            || self.status.is_informational()
            || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bare {
            // With HEAD and 304 they speak of another answer; nobody who reads a 101 may look for a body behind it.
            if self.status.is_informational() {
                self.headers.remove(CONTENT_LENGTH);
                self.headers.remove(TRANSFER_ENCODING);
            }
            return Ok(());
        }
        let mut encodings = values(lines, "transfer-encoding");
        if let Some(encoding) = encodings.next() {
            if !http11 || encodings.next().is_some() || !encoding.eq_ignore_ascii_case(b"chunked") {
                return Err("transfer encoding that is not understood");
            }
            // Two lengths: the chunks count, and nobody relies on what comes behind them.
            if self.headers.remove(CONTENT_LENGTH).is_some() {
                self.keep = false;
            }
            self.body = Decoder::Chunked(Chunk::Size);
            return Ok(());
        }
        let mut lengths = values(lines, "content-length");
        let Some(first) = lengths.next() else {
            self.body = Decoder::Close;
            self.keep = false;
            return Ok(());
        };
        if lengths.any(|other| other != first) {
            return Err("two different content lengths");
        }
        self.body = Decoder::Length(number(first).ok_or("malformed content length")?);
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

/// The values of a header, from the lines: a few of them are searched sooner than a map.
fn values<'a>(lines: &'a [httparse::Header<'a>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    lines.iter().filter(move |line| line.name.eq_ignore_ascii_case(name)).map(|line| line.value)
}

fn patience(lines: &[httparse::Header<'_>]) -> Option<Duration> {
    let value = std::str::from_utf8(values(lines, "keep-alive").next()?).ok()?;
    let seconds = value.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?;
    seconds.trim().parse().ok().map(Duration::from_secs)
}

fn collect(lines: &[httparse::Header<'_>], bytes: &Bytes) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::with_capacity(lines.len() + 2);
    for line in lines {
        let name = header_names::read(line.name).ok_or("malformed header name")?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value))
            .map_err(|_| "malformed header value")?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Trailers: header lines up to the empty one. Those that frame or route a message are dropped.
pub(super) fn trailers(bytes: &Bytes) -> Result<HeaderMap, &'static str> {
    let mut room = [httparse::EMPTY_HEADER; 64];
    match httparse::parse_headers(bytes, &mut room) {
        Ok(httparse::Status::Complete((length, lines))) if length == bytes.len() => {
            let mut headers = collect(lines, bytes)?;
            for name in
                [CONTENT_LENGTH, TRANSFER_ENCODING, http::header::HOST, CONNECTION, http::header::TRAILER]
            {
                headers.remove(name);
            }
            Ok(headers)
        }
        _ => Err("malformed trailers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str, method: &Method) -> Result<Option<Head>, &'static str> {
        take(&mut BytesMut::from(text), method, 8 << 10)
    }

    #[test]
    fn how_a_body_ends() {
        let chunked = Decoder::Chunked(Chunk::Size);
        let table = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::GET, Decoder::Length(5), true),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\n",
                Method::GET,
                Decoder::Length(5),
                true,
            ),
            ("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", Method::GET, chunked, true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
                Method::GET,
                chunked,
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, close\r\n\r\n",
                Method::GET,
                Decoder::Length(5),
                false,
            ),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", Method::GET, Decoder::Length(5), false),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n",
                Method::GET,
                Decoder::Length(5),
                true,
            ),
            ("HTTP/1.1 200 OK\n\n", Method::GET, Decoder::Close, false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Method::HEAD, Decoder::NOTHING, true),
            ("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", Method::GET, Decoder::NOTHING, true),
            ("HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n", Method::GET, Decoder::NOTHING, true),
        ];
        for (text, method, body, keep) in table {
            let head = head(text, &method).unwrap().unwrap();
            assert_eq!((head.body, head.keep), (body, keep), "{text:?}");
        }
    }

    #[test]
    fn ambiguous_and_malformed_heads_are_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            assert!(head(text, &Method::GET).is_err(), "{text:?}");
        }
        assert!(head("HTTP/1.1 200 OK\r\nA: b\r\n", &Method::GET).unwrap().is_none());
    }

    #[test]
    fn an_announced_patience_is_seen() {
        let text = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(head(text, &Method::GET).unwrap().unwrap().patience, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_protocol_is_switched_without_a_length() {
        let text = "HTTP/1.1 101 x\r\nUpgrade: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        let switched = head(text, &Method::GET).unwrap().unwrap();
        assert_eq!(switched.headers.keys().collect::<Vec<_>>(), ["upgrade"]);
        assert!(switched.body.is_over());
    }

    #[test]
    fn long_heads() {
        let examples: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=10\r\n\r\nhello",
            b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.0 200\nTransfer-Encoding: gzip, chunked\n\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ];
        let words = [
            "\r\n",
            "\n",
            "\r",
            ": ",
            "Content-Length: ",
            "Transfer-Encoding: chunked\r\n",
            "Connection: close\r\n",
            "timeout=",
            "HTTP/1.1 ",
            "099",
            "999 ",
            ", ",
            "\u{0}",
            "\t",
            " folded\r\n",
            "x\u{e9}: y\r\n",
        ];
        wellspring_test_support::fuzz::run("heads of answers", &examples, &words, |bytes, _| {
            for method in [Method::GET, Method::HEAD, Method::CONNECT] {
                let mut inbox = BytesMut::from(bytes);
                match take(&mut inbox, &method, 8 << 10) {
                    Ok(Some(head)) => {
                        assert!(inbox.len() < bytes.len());
                        let bodiless = method == Method::HEAD || head.status == 204 || head.status == 304;
                        assert!(!bodiless || head.body.is_over(), "{:?}", head.body);
                        // One way to tell the end: never a length beside an encoding.
                        let both = head.headers.contains_key(CONTENT_LENGTH)
                            && head.headers.contains_key(TRANSFER_ENCODING);
                        assert!(!both || bodiless || method == Method::CONNECT, "{:?}", head.headers);
                    }
                    Ok(None) => assert_eq!(inbox.len(), bytes.len()),
                    Err(complaint) => assert!(!complaint.is_empty()),
                }
            }
            drop(trailers(&Bytes::copy_from_slice(bytes)));
        });
    }
}
