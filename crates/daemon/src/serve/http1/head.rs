//! A request's head, when it is one of the usual kind. Header values share the memory they were read into.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::header_names;

const MOST_HEADERS: usize = 64;

/// What was asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// Of the body.
    pub(super) length: u64,
    /// The connection ends with the answer.
    pub(super) close: bool,
}

/// What the bytes at hand are.
#[derive(Debug)]
pub(super) enum Parsed {
    Request(Box<Asked>),
    /// Not for us; the bytes are as they were.
    Unusual,
    More,
}

/// Takes a head from the bytes, if it is there whole.
pub(super) fn take(inbox: &mut BytesMut, longest: usize) -> Parsed {
    let Some(end) = end(inbox) else {
        return if inbox.len() < longest { Parsed::More } else { Parsed::Unusual };
    };
    if end > longest {
        return Parsed::Unusual;
    }
    let bytes = inbox.split_to(end).freeze();
    match parse(&bytes) {
        Some(asked) => Parsed::Request(Box::new(asked)),
        None => {
            let mut whole = BytesMut::with_capacity(bytes.len() + inbox.len());
            whole.extend_from_slice(&bytes);
            whole.extend_from_slice(inbox);
            *inbox = whole;
            Parsed::Unusual
        }
    }
}

/// The first byte after the empty line; lines may end with a bare LF.
fn end(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes).find_map(|at| match bytes.get(at + 1..) {
        Some([b'\n', ..]) => Some(at + 2),
        Some([b'\r', b'\n', ..]) => Some(at + 3),
        _ => None,
    })
}

fn parse(bytes: &Bytes) -> Option<Asked> {
    let mut room = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, &mut room) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        _ => return None,
    }
    let target = parsed.path.filter(|target| target.starts_with('/'))?;
    let method = Method::from_bytes(parsed.method?.as_bytes()).ok()?;
    // The lengths of answers to HEAD and CONNECT follow rules of their own.
    if parsed.version != Some(1) || method == Method::HEAD || method == Method::CONNECT {
        return None;
    }
    let uri = Uri::from_maybe_shared(bytes.slice_ref(target.as_bytes())).ok()?;
    let (mut length, mut close) = (None, false);
    let mut headers = HeaderMap::with_capacity(parsed.headers.len() + 2);
    for line in parsed.headers.iter() {
        let name = header_names::read(line.name)?;
        if name == CONTENT_LENGTH {
            if length.is_some() {
                return None;
            }
            length = Some(number(line.value)?);
        } else if name == CONNECTION {
            close |= line.value.split(|byte| *byte == b',').any(is_close);
        } else if [TRANSFER_ENCODING, UPGRADE, EXPECT, TE, TRAILER].contains(&name) {
            return None;
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value)).ok()?;
        headers.append(name, value);
    }
    Some(Asked { method, uri, headers, length: length.unwrap_or(0), close })
}

fn is_close(token: &[u8]) -> bool {
    token.trim_ascii().eq_ignore_ascii_case(b"close")
}

