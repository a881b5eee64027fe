//! A session with one ZooKeeper server that only reads: questions one after the other, and what the server tells by itself.
//!
//! It owns no nodes, so a lost session costs nothing: the next one begins anew.

use std::collections::VecDeque;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::wire::{NO_NODE, NOTIFICATION, Operation, PING, Packet, Reader, Short};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A server's own limit of a packet is 1 MiB; lists of names may be longer.
const LONGEST: usize = 64 << 20;

/// Why a session ended.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The connection.
    #[error("{0}")]
    Connection(#[from] std::io::Error),
    /// Nothing was heard for too long.
    #[error("no word for {0:?}")]
    Silence(Duration),
    /// Not ZooKeeper's.
    #[error("not an answer of ZooKeeper")]
    Nonsense,
    /// The server said so.
    #[error("ZooKeeper answers error {0}")]
    Refused(i32),
}

impl From<Short> for Failure {
    fn from(_: Short) -> Self {
        Self::Nonsense
    }
}

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    buffer: Vec<u8>,
    silence: Duration,
    /// Whether a ping waits for its answer since the last word.
    pinged: bool,
    heard: Instant,
    number: i32,
    changes: VecDeque<String>,
}

impl Session {
    pub(super) async fn connect(server: &str, wanted: Duration) -> Result<Self, Failure> {
        let slow = |_| Failure::Silence(CONNECT);
        let mut stream = timeout(CONNECT, TcpStream::connect(server)).await.map_err(slow)??;
        stream.set_nodelay(true)?;
        let millis = i32::try_from(wanted.as_millis()).unwrap_or(i32::MAX);
        stream.write_all(&Packet::connect(millis)).await?;
        let (heard, buffer) = (Instant::now(), Vec::new());
        let (pinged, number, changes) = (false, 0, VecDeque::new());
        let mut session = Self { stream, buffer, silence: CONNECT, pinged, heard, number, changes };
        let packet = timeout(CONNECT, session.packet()).await.map_err(slow)??;
        let mut reader = Reader(&packet);
        reader.number()?;
        let granted = u64::try_from(reader.number()?).map_err(|_| Failure::Nonsense)?;
        // Two thirds, as other clients have it: time is left to ask another server.
        session.silence = Duration::from_millis((granted * 2 / 3).max(100));
        Ok(session)
    }

    /// The names below a node; `None` when there is no such node. A change of it will be told.
    pub(super) async fn children(&mut self, path: &str) -> Result<Option<Vec<String>>, Failure> {
        match self.ask(Operation::GetChildren, path).await {
            Ok(answer) => Ok(Some(Reader(&answer).texts()?)),
            // A watch on a node that is not there is set by asking for it, and may find that it is there by now.
            Err(Failure::Refused(NO_NODE)) => match self.ask(Operation::Exists, path).await {
                Ok(_) => Ok(Some(Reader(&self.ask(Operation::GetChildren, path).await?).texts()?)),
                Err(Failure::Refused(NO_NODE)) => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// What a node holds; `None` when there is no such node. A change of it will be told.
    pub(super) async fn data(&mut self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self.ask(Operation::GetData, path).await {
            Ok(answer) => Ok(Some(Reader(&answer).bytes()?.to_vec())),
            Err(Failure::Refused(NO_NODE)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The path of the next node that changed, waited for.
    pub(super) async fn next_change(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(path) = self.changes.pop_front() {
                return Ok(path);
            }
            let packet = self.heard_packet().await?;
            self.sort(&packet)?;
        }
    }

    async fn ask(&mut self, operation: Operation, path: &str) -> Result<Vec<u8>, Failure> {
        self.number = self.number.checked_add(1).unwrap_or(1);
        self.stream.write_all(&Packet::watching(self.number, operation, path)).await?;
        loop {
            let packet = self.heard_packet().await?;
            if let Some((error, answer)) = self.sort(&packet)? {
                return if error == 0 { Ok(answer.to_vec()) } else { Err(Failure::Refused(error)) };
            }
        }
    }

    /// Keeps what was told; gives the answer to the question, which is the only one under way.
    fn sort<'p>(&mut self, packet: &'p [u8]) -> Result<Option<(i32, &'p [u8])>, Failure> {
        let mut reader = Reader(packet);
        let number = reader.number()?;
        reader.long()?;
        let error = reader.number()?;
        match number {
            PING => Ok(None),
            NOTIFICATION => {
                let (kind, _state) = (reader.number()?, reader.number()?);
                let path = reader.text()?;
                // -1 tells of the session's state, everything else of a node.
                if kind >= 0 {
                    self.changes.push_back(path);
                }
                Ok(None)
            }
            number if number == self.number => Ok(Some((error, reader.0))),
            _ => Err(Failure::Nonsense),
        }
    }

    /// The next packet; a ping goes out when it does not come, and the session ends when that helps nothing.
    async fn heard_packet(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let patience = if self.pinged { self.silence } else { self.silence / 2 };
            match timeout_at(self.heard + patience, self.packet()).await {
                Ok(packet) => {
                    (self.heard, self.pinged) = (Instant::now(), false);
                    return packet;
                }
                Err(_) if self.pinged => return Err(Failure::Silence(self.silence)),
                Err(_) => {
                    self.stream.write_all(&Packet::ping()).await?;
                    self.pinged = true;
                }
            }
        }
    }

    /// May be given up between its steps: what was read stays in the buffer.
    async fn packet(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some((front, rest)) = self.buffer.split_at_checked(4) {
                let length = usize::try_from(Reader(front).number()?).map_err(|_| Failure::Nonsense)?;
                if length > LONGEST {
                    return Err(Failure::Nonsense);
                }
                if let Some(packet) = rest.get(..length).map(<[u8]>::to_vec) {
                    self.buffer.drain(..length + 4);
                    return Ok(packet);
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Failure::Connection(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}
