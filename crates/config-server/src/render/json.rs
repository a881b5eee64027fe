//! JSON, compact, numbers as Java prints them.

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
        Tree::Leaf(scalar) => write_scalar(out, scalar),
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
                write_text(out, key);
                out.push(b':');
                write_tree(out, value);
            }
            out.push(b'}');
        }
    }
}

/// A value as it stands in a JSON document.
pub(crate) fn write_scalar(out: &mut Vec<u8>, scalar: &Scalar) {
    match scalar {
        Scalar::Null => out.extend_from_slice(b"\"\""),
        Scalar::Text(text) => write_text(out, text),
        Scalar::Binary(bytes) => write_text(out, &STANDARD.encode(bytes)),
        Scalar::Float(value) if !value.is_finite() => write_text(out, &scalar.to_string()),
        Scalar::Bool(_) | Scalar::Int(_) | Scalar::BigInt(_) | Scalar::Float(_) => {
            out.extend_from_slice(scalar.to_string().as_bytes())
        }
    }
}

/// A text with its quotes; only what JSON demands is escaped.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_as_jackson_does() {
        let mut out = Vec::new();
        write_text(&mut out, "a\"b\\c\n\t\u{1}é/");
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\\"b\\\\c\\n\\t\\u0001é/\"");
    }

    #[test]
    fn numbers_that_json_lacks_are_texts() {
        for (scalar, expected) in [
            (Scalar::Float(f64::NAN), "\"NaN\""),
            (Scalar::Float(f64::NEG_INFINITY), "\"-Infinity\""),
            (Scalar::Float(1e10), "1.0E10"),
            (Scalar::Binary(vec![0, 255]), "\"AP8=\""),
            (Scalar::Null, "\"\""),
        ] {
            assert_eq!(dump(&Tree::Leaf(scalar)), expected);
        }
    }
}
