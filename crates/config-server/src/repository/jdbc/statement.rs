//! A statement with `?` where values go, as users write it for JDBC, in the words of the database.

use super::url::Dialect;

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) placeholders: usize,
}

impl Statement {
    pub(super) fn new(sql: &str, dialect: Dialect) -> Self {
        let sql = sql.trim().trim_end_matches(';');
        match dialect {
            Dialect::MySql => Self { text: sql.to_owned(), placeholders: numbered(sql, true).1 },
            Dialect::Postgres => {
                let (text, placeholders) = numbered(sql, false);
                // Every type in its own text form, which is what JDBC's `getString` gives.
                let text = format!(
                    "SELECT CASE WHEN k IS NULL THEN NULL ELSE format('%s', k) END, \
                     CASE WHEN v IS NULL THEN NULL ELSE format('%s', v) END FROM (\n{text}\n) AS t(k, v)"
                );
                Self { text, placeholders }
            }
        }
    }
}

/// `?` as `$1`, `$2` …, `??` as the operator `?`, and how many there are. Texts, quoted names and comments stay as they are.
fn numbered(sql: &str, backslashes: bool) -> (String, usize) {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut count = 0;
    let mut rest = sql;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let escapes = backslashes
            || (matches!(before, 'e' | 'E') && !out.chars().rev().nth(1).is_some_and(char::is_alphanumeric));
        let taken = match first {
            '\'' => quoted(rest, '\'', escapes),
            '"' => quoted(rest, '"', backslashes),
            '`' => quoted(rest, '`', false),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '$' => dollar_quoted(rest),
            '?' if rest.starts_with("??") && !backslashes => {
                out.push('?');
                rest = rest.get(2..).unwrap_or_default();
                before = '?';
                continue;
            }
            '?' => {
                count += 1;
                out.push_str(&format!("${count}"));
                rest = rest.get(1..).unwrap_or_default();
                before = '?';
                continue;
            }
            other => other.len_utf8(),
        };
        let (piece, after) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        out.push_str(piece);
        before = piece.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    (out, count)
}

/// Length of the text up to and with its closing quote. A doubled quote ends one text and begins the next.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return at + 1;
        }
        if c == '\\' && escapes {
            chars.next();
        }
    }
    text.len()
}

fn comment(text: &str) -> usize {
    text.find("*/").map_or(text.len(), |at| at + 2)
}

/// `$tag$ … $tag$`
fn dollar_quoted(text: &str) -> usize {
    let tag = text.get(1..).and_then(|rest| rest.split_once('$')).map(|(tag, _)| tag);
    let Some(tag) = tag.filter(|tag| tag.chars().all(|c| c.is_alphanumeric() || c == '_')) else { return 1 };
    let mark = format!("${tag}$");
    let inner = text.get(mark.len()..).unwrap_or_default();
    inner.find(&mark).map_or(text.len(), |end| mark.len() + end + mark.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_placeholders_are_numbered() {
        for (sql, expected, count) in [
            ("a=? and b=?", "a=$1 and b=$2", 2),
            ("a='?' and \"b?\"=? -- ?\n and c=?", "a='?' and \"b?\"=$1 -- ?\n and c=$2", 2),
            ("a='it''s ?' or b=?", "a='it''s ?' or b=$1", 1),
            ("a=E'\\'?' and b=?", "a=E'\\'?' and b=$1", 1),
            ("a='\\' and b=?", "a='\\' and b=$1", 1),
            ("/* ? */ a ?? 'x' and b=?", "/* ? */ a ? 'x' and b=$1", 1),
            ("a=$x$ ? $x$ and b=?", "a=$x$ ? $x$ and b=$1", 1),
            ("'open ?", "'open ?", 0),
            ("größe=?", "größe=$1", 1),
        ] {
            assert_eq!(numbered(sql, false), (expected.to_owned(), count), "{sql}");
        }
        assert_eq!(Statement::new("a=`?` and b='\\'?' and c=?;", Dialect::MySql).placeholders, 1);
        assert!(Statement::new(" SELECT a, b FROM t; ", Dialect::Postgres).text.contains("FROM t\n)"));
    }

    #[test]
    fn long_statements() {
        let examples = [
            "SELECT k, v FROM p WHERE a=? AND b=? -- ?\n AND c=?",
            "SELECT '?''?', \"?\" /* ? /* ? */ */ , $tag$ ? $tag$ WHERE x = ?",
            "SELECT `?` FROM t WHERE a = ? # ?\n",
            "SELECT E'\\'?' FROM t",
        ];
        let words = ["?", "'", "\"", "`", "--", "/*", "*/", "#", "$$", "$a$", "\\", "\n", "::", "??", "é"];
        wellspring_test_support::fuzz::text("SQL statements", &examples, &words, |text, _| {
            for backslashes in [false, true] {
                let (numbered, count) = numbered(text, backslashes);
                assert!(count <= text.matches('?').count(), "{text:?}");
                for number in [1, count] {
                    assert!(
                        count == 0 || numbered.contains(&format!("${number}")),
                        "{text:?} became {numbered:?}"
                    );
                }
            }
        });
    }
}
