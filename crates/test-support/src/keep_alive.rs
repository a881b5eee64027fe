//! Connections that are kept: prepared bytes out, one answer in. For load, where a client library would be what is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// One request, byte for byte, and the status its answer must have.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Arc<[u8]>,
    status: u16,
}

impl Request {
    pub fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], status: u16) -> Self {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        Self { bytes: bytes.into(), status }
    }

    pub fn get(path: &str, headers: &[(&str, &str)]) -> Self {
        Self::new("GET", path, headers, b"", 200)
    }
}

/// One connection, one request at a time.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    /// The last answer said that the server closes now, as Tomcat does after a hundred.
    closed: bool,
    buffer: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

impl Connection {
    /// To a port of 127.0.0.1.
    pub async fn open(port: u16) -> io::Result<Self> {
        Self::to(SocketAddr::from(([127, 0, 0, 1], port))).await
    }

    /// To any address.
    pub async fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = connect(address).await?;
        Ok(Self { address, stream, closed: false, buffer: Vec::with_capacity(16 * 1024), body: 0 })
    }

    /// Sends, and waits for the whole answer. Another status than the expected one is an error.
    pub async fn ask(&mut self, request: &Request) -> io::Result<()> {
        match self.status(request).await? {
            status if status == request.status => Ok(()),
            status => Err(io::Error::other(format!("{status} instead of {}", request.status))),
        }
    }

    /// Sends, and waits for the whole answer, whatever its status.
    pub async fn status(&mut self, request: &Request) -> io::Result<u16> {
        let answer = tokio::time::timeout(PATIENCE, async {
            if std::mem::take(&mut self.closed) {
                self.stream = connect(self.address).await?;
            }
            self.stream.write_all(&request.bytes).await?;
            self.answer().await
        });
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {PATIENCE:?}"));
        answer.await.map_err(late)?
    }

    /// The body of the last answer, as sent.
    pub fn body(&self) -> &[u8] {
        self.buffer.get(self.body..).unwrap_or_default()
    }

    /// Reads one answer with a Content-Length, or chunked, and says its status.
    async fn answer(&mut self) -> io::Result<u16> {
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        self.body = head;
        let text = String::from_utf8_lossy(self.buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
        let status = text.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: {text}")))?;
        let header = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        self.closed = header("connection:") == Some("close");
        if let Some(length) = header("content-length:") {
            let total = head + length.parse::<usize>().map_err(io::Error::other)?;
            self.buffer.reserve(total.saturating_sub(self.buffer.len()));
            while self.buffer.len() < total {
                self.more().await?;
            }
        } else if header("transfer-encoding:").is_some() {
            while !self.buffer.ends_with(b"0\r\n\r\n") {
                self.more().await?;
            }
        } else if status != 204 && status != 304 {
            return Err(io::Error::other(format!("an answer without a length: {text}")));
        }
        Ok(status)
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(())
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
