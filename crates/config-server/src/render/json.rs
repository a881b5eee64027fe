//! JSON, compact, numbers as Java prints them.
//!
//! Jackson writes characters beyond the first 65,536 as two escapes into an answer, and as they are into a text: environments
//! have the former, flat documents the latter.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use wellspring_properties::Scalar;

use super::tree::Tree;

pub(crate) fn dump(tree: &Tree) -> String {
    let mut out = Vec::with_capacity(512);
    write_tree(&mut out, tree);
    String::from_utf8(out).unwrap_or_default()
}

fn write_tree(out: &mut Vec<u8>, tree: &Tree) {
    match tree {
        Tree::Null => out.extend_from_slice(b"null"),
        Tree::Leaf(scalar) => scalar_as(out, scalar, false),
        Tree::List(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_tree(out, item);
            }
            out.push(b']');
        }
        Tree::Map(entries) => {
            out.push(b'{');
            for (at, (key, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                text_as(out, key, false);
                out.push(b':');
                write_tree(out, value);
            }
            out.push(b'}');
        }
    }
}

/// A value as it stands in an environment.
pub(crate) fn write_scalar(out: &mut Vec<u8>, scalar: &Scalar) {
    scalar_as(out, scalar, true);
}

/// A text with its quotes, as it stands in an environment.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    text_as(out, text, true);
}

fn scalar_as(out: &mut Vec<u8>, scalar: &Scalar, pairs: bool) {
    match scalar {
        // No file gives it: a column of a database, or a secret.
        Scalar::Null => out.extend_from_slice(b"null"),
        Scalar::Text(text) => text_as(out, text, pairs),
        Scalar::Binary(bytes) => text_as(out, &STANDARD.encode(bytes), pairs),
        Scalar::Float(value) if !value.is_finite() => text_as(out, &scalar.to_string(), pairs),
        Scalar::Bool(_) | Scalar::Int(_) | Scalar::BigInt(_) | Scalar::Float(_) => {
            out.extend_from_slice(scalar.to_string().as_bytes())
        }
    }
}

/// `pairs`: characters of four bytes become two escapes; else only what JSON demands is escaped.
fn text_as(out: &mut Vec<u8>, text: &str, pairs: bool) {
    if pairs && text.bytes().any(|byte| byte >= 0xF0) {
        return astral(out, text);
    }
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0C => b'f',
            0..0x20 => b'u',
            _ => continue,
        };
        out.extend_from_slice(text.as_bytes().get(plain..at).unwrap_or_default());
        plain = at + 1;
        out.extend_from_slice(&[b'\\', short]);
        if short == b'u' {
            out.extend_from_slice(format!("{byte:04X}").as_bytes());
        }
    }
    out.extend_from_slice(text.as_bytes().get(plain..).unwrap_or_default());
    out.push(b'"');
}

fn astral(out: &mut Vec<u8>, text: &str) {
    let begin = out.len();
    text_as(out, text, false);
    let written = String::from_utf8(out.split_off(begin)).unwrap_or_default();
    for c in written.chars() {
        let mut units = [0; 2];
        match c.encode_utf16(&mut units) {
            [_] => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            pair => {
                for unit in pair {
                    out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_jackson_does() {
        let mut out = Vec::new();
        write_text(&mut out, "a\"b\\c\n\t\u{1}é/");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\n\\t\\u0001é/\"");
        let mut out = Vec::new();
        write_text(&mut out, "é\n😀");
        assert_eq!(String::from_utf8(out).unwrap(), r#""é\n\uD83D\uDE00""#);
        assert_eq!(dump(&Tree::Leaf(Scalar::from("😀"))), "\"😀\"");
    }

    #[test]
    fn numbers_that_json_lacks_are_texts() {
        for (scalar, expected) in [
            (Scalar::Float(f64::NAN), "\"NaN\""),
            (Scalar::Float(f64::NEG_INFINITY), "\"-Infinity\""),
            (Scalar::Float(1e10), "1.0E10"),
            (Scalar::Binary(vec![0, 255]), "\"AP8=\""),
            (Scalar::Null, "null"),
        ] {
            assert_eq!(dump(&Tree::Leaf(scalar)), expected);
        }
    }
}
