//! Changing JSON bodies: reading one whole (plain or gzip), changing it, putting it back.

use std::io::{Read, Write};

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use crate::error::Error;
use crate::reply::Reply;

/// Is the body `application/json` (parameters do not matter)?
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads the answer's JSON, lets `change` work on it and puts the result back. An answer that is no JSON stays as it is.
pub(crate) async fn change_reply(
    mut reply: Reply,
    cap: usize,
    change: impl FnOnce(&mut Value),
) -> Result<Reply, Error> {
    let encoding = reply.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    let gzip = match encoding.as_deref() {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        // What we cannot read we do not change.
        Some(_) => return Ok(reply),
    };
    if !is_json(&reply.headers) {
        return Ok(reply);
    }
    let too_large = || Error::Unroutable(format!("answer is larger than {cap} bytes and cannot be changed"));
    let raw =
        wellspring_daemon::body::limited(std::mem::take(&mut reply.body), cap).await.map_err(|refused| {
            match refused.status() {
                http::StatusCode::PAYLOAD_TOO_LARGE => too_large(),
                _ => Error::Unroutable(format!("answer could not be read: {refused}")),
            }
        })?;
    let plain = if gzip { unpack(&raw, cap).ok_or_else(too_large)? } else { raw.clone() };
    let Ok(mut value) = serde_json::from_slice::<Value>(&plain) else {
        reply.body = Body::from(raw);
        return Ok(reply);
    };
    change(&mut value);
    let written = serde_json::to_vec(&value).unwrap_or_default();
    let bytes = if gzip { pack(&written).unwrap_or(written) } else { written };
    reply.headers.remove(CONTENT_LENGTH);
    reply.body = Body::from(bytes);
    Ok(reply)
}

fn unpack(raw: &Bytes, cap: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    // One byte more than allowed tells a bomb from a body that just fits.
    GzDecoder::new(&raw[..]).take(cap as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() <= cap).then(|| plain.into())
}

fn pack(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// Removes members by name, at the top or everywhere.
pub(crate) fn remove_members(value: &mut Value, names: &[String], everywhere: bool) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(name));
            if everywhere {
                members.values_mut().for_each(|value| remove_members(value, names, true));
            }
        }
        Value::Array(items) if everywhere => {
            items.iter_mut().for_each(|item| remove_members(item, names, true));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::remove_members;

    #[test]
    fn members_go_at_the_top_or_everywhere() {
        let names = ["a".to_owned()];
        let document = json!({"a": 1, "b": {"a": 2, "c": [{"a": 3, "d": 4}]}});
        let mut top = document.clone();
        remove_members(&mut top, &names, false);
        assert_eq!(top, json!({"b": {"a": 2, "c": [{"a": 3, "d": 4}]}}));
        let mut deep = document;
        remove_members(&mut deep, &names, true);
        assert_eq!(deep, json!({"b": {"c": [{"d": 4}]}}));
    }
}
