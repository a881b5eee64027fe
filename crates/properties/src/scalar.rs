//! A typed value of a file, printed as the JVM prints it.

use std::fmt;

/// A scalar as SnakeYAML types it. `Display` is the text that Spring sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Only inside YAML trees; flattened it is the empty text.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A larger integer, as canonical decimal text.
    BigInt(String),
    /// A double.
    Float(f64),
    /// Text.
    Text(String),
    /// `!!binary`; printed as base64.
    Binary(Vec<u8>),
}

impl Scalar {
    /// The text, when it is one already.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::BigInt(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Binary(_) => None,
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::BigInt(text) | Self::Text(text) => f.write_str(text),
            Self::Float(value) => f.write_str(&java_double(*value)),
            Self::Binary(bytes) => f.write_str(&base64(bytes)),
        }
    }
}

/// A double as `Double.toString` writes it: `1000.0`, `1.0E10`, `1.5E-7`, `Infinity`, `NaN`.
pub fn java_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    // Rust's shortest digits in scientific form ("1e10", "1.5e-7") need only Java's dot and capital E.
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => {
            // Java writes two digits at least, and the nearest of those: 4.9E-324, where one digit would be 5.
            let two = format!("{value:.1e}");
            match two.split_once('e') {
                Some((digits, exponent)) if two.parse() == Ok(value) => format!("{digits}E{exponent}"),
                _ => format!("{digits}.0E{exponent}"),
            }
        }
        None => text,
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| DIGITS.get((bits & 63) as usize).copied().map_or('=', char::from);
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        text.push(digit(bits >> 18));
        text.push(digit(bits >> 12));
        text.push(if chunk.len() > 1 { digit(bits >> 6) } else { '=' });
        text.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    text
}
