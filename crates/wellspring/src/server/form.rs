//! Forms of an answer.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::Value;

use super::{Style, table};

/// Form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    #[value(alias = "text")]
    Table,
    /// One document, for programs.
    Json,
    /// One document, for programs and for people who diff.
    Yaml,
    /// One line of JSON for each item.
    Ndjson,
}

/// How every verb answers.
#[derive(Debug, Default, Clone, clap::Args)]
pub(crate) struct Form {
    /// How to answer.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Output,
    /// Nothing but the answer: no remarks on standard error.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Without colours; so does NO_COLOR.
    #[arg(long)]
    pub(crate) no_color: bool,
}

impl Form {
    /// Colours, where a person reads and wants them.
    pub(crate) fn style(&self) -> Style {
        Style::of(self.no_color)
    }

    /// A remark that is no part of the answer.
    pub(crate) fn say(&self, remark: &str) {
        if !self.quiet {
            eprintln!("{remark}");
        }
    }

    /// The answer: its items (or itself) as rows of a table, or as it is for programs.
    pub(crate) fn show(
        &self,
        answer: &Value,
        columns: &[table::Column],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        if self.output == Output::Table {
            return table::answer(answer, columns, out);
        }
        write(self.output, answer, out)
    }
}

/// Writes an answer in a form for programs; as a table it is for the caller to write. Lines are those of `items`, or of the
/// only list in the answer.
pub(crate) fn write(form: Output, answer: &Value, out: &mut dyn Write) -> io::Result<()> {
    match form {
        Output::Table => Ok(()),
        Output::Json => writeln!(out, "{answer:#}"),
        Output::Yaml => write!(out, "{}", serde_yaml::to_string(answer).map_err(io::Error::other)?),
        Output::Ndjson => match items(answer) {
            Some(items) => items.iter().try_for_each(|item| writeln!(out, "{item}")),
            None => writeln!(out, "{answer}"),
        },
    }
}

/// `items`, or the one member that is a list.
pub(super) fn items(answer: &Value) -> Option<&[Value]> {
    if let Some(list) = answer.as_array() {
        return Some(list);
    }
    if let Some(items) = answer.get("items").and_then(Value::as_array) {
        return Some(items);
    }
    let mut lists = answer.as_object()?.values().filter_map(Value::as_array);
    lists.next().filter(|_| lists.next().is_none()).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(form: Output, answer: &Value) -> String {
        let mut out = Vec::new();
        write(form, answer, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_only_list() {
        assert_eq!(
            written(Output::Ndjson, &json!({"items": [{"a": 1}, {"a": 2}], "more": []})),
            "{\"a\":1}\n{\"a\":2}\n"
        );
        assert_eq!(written(Output::Ndjson, &json!({"ok": true, "files": [1, 2]})), "1\n2\n");
        assert_eq!(written(Output::Ndjson, &json!({"ok": true})), "{\"ok\":true}\n");
        assert_eq!(written(Output::Yaml, &json!({"ok": true})), "ok: true\n");
    }
}
