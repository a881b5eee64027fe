//! Packet lines: four hexadecimal digits of length, then the content. Reading waits for each piece no longer than the time-out.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Where bytes come from.
pub(super) enum Incoming {
    Http(reqwest::Response),
    Stream(Box<dyn AsyncRead + Send + Unpin>),
}

pub(super) struct Packets {
    incoming: Incoming,
    buffer: BytesMut,
    timeout: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Flush,
    Line(Bytes),
}

/// Bytes read from a stream at once.
const PIECE: usize = 64 * 1024;

impl Packets {
    pub(super) fn new(incoming: Incoming, timeout: Duration) -> Self {
        Self { incoming, buffer: BytesMut::new(), timeout }
    }

    pub(super) async fn next(&mut self) -> Result<Packet, String> {
        let length = self.take(4).await?;
        let length = std::str::from_utf8(&length)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or("the answer is not of a Git server")?;
        match length {
            // Flush, and the delimiters of newer versions.
            0..=2 => Ok(Packet::Flush),
            3 => Err("the answer is not of a Git server".to_owned()),
            length => {
                let line = self.take(length - 4).await?;
                match line.strip_prefix(b"ERR ") {
                    Some(message) => Err(String::from_utf8_lossy(message).trim().to_owned()),
                    None => Ok(Packet::Line(line)),
                }
            }
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, String> {
        while self.buffer.len() < length {
            let more = tokio::time::timeout(self.timeout, self.incoming.more(&mut self.buffer))
                .await
                .map_err(|_| format!("no answer within {} s", self.timeout.as_secs()))??;
            if !more {
                return Err("the connection ended too early".to_owned());
            }
        }
        let taken = self.buffer.copy_to_bytes(length);
        Ok(taken)
    }
}

impl Incoming {
    /// `false`: the end.
    async fn more(&mut self, buffer: &mut BytesMut) -> Result<bool, String> {
        match self {
            Self::Http(response) => match response.chunk().await.map_err(|error| cause(&error))? {
                Some(chunk) => {
                    buffer.extend_from_slice(&chunk);
                    Ok(true)
                }
                None => Ok(false),
            },
            Self::Stream(stream) => {
                buffer.reserve(PIECE);
                let read = stream.read_buf(buffer).await.map_err(|error| error.to_string())?;
                Ok(read > 0)
            }
        }
    }
}

/// The innermost cause: the outer ones name the URL, with what may be secret in it.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { inner.to_string() }
}

/// A packet line.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}{text}", text.len() + 4).as_bytes());
}

pub(super) const FLUSH: &[u8] = b"0000";

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(bytes: &'static [u8]) -> Packets {
        Packets::new(Incoming::Stream(Box::new(bytes)), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn lines_flushes_and_what_is_neither() {
        let mut read = packets(b"0009hello00000004");
        assert_eq!(read.next().await, Ok(Packet::Line(Bytes::from_static(b"hello"))));
        assert_eq!(read.next().await, Ok(Packet::Flush));
        assert_eq!(read.next().await, Ok(Packet::Line(Bytes::new())));
        assert!(read.next().await.is_err());
        assert!(packets(b"<htm").next().await.is_err());
        assert!(packets(b"0003").next().await.is_err());
        assert_eq!(packets(b"000cERR oops").next().await, Err("oops".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_remote_is_given_up() {
        let (_open, silent) = tokio::io::duplex(8);
        let mut read = Packets::new(Incoming::Stream(Box::new(silent)), Duration::from_secs(5));
        assert_eq!(read.next().await, Err("no answer within 5 s".to_owned()));
    }

    #[test]
    fn long_packets() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let id = "5f0c3d2e1b4a5f0c3d2e1b4a5f0c3d2e1b4a5f0c";
        let mut example = Vec::new();
        line(
            &mut example,
            &format!("{id} HEAD\0multi_ack side-band-64k ofs-delta symref=HEAD:refs/heads/main\n"),
        );
        line(&mut example, &format!("{id} refs/heads/main\n"));
        example.extend_from_slice(FLUSH);
        line(&mut example, "NAK\n");
        line(&mut example, "\u{1}PACK");
        example.extend_from_slice(FLUSH);
        let words = [
            "0000",
            "0001",
            "0003",
            "0004",
            "0009",
            "ffff",
            "ERR ",
            "\u{0}",
            "\u{1}",
            "\u{2}",
            " refs/heads/",
            "^{}",
            "-001",
            "+004",
            id,
        ];
        wellspring_test_support::fuzz::run("Git's packets", &[&example], &words, |bytes, _| {
            let stream = std::io::Cursor::new(bytes.to_vec());
            let mut read = Packets::new(Incoming::Stream(Box::new(stream)), Duration::from_secs(5));
            runtime.block_on(async {
                let said = super::super::pack::advertisement(&mut read).await;
                if let Ok(said) = said {
                    assert!(said.refs.names.len() <= bytes.len() / 40 + 1);
                }
                let mut left = bytes.len() + 2;
                while read.next().await.is_ok() {
                    left -= 1;
                    assert!(left > 0, "packets without end");
                }
            });
        });
    }

    #[test]
    fn long_packs() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // A real pack: what libgit2 makes of a repository with a few objects.
        let remote =
            wellspring_test_support::Repository::with(&[("a.yml", "a: 1\n"), ("b/c.yml", "b: 2\n")]).unwrap();
        let repository = git2::Repository::open(remote.path()).unwrap();
        let mut builder = repository.packbuilder().unwrap();
        builder.insert_commit(repository.head().unwrap().target().unwrap()).unwrap();
        let mut pack = git2::Buf::new();
        builder.write_buf(&mut pack).unwrap();
        let mut example = Vec::new();
        line(&mut example, "NAK\n");
        for piece in pack.chunks(60) {
            example.extend_from_slice(format!("{:04x}", piece.len() + 5).as_bytes());
            example.push(1);
            example.extend_from_slice(piece);
        }
        example.extend_from_slice(FLUSH);
        let folder = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(folder.path()).unwrap();
        let words =
            ["0000", "0004", "0005\u{1}", "0005\u{2}", "0005\u{3}", "PACK", "\u{0}\u{0}\u{0}\u{2}", "ffff"];
        let mut taken = 0;
        wellspring_test_support::fuzz::run("Git's packs", &[&example], &words, |bytes, _| {
            let stream = std::io::Cursor::new(bytes.to_vec());
            let mut read = Packets::new(Incoming::Stream(Box::new(stream)), Duration::from_secs(5));
            if runtime.block_on(super::super::pack::receive(&mut read, folder.path())).is_ok() {
                taken += 1;
            }
        });
        assert!(taken > 0, "no pack was ever taken");
    }
}
