//! Scalars by SnakeYAML's YAML 1.1 rules: which plain text is a boolean, a number, null; and what tags force.

use crate::Scalar;

/// The tags of YAML's own schema that Spring's loader constructs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Str,
    Int,
    Float,
    Bool,
    Null,
    Binary,
    Seq,
    Map,
    Merge,
}

impl Tag {
    pub(super) fn named(suffix: &str) -> Option<Self> {
        Some(match suffix {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "null" => Self::Null,
            "binary" => Self::Binary,
            "seq" => Self::Seq,
            "map" => Self::Map,
            "merge" => Self::Merge,
            _ => return None,
        })
    }
}

/// The type of a plain scalar without a tag.
pub(super) fn implicit(text: &str) -> Tag {
    let Some(first) = text.bytes().next() else { return Tag::Null };
    match first {
        b'~' if text == "~" => Tag::Null,
        b'n' | b'N' if matches!(text, "null" | "Null" | "NULL") => Tag::Null,
        b'<' if text == "<<" => Tag::Merge,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' if boolean(text).is_some() => {
            Tag::Bool
        }
        b'-' | b'+' | b'0'..=b'9' if is_int(text) => Tag::Int,
        b'-' | b'+' | b'0'..=b'9' | b'.' if is_float(text) => Tag::Float,
        _ => Tag::Str,
    }
}

/// The value of a text under a scalar tag; `None` when it does not fit.
pub(super) fn construct(tag: Tag, text: &str) -> Option<Scalar> {
    match tag {
        Tag::Str | Tag::Merge => Some(Scalar::Text(text.to_owned())),
        Tag::Null => Some(Scalar::Null),
        Tag::Bool => Some(boolean(&text.to_ascii_lowercase()).map_or(Scalar::Null, Scalar::Bool)),
        Tag::Int => int(text),
        Tag::Float => float(text).map(Scalar::Float),
        Tag::Binary => binary(text).map(Scalar::Binary),
        Tag::Seq | Tag::Map => None,
    }
}

fn boolean(text: &str) -> Option<bool> {
    Some(match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true,
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false,
        _ => return None,
    })
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_int(text: &str) -> bool {
    let digits = unsigned(text);
    let of = |text: &str, ok: fn(&u8) -> bool| {
        text.bytes().all(|b| b == b'_' || ok(&b)) && text.bytes().any(|b| b != b'_')
    };
    if let Some(binary) = digits.strip_prefix("0b") {
        return of(binary, |b| matches!(b, b'0' | b'1'));
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return of(hex, u8::is_ascii_hexdigit);
    }
    if let Some(octal) = digits.strip_prefix('0') {
        return octal.is_empty() || of(octal, |b| matches!(b, b'0'..=b'7'));
    }
    let (first, rest) = digits.split_once(':').map_or((digits, None), |(first, rest)| (first, Some(rest)));
    first.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && of(first, u8::is_ascii_digit)
        && rest.is_none_or(|rest| rest.split(':').all(is_sixtieth))
}

/// `[0-5]?[0-9]`
fn is_sixtieth(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
}

fn is_float(text: &str) -> bool {
    let number = unsigned(text);
    if matches!(number, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let leading = |text: &str| digits(text) && text.bytes().next().is_some_and(|b| b.is_ascii_digit());
    if let Some((sixtieths, fraction)) = number.split_once('.')
        && let Some((first, rest)) = sixtieths.split_once(':')
    {
        return leading(first) && rest.split(':').all(is_sixtieth) && digits(fraction);
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).map_or((number, None), |(m, e)| (m, Some(e)));
    if let Some(exponent) = exponent {
        let exponent = unsigned(exponent);
        if exponent.is_empty() || !exponent.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
    }
    match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => leading(whole) && digits(fraction),
        None => exponent.is_some() && leading(mantissa),
    }
}

fn int(text: &str) -> Option<Scalar> {
    let plain = text.replace('_', "");
    let negative = plain.starts_with('-');
    let digits = unsigned(&plain);
    if digits == "0" {
        return Some(Scalar::Int(0));
    }
    let (digits, radix) = if let Some(binary) = digits.strip_prefix("0b") {
        (binary, 2)
    } else if let Some(hex) = digits.strip_prefix("0x") {
        (hex, 16)
    } else if let Some(octal) = digits.strip_prefix('0') {
        (octal, 8)
    } else if digits.contains(':') {
        return base_sixty(digits, negative);
    } else {
        (digits, 10)
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    if let Ok(value) = i64::from_str_radix(&format!("{}{digits}", if negative { "-" } else { "" }), radix) {
        return Some(Scalar::Int(value));
    }
    let decimal =
        if radix == 10 { digits.trim_start_matches('0').to_owned() } else { decimal(digits, radix)? };
    Some(Scalar::BigInt(if negative { format!("-{decimal}") } else { decimal }))
}

fn base_sixty(digits: &str, negative: bool) -> Option<Scalar> {
    // SnakeYAML adds up in 32 bits and wraps silently.
    let mut value = 0_i32;
    for part in digits.split(':') {
        value = value.wrapping_mul(60).wrapping_add(part.parse().ok()?);
    }
    Some(Scalar::Int(i64::from(if negative { value.wrapping_neg() } else { value })))
}

/// Digits of a large number in another base, as decimal text.
fn decimal(digits: &str, radix: u32) -> Option<String> {
    const LIMB: u64 = 1_000_000_000;
    if digits.len() > 4096 {
        return None;
    }
    let mut limbs: Vec<u64> = vec![0];
    for c in digits.chars() {
        let mut carry = u64::from(c.to_digit(radix)?);
        for limb in &mut limbs {
            let value = *limb * u64::from(radix) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut text = limbs.pop()?.to_string();
    for limb in limbs.iter().rev() {
        text.push_str(&format!("{limb:09}"));
    }
    Some(text)
}

fn float(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let negative = plain.starts_with('-');
    let digits = unsigned(&plain);
    let value = match digits.to_ascii_lowercase().as_str() {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if digits.contains(':') => {
            let mut value = 0.0;
            for part in digits.split(':') {
                value = value * 60.0 + java_parse(part)?;
            }
            value
        }
        _ => java_parse(digits)?,
    };
    Some(if negative { -value } else { value })
}

/// `Double.valueOf`: also `Infinity`, `NaN` and the suffixes `d` and `f`.
fn java_parse(text: &str) -> Option<f64> {
    match text.trim() {
        "Infinity" => Some(f64::INFINITY),
        "NaN" => Some(f64::NAN),
        text => {
            let text = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
            let numeric =
                text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
            if numeric { text.parse().ok() } else { None }
        }
    }
}

fn binary(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes().filter(|b| !b.is_ascii_whitespace()) {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count.is_multiple_of(4) {
            let [_, rest @ ..] = bits.to_be_bytes();
            bytes.extend_from_slice(&rest);
        }
    }
    match (count % 4, padding) {
        (0, 0) => {}
        (2, 0 | 2) => bytes.extend(((bits << 12).to_be_bytes()).get(1..2)?),
        (3, 0 | 1) => bytes.extend(((bits << 6).to_be_bytes()).get(1..3)?),
        _ => return None,
    }
    Some(bytes)
}
