//! Bodies with a cap. What is too much is read to its end and thrown away before the refusal is sent.
//!
//! A client that is still sending would otherwise see a reset connection and never the answer that explains it.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::EXPECT;
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;

/// What is thrown away at most, and for how long.
const DISCARDED: u64 = 256 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, or the status that refuses it: 413 over `cap` bytes, 400 when the sender broke off.
pub(super) async fn collect<B>(body: B, cap: usize, parts: &Parts) -> Result<Bytes, StatusCode>
where
    B: Body<Data = Bytes> + Send,
{
    let mut body = std::pin::pin!(body);
    let declared = body.size_hint().lower();
    if declared > cap as u64 && (declared > DISCARDED || parts.headers.contains_key(EXPECT)) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut first: Option<Bytes> = None;
    let mut joined: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(StatusCode::BAD_REQUEST) };
        let Ok(data) = frame.into_data() else { continue };
        let length = first.as_ref().map_or(0, Bytes::len) + joined.len() + data.len();
        if length > cap {
            drop((first, joined));
            let end = discard(body.as_mut(), data.len() as u64);
            return Err(match tokio::time::timeout(PATIENCE, end).await {
                Ok(Err(_)) => StatusCode::BAD_REQUEST,
                Ok(Ok(())) | Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
            });
        }
        // Nearly all bodies come in one piece, which is then not copied.
        if joined.is_empty() && first.is_none() {
            first = Some(data);
        } else {
            if let Some(first) = first.take() {
                joined.extend_from_slice(&first);
            }
            joined.extend_from_slice(&data);
        }
    }
    Ok(first.unwrap_or_else(|| joined.into()))
}

async fn discard<B: Body<Data = Bytes>>(
    mut body: std::pin::Pin<&mut B>,
    mut read: u64,
) -> Result<(), B::Error> {
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, |data| data.len() as u64);
        if read > DISCARDED {
            break;
        }
    }
    Ok(())
}