/// Plain digits; `None` for anything else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn taken(text: &str) -> (Parsed, String) {
        let mut inbox = BytesMut::from(text);
        let parsed = take(&mut inbox, 200);
        (parsed, String::from_utf8(inbox.to_vec()).unwrap())
    }

    #[test]
    fn a_usual_head_is_taken_and_the_rest_stays() {
        let (parsed, rest) = taken(
            "POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nCookie: a=b\r\nConnection: x, Close\r\n\r\nbody",
        );
        let Parsed::Request(asked) = parsed else { panic!("{parsed:?}") };
        assert_eq!((asked.method, asked.uri.to_string().as_str()), (Method::POST, "/a?b=c"));
        assert_eq!((asked.length, asked.close, asked.headers.len()), (4, true, 4));
        assert_eq!(rest, "body");
        assert!(matches!(taken("GET / HTTP/1.1\nHost: h\n\n").0, Parsed::Request(_)));
    }

    #[test]
    fn a_head_that_is_not_complete_waits_for_more_within_the_limit() {
        assert!(matches!(taken("GET / HTTP/1.1\r\nHost: h\r\n").0, Parsed::More));
        assert!(matches!(taken(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(200))).0, Parsed::Unusual));
        assert!(matches!(taken(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200))).0, Parsed::Unusual));
    }

    #[test]
    fn whatever_is_unusual_is_left_as_it_came() {
        for head in [
            "HEAD / HTTP/1.1\r\nHost: h",
            "CONNECT h:1 HTTP/1.1\r\nHost: h",
            "GET http://h/ HTTP/1.1\r\nHost: h",
            "OPTIONS * HTTP/1.1\r\nHost: h",
            "GET / HTTP/1.0\r\nHost: h",
            "GET / HTTP/1.1\r\nUpgrade: websocket",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\ntransfer-encoding: chunked",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1",
            "POST / HTTP/1.1\r\nContent-Length: +1",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1",
            "POST / HTTP/1.1\r\nContent-Length:",
            "POST / HTTP/1.1\r\nContent-Length: 9999999999999999999",
            "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1",
            "GET / HTTP/1.1\r\nTE: trailers",
            "GET / HTTP/1.1\r\nA: b\r\n folded",
            "GET / HTTP/1.1\r\nA : b",
            "GET / HTTP/1.1\r\nA: b\rc",
            "GET / a HTTP/1.1",
            "GET /\u{1}a HTTP/1.1",
            "\r\n\r\nGET / HTTP/1.1",
        ] {
            let text = format!("{head}\r\n\r\nrest");
            let (parsed, rest) = taken(&text);
            assert!(matches!(parsed, Parsed::Unusual), "{head:?}: {parsed:?}");
            assert_eq!(rest, text);
        }
    }

    #[test]
    fn long_however_heads_are_spoiled_and_cut_they_are_read_as_httparse_reads_them_or_left() {
        const HEADS: [&str; 3] = [
            "GET /a?b=c HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n",
            "POST /b HTTP/1.1\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello worlds",
            "PUT /c HTTP/1.1\nhost:h\ncontent-length:0\n\nGET / HTTP/1.1\r\n\r\n",
        ];
        let mut random = fastrand::Rng::with_seed(wellspring_test_support::long::seed());
        let time = wellspring_test_support::long::time(Duration::from_millis(500), Duration::from_secs(600));
        let (end, mut cases) = (Instant::now() + time, 0_u64);
        while Instant::now() < end {
            cases += 1;
            let mut bytes = HEADS[random.usize(..HEADS.len())].as_bytes().to_vec();
            for _ in 0..random.usize(..4) {
                let at = random.usize(..bytes.len());
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 => drop(bytes.remove(at)),
                    2 => bytes.insert(at, b"\r\n :,;\0\t09"[random.usize(..10)]),
                    _ => drop(bytes.splice(at..at, *b"Content-Length: 7\r\n")),
                }
            }
            let (mut inbox, mut fed, mut parsed) = (BytesMut::new(), 0, Parsed::More);
            while matches!(parsed, Parsed::More) && fed < bytes.len() {
                let next = random.usize(fed + 1..=bytes.len());
                inbox.extend_from_slice(&bytes[fed..next]);
                fed = next;
                parsed = take(&mut inbox, 400);
            }
            let Parsed::Request(asked) = parsed else {
                assert_eq!(inbox, bytes[..fed], "what is not taken stays as it came");
                continue;
            };
            let mut lines = [httparse::EMPTY_HEADER; 100];
            let mut judge = httparse::Request::new(&mut lines);
            let end = judge.parse(&bytes).unwrap().unwrap();
            assert_eq!(end, fed - inbox.len());
            assert_eq!(asked.headers.len(), judge.headers.len());
            let lengths: Vec<&[u8]> = judge
                .headers
                .iter()
                .filter(|line| line.name.eq_ignore_ascii_case("content-length"))
                .map(|line| line.value)
                .collect();
            let said = lengths.first().map_or(Some(0), |text| std::str::from_utf8(text).ok()?.parse().ok());
            assert!(lengths.len() < 2 && said == Some(asked.length), "{lengths:?}");
        }
        println!("{cases} heads");
    }
}
