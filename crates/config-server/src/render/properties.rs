//! `key: value` lines. Nothing is escaped: values with line breaks spill over, as in the original.

use wellspring_properties::Scalar;

use super::merge::Merged;

/// No line break at the end.
pub(crate) fn dump(merged: &Merged<'_>) -> String {
    let mut out = String::with_capacity(merged.len() * 32);
    for (key, value) in merged {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(key);
        out.push_str(": ");
        match value {
            Scalar::Null => out.push_str("null"),
            value => out.push_str(&value.to_string()),
        }
    }
    out
}
