//! Bodies on their way: the request's payload, kept for a repetition when a filter asks for it, and the answer's body.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::error::Error;

/// The request's body.
#[derive(Debug, Default)]
pub enum Payload {
    #[default]
    Empty,
    /// As it comes from the client; can be sent once.
    Stream(Incoming),
    /// Kept in memory; can be sent again.
    Kept(Bytes),
    /// Too large to keep: what was read already, then the rest. Can be sent once.
    Partly(Bytes, Incoming),
    /// Already sent.
    Spent,
}

impl Payload {
    /// The body of a request; `Empty` when there is none, so that it costs nothing.
    #[must_use]
    pub fn of(body: Incoming) -> Self {
        if body.is_end_stream() { Self::Empty } else { Self::Stream(body) }
    }

    /// Whether it can be sent now and once more after that.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        matches!(self, Self::Empty | Self::Kept(_))
    }

    /// Reads the body into memory as long as it has at most `cap` bytes.
    pub async fn keep(&mut self, cap: usize) -> Result<(), Error> {
        let Self::Stream(body) = self else { return Ok(()) };
        let mut kept = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Error::RequestBody(error.to_string()))?;
            if let Some(data) = frame.data_ref() {
                kept.extend_from_slice(data);
            }
            if kept.len() > cap {
                if let Self::Stream(rest) = std::mem::take(self) {
                    *self = Self::Partly(kept.freeze(), rest);
                }
                return Ok(());
            }
        }
        *self = Self::Kept(kept.freeze());
        Ok(())
    }

    /// What to send now; a repeatable body stays.
    pub fn send(&mut self) -> Result<Outgoing, Error> {
        match self {
            Self::Empty => return Ok(Outgoing::Empty),
            Self::Kept(bytes) => return Ok(Outgoing::Full(Some(bytes.clone()))),
            Self::Stream(_) | Self::Partly(..) | Self::Spent => {}
        }
        let sent = Arc::new(AtomicBool::new(false));
        match std::mem::replace(self, Self::Spent) {
            Self::Stream(rest) => Ok(Outgoing::Stream { first: None, rest, sent }),
            Self::Partly(first, rest) => Ok(Outgoing::Stream { first: Some(first), rest, sent }),
            Self::Empty | Self::Kept(_) | Self::Spent => {
                Err(Error::RequestBody("was already sent".to_owned()))
            }
        }
    }
}

/// A body as hyper's client takes it.
#[derive(Debug)]
pub enum Outgoing {
    Empty,
    Full(Option<Bytes>),
    /// `sent` is set when everything was handed to the connection.
    Stream {
        first: Option<Bytes>,
        rest: Incoming,
        sent: Arc<AtomicBool>,
    },
}

impl Outgoing {
    /// The flag of a streamed body; others are sent at once.
    #[must_use]
    pub fn sent(&self) -> Option<Arc<AtomicBool>> {
        match self {
            Self::Stream { sent, .. } => Some(Arc::clone(sent)),
            Self::Empty | Self::Full(_) => None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Stream { first, rest, sent } => match first.take() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => {
                    let polled = Pin::new(&mut *rest).poll_frame(cx);
                    if matches!(polled, Poll::Ready(None)) || rest.is_end_stream() {
                        sent.store(true, Ordering::Release);
                    }
                    polled
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream { first, rest, .. } => first.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream { first: None, rest, .. } => rest.size_hint(),
            Self::Stream { first: Some(first), rest, .. } => {
                let (first, rest) = (first.len() as u64, rest.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower() + first);
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper + first);
                }
                hint
            }
        }
    }
}
