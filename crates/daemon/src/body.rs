//! Bodies with a cap: nothing from the network is collected without a limit.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body was not collected.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("body could not be read: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl Refused {
    /// 413 for too much, 400 for a sender that broke off.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status(), Body::empty()).into_response()
    }
}

/// The whole body, or [`Refused`] as soon as it is known to exceed `cap` bytes.
pub async fn limited<B>(body: B, cap: usize) -> Result<Bytes, Refused>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // A declared length is refused before the first byte is read.
    if usize::try_from(body.size_hint().lower()).map_or(true, |least| least > cap) {
        return Err(Refused::TooLarge(cap));
    }
    match Limited::new(body, cap).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refused::TooLarge(cap)),
        Err(error) => Err(Refused::Broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_within_the_cap_comes_whole() {
        assert_eq!(limited(Body::from("four"), 4).await.unwrap(), "four");
    }

    #[tokio::test]
    async fn a_body_over_the_cap_is_413() {
        assert_eq!(limited(Body::from("five5"), 4).await.unwrap_err().status(), 413);
    }

    #[tokio::test]
    async fn a_stream_over_the_cap_is_413_though_no_length_was_declared() {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("more"));
        assert_eq!(limited(Body::from_stream(endless), 1000).await.unwrap_err().status(), 413);
    }
}
