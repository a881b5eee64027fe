//! The incoming half of a connection, with what was read and not yet used.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::io::AsyncReadExt as _;
use tokio::net::tcp::OwnedReadHalf;

use super::AHEAD;
use crate::buffers::{Inbox, LARGE, SMALL};

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) half: OwnedReadHalf,
    pub(super) inbox: Inbox,
    /// How much the next read gets: more where reads came out full.
    room: usize,
}

impl Reader {
    pub(super) fn new(half: OwnedReadHalf) -> Self {
        Self { half, inbox: Inbox::default(), room: SMALL }
    }

    /// Reads once; ready with 0 at the end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.inbox.room() < self.room / 2 {
            self.inbox.make_room(self.room);
        }
        let polled = pin!(self.half.read_buf(&mut self.inbox.bytes)).poll(cx);
        if self.inbox.room() == 0 && matches!(polled, Poll::Ready(Ok(1..))) {
            self.room = (self.room * 4).min(LARGE);
        }
        polled
    }

    /// Makes room for a body of which `left` bytes are to come.
    pub(super) fn expect(&mut self, left: u64) {
        self.room = usize::try_from(left).unwrap_or(LARGE).clamp(SMALL, LARGE);
    }

    /// Gives up the buffer when nothing is in it.
    pub(super) fn rest(&mut self) {
        if self.inbox.bytes.is_empty() {
            self.inbox.rest();
            self.room = SMALL;
        }
    }

    /// The other side has closed its half, or broken off. What it sends meanwhile is kept, up to a limit.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> bool {
        while self.inbox.bytes.len() < AHEAD {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return true,
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return false,
            }
        }
        false
    }

    /// Passes over `left` bytes.
    pub(super) async fn skip(&mut self, mut left: u64) -> io::Result<()> {
        loop {
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.inbox.bytes.len());
            drop(self.inbox.bytes.split_to(here));
            left -= here as u64;
            if left == 0 {
                return Ok(());
            }
            if std::future::poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
