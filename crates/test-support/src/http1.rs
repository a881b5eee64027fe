//! A plain HTTP/1.1 client for tests: sends exactly what it is told, one connection per request, blocking.
//!
//! A real client library corrects what it sends; tests of a server's edges need the wrong bytes too.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Only ever reached by what hangs.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A server that starts may take a connection and never answer on it: it is asked again soon.
const PROBE: Duration = Duration::from_secs(10);

/// Sent as written: neither path nor headers are checked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// `Host` and `Content-Length` are added where they are missing and needed.
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// Read the answer although the server stopped taking the body.
    pub tolerate_early_answer: bool,
    /// How long it may hang, where a minute is wrong.
    pub patience: Option<Duration>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), ..Self::default() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = Some(limit);
        self
    }

    /// Sends to a port of 127.0.0.1.
    pub fn send(&self, port: u16) -> io::Result<Reply> {
        let named = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !named("host") {
            head.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
        }
        let mut bytes = head.into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend(latin1(value));
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body
            && !named("content-length")
            && !named("transfer-encoding")
        {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");

        let mut stream = connect(port, self.patience.unwrap_or(TIMEOUT))?;
        let body = self.body.as_deref().unwrap_or_default();
        match stream.write_all(&bytes).and_then(|()| stream.write_all(body)) {
            Err(error) if !self.tolerate_early_answer => return Err(error),
            _ => {}
        }
        read_reply(&mut BufReader::new(stream), self.method == "HEAD")
    }
}

/// Sends bytes as they are and reads one answer.
pub fn exchange(port: u16, bytes: &[u8]) -> io::Result<Reply> {
    let mut stream = connect(port, TIMEOUT)?;
    stream.write_all(bytes)?;
    read_reply(&mut BufReader::new(stream), false)
}

/// Sends bytes, says that no more come, and reads everything until the server closes.
pub fn exchange_all(port: u16, bytes: &[u8]) -> io::Result<Vec<u8>> {
    exchange_within(port, bytes, TIMEOUT)
}

/// The same with a server that may be just starting.
pub fn probe_all(port: u16, bytes: &[u8]) -> io::Result<Vec<u8>> {
    exchange_within(port, bytes, PROBE)
}

fn exchange_within(port: u16, bytes: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
    let mut stream = connect(port, limit)?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A server that refuses the rest of a request may reset; what it said before counts.
        Err(error) if answer.is_empty() && error.kind() != ErrorKind::ConnectionReset => Err(error),
        _ => Ok(answer),
    }
}

pub fn get(port: u16, path: &str) -> io::Result<Reply> {
    Request::new("GET", path).send(port)
}

/// GET from a server that may be just starting.
pub fn probe(port: u16, path: &str) -> io::Result<Reply> {
    Request::new("GET", path).patience(PROBE).send(port)
}

/// An answer with its body as sent: not decompressed.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// When the body is not JSON; the message shows it.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("status {}, not JSON ({error}): {}", self.status, self.text());
        })
    }
}

fn connect(port: u16, limit: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Header values travel as ISO-8859-1 where they can, else as UTF-8.
fn latin1(value: &str) -> Vec<u8> {
    let narrow: Result<Vec<u8>, _> = value.chars().map(|c| u8::try_from(u32::from(c))).collect();
    narrow.unwrap_or_else(|_| value.as_bytes().to_vec())
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    reader.by_ref().take(1 << 17).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed before the end of the head"));
    }
    while matches!(line.last(), Some(b'\n' | b'\r')) {
        line.pop();
    }
    Ok(line.iter().map(|&byte| char::from(byte)).collect())
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let line = read_line(reader)?;
    let mut words = line.split_whitespace();
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|code| code.parse().ok());
    let (true, Some(status)) = (version.starts_with("HTTP/"), status) else {
        return Err(broken(format!("not a status line: {line:?}")));
    };
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken(format!("not a header: {line:?}")))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

fn read_reply(reader: &mut impl BufRead, to_head: bool) -> io::Result<Reply> {
    let (status, headers) = loop {
        let (status, headers) = read_head(reader)?;
        if status != 100 {
            break (status, headers);
        }
    };
    let mut reply = Reply { status, headers, body: Vec::new() };
    if to_head || matches!(status, 101..200 | 204 | 304) {
        return Ok(reply);
    }
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        reply.body = read_chunks(reader)?;
    } else if let Some(length) = reply.header("content-length") {
        let length = length.parse().map_err(|_| broken(format!("Content-Length: {length}")))?;
        reply.body = vec![0; length];
        reader.read_exact(&mut reply.body)?;
    } else {
        reader.read_to_end(&mut reply.body)?;
    }
    Ok(reply)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken(format!("chunk size {line:?}")))?;
        if size == 0 {
            // Trailers end with an empty line.
            while !read_line(reader)?.is_empty() {}
            return Ok(body);
        }
        let before = body.len();
        reader.by_ref().take(size).read_to_end(&mut body)?;
        if (body.len() - before) as u64 != size {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the body ended within a chunk"));
        }
        read_line(reader)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> io::Result<Reply> {
        read_reply(&mut BufReader::new(text.as_bytes()), false)
    }

    #[test]
    fn reads_lengths_chunks_and_closes() {
        assert_eq!(reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").unwrap().text(), "hi");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nhi\r\n3\r\n yo\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(reply(chunked).unwrap().text(), "hi yo");
        assert_eq!(reply("HTTP/1.1 200 OK\r\n\r\nto the end").unwrap().text(), "to the end");
        assert_eq!(
            reply("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").unwrap().status,
            204
        );
    }

    #[test]
    fn a_body_cut_short_is_an_error() {
        assert!(reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi").is_err());
        assert!(reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi").is_err());
        assert!(reply("").is_err());
    }
}
