//! Free-form keys as element names, in the escapes of the original's writer.
//!
//! `_` becomes `__`, `$` becomes `_-`, and what no element name may hold `_.` and four hexadecimal digits per UTF-16 unit.

/// Appends the element name for `key`.
pub(super) fn encode(key: &str, out: &mut Vec<u8>) {
    for (at, character) in key.chars().enumerate() {
        match character {
            '_' => out.extend_from_slice(b"__"),
            '$' => out.extend_from_slice(b"_-"),
            _ if may_stand(character, at == 0) => {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("_.{unit:04x}").as_bytes());
                }
            }
        }
    }
}

/// The key that an element name stands for; what is no escape stays as it is.
pub(super) fn decode(name: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(character) = rest.chars().next() {
        let escape = rest.strip_prefix('_').and_then(|after| {
            if let Some(after) = after.strip_prefix('_') {
                return Some((u16::from(b'_'), after));
            }
            if let Some(after) = after.strip_prefix('-') {
                return Some((u16::from(b'$'), after));
            }
            let (digits, after) = after.strip_prefix('.')?.split_at_checked(4)?;
            let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            Some((u16::from_str_radix(digits, 16).ok().filter(|_| hex)?, after))
        });
        match escape {
            Some((unit, after)) => {
                units.push(unit);
                rest = after;
            }
            None => {
                units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                rest = rest.get(character.len_utf8()..).unwrap_or_default();
            }
        }
    }
    String::from_utf16_lossy(&units)
}

fn may_stand(character: char, first: bool) -> bool {
    match character {
        'A'..='Z' | 'a'..='z' => true,
        '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}' => !first,
        '\u{c0}'..='\u{d6}'
        | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_from_element_names() {
        for (key, name) in [
            ("zone", "zone"),
            ("management.port", "management.port"),
            ("my_key", "my__key"),
            ("a$b", "a_-b"),
            ("1st", "_.0031st"),
            ("a b", "a_.0020b"),
            ("a:b", "a_.003ab"),
            ("🐎", "_.d83d_.dc0e"),
            ("kůň", "kůň"),
        ] {
            let mut out = Vec::new();
            encode(key, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), name);
            assert_eq!(decode(name), key);
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for name in ["a_b", "_.00", "_.00g0", "a_", "_.é000"] {
            assert_eq!(decode(name), name);
        }
    }
}
