//! A body that passes on as it comes and is also collected, up to a limit.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

struct Tee<F> {
    inner: Body,
    /// `None` once it is too large or was handed over.
    collected: Option<(BytesMut, F)>,
    limit: usize,
}

/// Passes `body` on; `whole` gets it when it has ended and was not larger than `limit` bytes.
pub fn tee<F>(body: Body, limit: usize, whole: F) -> Body
where
    F: FnOnce(Bytes) + Send + Unpin + 'static,
{
    if http_body::Body::is_end_stream(&body) {
        whole(Bytes::new());
        return body;
    }
    Body::new(Tee { inner: body, collected: Some((BytesMut::new(), whole)), limit })
}

impl<F: FnOnce(Bytes)> Tee<F> {
    fn finish(&mut self) {
        if let Some((bytes, whole)) = self.collected.take() {
            whole(bytes.freeze());
        }
    }
}

impl<F: FnOnce(Bytes) + Unpin> http_body::Body for Tee<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                match (frame.data_ref(), &mut this.collected) {
                    (Some(data), Some((bytes, _))) if bytes.len() + data.len() <= this.limit => {
                        bytes.extend_from_slice(data);
                    }
                    // Too large, or with trailers, which a kept answer would lose.
                    (_, collected) => *collected = None,
                }
                if http_body::Body::is_end_stream(&this.inner) {
                    this.finish();
                }
            }
            Poll::Ready(None) => this.finish(),
            Poll::Ready(Some(Err(_))) => this.collected = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
