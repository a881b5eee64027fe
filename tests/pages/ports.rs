//! Ports that pages name, each exchanged for one that is free.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use wellspring_test_support::port;

#[derive(Debug, Default)]
pub(crate) struct Ports(BTreeMap<u16, u16>);

impl Ports {
    /// The free port that stands for this one.
    pub(crate) fn of(&mut self, port: u16) -> u16 {
        *self.0.entry(port).or_insert_with(port::free)
    }

    /// The text with every port after `:`, `=` or `--port ` exchanged.
    pub(crate) fn exchanged(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find([':', '=', ' ']) {
            let (before, after) = rest.split_at(at + 1);
            out.push_str(before);
            rest = after;
            if before.ends_with(' ') && !out.ends_with("--port ") {
                continue;
            }
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            rest = after.strip_prefix(&*digits).unwrap_or_default();
            match digits.parse::<u16>() {
                Ok(port) if digits.len() == 4 && (8000..9800).contains(&port) => {
                    write!(out, "{}", self.of(port)).unwrap()
                }
                _ => out.push_str(&digits),
            }
        }
        out + rest
    }
}
