//! Bytes to text: UTF-8, or UTF-16 when a byte order mark says so.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Origin, Problem, codes};

/// The text of a YAML file; malformed input is a problem, never replaced.
pub fn decode<'a>(bytes: &'a [u8], file: &str) -> Result<Cow<'a, str>, Problem> {
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let text = String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>()).ok();
        text.filter(|_| odd.is_empty()).map(Cow::Owned).ok_or_else(|| {
            Problem::new(codes::TEXT_ENCODING, "file is not the UTF-16 that its byte order mark promises")
                .at(Some(Origin::named(file)))
        })
    };
    match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, file),
        _ => utf8(bytes, file),
    }
}

fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<Cow<'a, str>, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
            let place = Origin::new(
                &Arc::from(file),
                u32::try_from(line).unwrap_or(0),
                u32::try_from(column).unwrap_or(1),
            );
            Err(Problem::new(codes::TEXT_ENCODING, "file is not UTF-8").at(Some(place)))
        }
    }
}
