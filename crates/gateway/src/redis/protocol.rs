//! Redis' wire protocol: commands out, answers in.

use bytes::{Bytes, BytesMut};

pub(super) fn encode(words: &[&str]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    out
}

/// What Redis answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Number(i64),
    Error(String),
    List(Vec<Self>),
    Text(Bytes),
    Null,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Value(Answer),
    More,
    Broken,
}

/// Takes one whole answer off the front.
pub(super) fn parse(buffer: &mut BytesMut) -> Parsed {
    match value(buffer, 0) {
        Ok(Some((answer, used))) => {
            drop(buffer.split_to(used));
            Parsed::Value(answer)
        }
        Ok(None) => Parsed::More,
        Err(()) => Parsed::Broken,
    }
}

/// The answer that begins at `at` and where it ends; `None` when it is not complete.
fn value(bytes: &[u8], at: usize) -> Result<Option<(Answer, usize)>, ()> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
    let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(())?;
    let line = std::str::from_utf8(line).map_err(|_| ())?;
    let after = at + end + 1;
    let (kind, text) = line.split_at_checked(1).ok_or(())?;
    let number = || text.parse::<i64>().map_err(|_| ());
    Ok(Some(match kind {
        "+" => (Answer::Text(Bytes::copy_from_slice(text.as_bytes())), after),
        "-" => (Answer::Error(text.to_owned()), after),
        ":" => (Answer::Number(number()?), after),
        "$" => match usize::try_from(number()?) {
            Err(_) => (Answer::Null, after),
            Ok(length) => {
                let end = after.checked_add(length).and_then(|end| end.checked_add(2)).ok_or(())?;
                let Some(text) = bytes.get(after..end.saturating_sub(2)).filter(|_| bytes.len() >= end)
                else {
                    return Ok(None);
                };
                (Answer::Text(Bytes::copy_from_slice(text)), end)
            }
        },
        "*" => {
            let mut items = Vec::new();
            let mut at = after;
            for _ in 0..number()?.max(0) {
                let Some((item, next)) = value(bytes, at)? else { return Ok(None) };
                items.push(item);
                at = next;
            }
            (Answer::List(items), at)
        }
        _ => return Err(()),
    }))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{Answer, Parsed, encode, parse};

    #[test]
    fn answers_are_read_in_pieces() {
        let mut buffer = BytesMut::from("*2\r\n:1\r\n:3");
        assert_eq!(parse(&mut buffer), Parsed::More);
        buffer.extend_from_slice(b"0\r\n-ERR x\r\n$2\r\nab\r\n$-1\r\n$0\r\n\r\n+OK\r\n");
        let text = |text: &'static str| Parsed::Value(Answer::Text(text.into()));
        assert_eq!(
            parse(&mut buffer),
            Parsed::Value(Answer::List(vec![Answer::Number(1), Answer::Number(30)]))
        );
        assert_eq!(parse(&mut buffer), Parsed::Value(Answer::Error("ERR x".to_owned())));
        assert_eq!(parse(&mut buffer), text("ab"));
        assert_eq!(parse(&mut buffer), Parsed::Value(Answer::Null));
        assert_eq!(parse(&mut buffer), text(""));
        assert_eq!(parse(&mut buffer), text("OK"));
        assert_eq!(parse(&mut BytesMut::from("what\r\n")), Parsed::Broken);
    }

    #[test]
    fn commands_count_bytes() {
        assert_eq!(encode(&["GET", "ü"]), "*2\r\n$3\r\nGET\r\n$2\r\nü\r\n".as_bytes());
    }
}
