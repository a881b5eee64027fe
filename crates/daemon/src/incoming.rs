//! A request's body as it comes from the wire, whoever reads it there.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::serve::http1;

/// The body of a request.
#[derive(Debug, Default)]
pub enum Incoming {
    #[default]
    Empty,
    Hyper(hyper::body::Incoming),
    Plain(Plain),
}

/// A body of known length, read without hyper.
#[derive(Debug)]
pub struct Plain(pub(crate) http1::Body);

impl Body for Incoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Plain(Plain(body)) => Pin::new(body).poll_frame(cx),
            Self::Hyper(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Hyper(body) => body.is_end_stream(),
            Self::Plain(Plain(body)) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Hyper(body) => body.size_hint(),
            Self::Plain(Plain(body)) => body.size_hint(),
        }
    }
}
