//! A request's body of known length: it reads from the connection by itself, and gives the reader back with its end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::reader::Reader;

/// The body. Dropping it early leaves the rest to the connection.
#[derive(Debug)]
pub(crate) struct Body {
    reader: Option<Reader>,
    left: u64,
    home: Arc<Mutex<Home>>,
}

/// What the connection has in the reader's place.
#[derive(Debug)]
pub(super) struct Loan(Arc<Mutex<Home>>);

#[derive(Debug, Default)]
struct Home {
    /// With what nobody has read of the body.
    back: Option<(Reader, u64)>,
    waiting: Option<Waker>,
}

impl Body {
    pub(super) fn of(mut reader: Reader, length: u64) -> (Self, Loan) {
        let missing = length.saturating_sub(reader.inbox.bytes.len() as u64);
        reader.expect(missing);
        let home = Arc::new(Mutex::new(Home::default()));
        (Self { reader: Some(reader), left: length, home: Arc::clone(&home) }, Loan(home))
    }

    fn give_back(&mut self) {
        let Some(reader) = self.reader.take() else { return };
        let mut home = self.home.lock();
        home.back = Some((reader, self.left));
        if let Some(waiting) = home.waiting.take() {
            waiting.wake();
        }
    }
}

impl Loan {
    /// The reader, when the body was read to its end.
    pub(super) fn settled(&self) -> Option<Reader> {
        let mut home = self.0.lock();
        match home.back.take() {
            Some((reader, 0)) => Some(reader),
            back => {
                home.back = back;
                None
            }
        }
    }

    /// Waits for the reader; the number is what is left of the body.
    pub(super) async fn returned(self) -> (Reader, u64) {
        poll_fn(|cx| {
            let mut home = self.0.lock();
            match home.back.take() {
                Some(back) => Poll::Ready(back),
                None => {
                    home.waiting = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        loop {
            let Some(reader) = this.reader.as_mut().filter(|_| this.left > 0) else {
                return Poll::Ready(None);
            };
            let inbox = &mut reader.inbox.bytes;
            if !inbox.is_empty() {
                let here = usize::try_from(this.left).unwrap_or(usize::MAX).min(inbox.len());
                let data = inbox.split_to(here).freeze();
                this.left -= here as u64;
                if this.left == 0 {
                    this.give_back();
                }
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let failure = match reader.poll_fill(cx) {
                Poll::Ready(Ok(0)) => io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the connection was closed before the end of the body",
                ),
                Poll::Ready(Ok(_)) => continue,
                Poll::Ready(Err(error)) => error,
                Poll::Pending => return Poll::Pending,
            };
            // Nothing more can be read: what is left keeps the connection from going on.
            this.left = u64::MAX;
            this.give_back();
            return Poll::Ready(Some(Err(failure)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
