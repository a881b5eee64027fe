//! What SnakeYAML refuses and the event parser would let pass: characters that may not appear, tabs between tokens.

use std::sync::Arc;

use crate::{Origin, Problem, codes};

/// Refuses text that SnakeYAML's reader and scanner refuse.
pub(super) fn check(text: &str, file: &Arc<str>) -> Result<(), Problem> {
    let mut line = 1;
    let mut column = 1;
    if text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return Ok(());
    }
    for c in text.chars() {
        let printable = matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        if !printable {
            return Err(Problem::new(codes::TEXT_ENCODING, "special characters are not allowed")
                .at(Some(Origin::new(file, line, column)))
                .found(c.escape_default().to_string())
                .hint("an escape in double quotes"));
        }
        if c == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    Ok(())
}
