//! The one writer of tables.

use std::io::{self, Write};

use serde_json::Value;

use super::form::items;

/// Title, and the member of an item; with a slash a member of a member.
pub(crate) type Column = (&'static str, &'static str);

/// The items of an answer, or the answer as its only item.
pub(crate) fn answer(answer: &Value, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
    let one = std::slice::from_ref(answer);
    let listed = items(answer).filter(|_| answer.get("items").is_some() || answer.is_array());
    let rows =
        listed.unwrap_or(one).iter().map(|item| columns.iter().map(|(_, path)| cell(item, path)).collect());
    rows_of(&columns.iter().map(|(title, _)| *title).collect::<Vec<_>>(), rows, out)
}

/// Rows under titles, as wide as their widest cell.
pub(crate) fn rows_of(
    titles: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut all = vec![titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>()];
    all.extend(rows);
    let width = |at: usize| all.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..titles.len()).map(|at| width(at).unwrap_or(0)).collect();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A member as people read it.
pub(crate) fn cell(item: &Value, path: &str) -> String {
    let value = path.split('/').try_fold(item, |value, name| value.get(name));
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(yes)) if path == "served" => (if *yes { "*" } else { "" }).to_owned(),
        Some(Value::Bool(yes)) => (if *yes { "yes" } else { "no" }).to_owned(),
        // As much of a commit id as people read.
        Some(Value::String(text)) if text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            text.chars().take(10).collect()
        }
        // A cell is one line, whatever the text holds; nor does it steer the terminal.
        Some(Value::String(text)) => text.replace(|c: char| c.is_control(), " "),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" "),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_tables() {
        let list = json!({"items": [
            {"state": "behind", "application": "orders", "version": "0123456789012345678901234567890123456789"},
            {"state": "never", "application": "stock-and-more", "version": null},
        ]});
        let mut out = Vec::new();
        answer(&list, &[("STATE", "state"), ("APPLICATION", "application"), ("HAS", "version")], &mut out)
            .unwrap();
        let expected =
            "STATE   APPLICATION     HAS\nbehind  orders          0123456789\nnever   stock-and-more  -\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn cells_reach_into_members_and_stay_on_their_line() {
        let item = json!({"a": {"b": "x\u{1b}[31m\ny"}, "list": ["p", 1]});
        assert_eq!(cell(&item, "a/b"), "x [31m y");
        assert_eq!(cell(&item, "list"), "p 1");
        assert_eq!(cell(&item, "a/c"), "-");
    }
}
