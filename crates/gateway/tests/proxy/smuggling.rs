//! Malformed and ambiguous requests, byte for byte: each is refused, or arrives as exactly one well-formed request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use wellspring_test_support::Echo;

use crate::support::{Gateway, one_route};

/// What must become of a request.
enum Fate {
    /// One of these statuses first, and nothing reaches the upstream.
    Refused(&'static [u16]),
    /// These method-and-path pairs reach the upstream, in this order, and nothing else.
    Arrives(&'static [&'static str]),
}

use Fate::{Arrives, Refused};

const BAD: Fate = Refused(&[400]);

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let long_line = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(5000));
    let long_header = format!("GET /a HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "a".repeat(9000));
    let many_headers = format!("GET /a HTTP/1.1\r\nHost: h\r\n{}\r\n", "X-A: b\r\n".repeat(2000));
    let text: Vec<(&'static str, &str, Fate)> = vec![
        // Two lengths.
        (
            "length and chunked",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "chunked and length",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "a request hidden behind both",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n",
            BAD,
        ),
        (
            "two different lengths",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            BAD,
        ),
        (
            "two equal lengths",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
            Arrives(&["POST /a"]),
        ),
        ("a list of lengths", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\na", BAD),
        // Lengths that are none.
        ("length with a sign", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na", BAD),
        ("negative length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\na", BAD),
        ("hexadecimal length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0x1\r\n\r\na", BAD),
        ("length that is no number", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: one\r\n\r\na", BAD),
        (
            "length beyond 64 bits",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\na",
            BAD,
        ),
        ("empty length", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\na", BAD),
        // Encodings.
        (
            "encoding after chunked",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "encoding before chunked",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "unknown encoding",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "chunked twice",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "identity and chunked",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "chunked in HTTP/1.0",
            "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        (
            "blank before the colon",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            BAD,
        ),
        ("tab before the colon", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length\t: 1\r\n\r\na", BAD),
        // Chunks.
        (
            "chunk extension",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\n\r\n",
            Arrives(&["POST /a"]),
        ),
        (
            "chunk size that is none",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nz\r\na\r\n0\r\n\r\n",
            Refused(&[400, 500]),
        ),
        (
            "negative chunk size",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n",
            Refused(&[400, 500]),
        ),
        (
            "chunk size beyond 64 bits",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\na\r\n0\r\n\r\n",
            Refused(&[400, 500]),
        ),
        (
            "chunk longer than its size",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
            Refused(&[400, 500]),
        ),
        (
            "trailer that looks like a header",
            "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n",
            Arrives(&["POST /a"]),
        ),
        // Lines and names.
        ("continued header line", "GET /a HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n", BAD),
        ("header line that begins with a blank", "GET /a HTTP/1.1\r\n Host: h\r\n\r\n", BAD),
        ("blank in a name", "GET /a HTTP/1.1\r\nHost: h\r\nX A: b\r\n\r\n", BAD),
        ("header line without a colon", "GET /a HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n", BAD),
        ("bare line feeds", "GET /a HTTP/1.1\nHost: h\n\n", Arrives(&["GET /a"])),
        ("bare carriage return in a value", "GET /a HTTP/1.1\r\nHost: h\r\nX-A: b\rX-B: c\r\n\r\n", BAD),
        ("zero byte in a value", "GET /a HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n", BAD),
        ("header line over the limit", &long_header, Refused(&[431])),
        ("too many headers", &many_headers, Refused(&[431])),
        ("request line over the limit", &long_line, Refused(&[414, 431])),
        // Targets.
        ("two hosts", "GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", BAD),
        ("no host", "GET /a HTTP/1.1\r\n\r\n", Arrives(&["GET /a"])),
        (
            "absolute target of another host",
            "GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n",
            Arrives(&["GET /a"]),
        ),
        ("blank in the target", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("bar in the target", "GET /a|b HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("quote in the target", "GET /a\"b HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("angle brackets in the target", "GET /<a> HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("broken escape", "GET /a%2 HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("encoded slash and dots", "GET /a/..%2Fb HTTP/1.1\r\nHost: h\r\n\r\n", Arrives(&["GET /a/..%2Fb"])),
        ("dots", "GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", Arrives(&["GET /a/../b"])),
        (
            "doubled slashes and a parameter",
            "GET /a//b;c=d HTTP/1.1\r\nHost: h\r\n\r\n",
            Arrives(&["GET /a//b;c=d"]),
        ),
        ("fragment in the target", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", Arrives(&["GET /a"])),
        // Methods and versions.
        ("tunnel", "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", Refused(&[400, 405])),
        ("lower-case method", "get /a HTTP/1.1\r\nHost: h\r\n\r\n", Arrives(&["get /a"])),
        ("method with a colon", "GE:T /a HTTP/1.1\r\nHost: h\r\n\r\n", BAD),
        ("unknown version", "GET /a HTTP/1.7\r\nHost: h\r\n\r\n", Refused(&[400, 505])),
        ("version in small letters", "GET /a http/1.1\r\nHost: h\r\n\r\n", BAD),
        ("HTTP/1.0", "GET /a HTTP/1.0\r\nHost: h\r\n\r\n", Arrives(&["GET /a"])),
        // Several requests, and headers that try to remove others.
        (
            "two requests at once",
            "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
            Arrives(&["GET /a", "GET /b"]),
        ),
        (
            "body that looks like a request",
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r",
            Arrives(&["POST /a"]),
        ),
        (
            "connection names the length",
            "POST /a HTTP/1.1\r\nHost: h\r\nConnection: Content-Length\r\nContent-Length: 26\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r",
            Arrives(&["POST /a"]),
        ),
        (
            "upgrade to HTTP/2",
            "GET /a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
            Arrives(&["GET /a"]),
        ),
    ];
    let mut cases: Vec<(&str, Vec<u8>, Fate)> = Vec::new();
    for (name, text, fate) in text {
        cases.push((name, text.as_bytes().to_vec(), fate));
    }
    cases.push(("invalid UTF-8 in the target", b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n".to_vec(), BAD));
    cases.push(("UTF-8 in the target", "GET /ü HTTP/1.1\r\nHost: h\r\n\r\n".as_bytes().to_vec(), BAD));
    cases
}

/// Sends the bytes and reads until so many answers have begun, or the connection is closed.
fn statuses(port: u16, bytes: &[u8], answers: usize) -> Vec<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    // A gateway that has seen enough may close while the rest is still being written.
    stream.write_all(bytes).ok();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        let statuses: Vec<u16> =
            text.split("HTTP/1.").skip(1).filter_map(|head| head.get(2..5)?.parse().ok()).collect();
        if statuses.len() >= answers {
            return statuses;
        }
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            _ => return statuses,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ambiguous_reaches_the_upstream() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    let cases = cases();
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    for (name, bytes, fate) in cases {
        let before = upstream.requests().len();
        let answers = if let Arrives(paths) = &fate { paths.len() } else { 1 };
        let status = statuses(gateway.port(), &bytes, answers).first().copied();
        let seen: Vec<String> = upstream.requests()[before..]
            .iter()
            .map(|request| {
                format!("{} {}", request["method"].as_str().unwrap(), request["path"].as_str().unwrap())
            })
            .collect();
        let right = match fate {
            // A connection that is closed without a word refuses as well.
            Refused(statuses) => status.is_none_or(|status| statuses.contains(&status)) && seen.is_empty(),
            Arrives(paths) => seen == paths && status == Some(200),
        };
        if !right {
            wrong.push(format!("{name}: status {status:?}, upstream saw {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_frame_a_message_are_made_afresh() {
    let upstream = Echo::start();
    let gateway = Gateway::start(&one_route(&upstream.url(""), &[])).await;
    let request = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nTE: trailers\r\nProxy-Connection: close\r\n\r\n3\r\nabc\r\n0\r\nX-T: evil\r\n\r\n";
    assert_eq!(statuses(gateway.port(), request.as_bytes(), 1), [200]);
    let seen = &upstream.requests()[0];
    assert_eq!(seen["body"], "abc");
    for name in ["x-t", "trailer", "te"] {
        assert!(seen["headers"].get(name).is_none(), "{name}: {seen}");
    }
    gateway.running.stop().await;
}
