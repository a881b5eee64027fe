//! Bodies on their way: the request's payload, kept for a repetition when a filter asks for it, and the answer's body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use wellspring_daemon::Incoming;

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
            Self::Kept(bytes) => return Ok(Outgoing::full(bytes.clone())),
            Self::Stream(_) | Self::Partly(..) | Self::Spent => {}
        }
        match std::mem::replace(self, Self::Spent) {
            Self::Stream(rest) => Ok(Outgoing::Stream { first: None, rest, begun: false }),
            Self::Partly(first, rest) => Ok(Outgoing::Stream { first: Some(first), rest, begun: false }),
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
    /// What is left of it, and all of it.
    Full(Option<Bytes>, Bytes),
    Stream {
        first: Option<Bytes>,
        rest: Incoming,
        /// Some of it has been taken out.
        begun: bool,
    },
    /// A streamed body that another has.
    Spent,
}

impl Outgoing {
    /// A body in memory.
    #[must_use]
    pub fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes.clone()), bytes)
    }

    /// Ready to be sent from its beginning; a streamed body goes on where it is.
    pub(super) fn rewind(&mut self) {
        if let Self::Full(left, whole) = self {
            *left = Some(whole.clone());
        }
    }

    /// The body, for whoever wants to own it. A body in memory stays here as well.
    pub(super) fn hand_over(&mut self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Full(_, whole) => Self::full(whole.clone()),
            Self::Stream { .. } | Self::Spent => std::mem::replace(self, Self::Spent),
        }
    }

    /// Something of it has gone out, and is not here any more.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        matches!(self, Self::Stream { begun: true, .. } | Self::Spent)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Empty | Self::Spent => Poll::Ready(None),
            Self::Full(bytes, _) => {
                Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(Frame::data(b))))
            }
            Self::Stream { first, rest, begun } => {
                if let Some(bytes) = first.take() {
                    *begun = true;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                let polled = Pin::new(rest).poll_frame(cx);
                *begun |= polled.is_ready();
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Spent => true,
            Self::Full(bytes, _) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Stream { first, rest, .. } => first.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Spent => SizeHint::with_exact(0),
            Self::Full(bytes, _) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
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
