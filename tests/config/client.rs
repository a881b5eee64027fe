//! One kept connection and blocking calls: on a machine with two cores the one who asks must cost next to nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: usize,
}

impl Client {
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 * 1024), body: 0 })
    }

    /// The bytes of a request for this path.
    pub(crate) fn request(path: &str) -> Vec<u8> {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
    }

    /// Waits for the whole answer; another status than 200 is an error.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<&[u8]> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head = loop {
            self.more()?;
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        self.body = head;
        if !self.buffer.starts_with(b"HTTP/1.1 200 ") {
            return Err(io::Error::other(String::from_utf8_lossy(&self.buffer).into_owned()));
        }
        let length = length(&self.buffer[..head]).ok_or_else(|| io::Error::other("no length"))?;
        while self.buffer.len() < head + length {
            self.more()?;
        }
        Ok(&self.buffer[head..head + length])
    }

    fn more(&mut self) -> io::Result<()> {
        let mut piece = [0; 16 * 1024];
        let count = self.stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(())
    }
}

fn length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let rest = std::str::from_utf8(&head[at + NAME.len()..]).ok()?;
    rest.lines().next()?.trim().parse().ok()
}
