//! A bar for long work, drawn on a terminal only.

use std::io::{self, IsTerminal, Write};

use super::Form;

const WIDTH: u128 = 30;

/// How far something is.
#[derive(Debug)]
pub(crate) struct Progress {
    name: &'static str,
    whole: u128,
    shown: bool,
    /// What is drawn now.
    drawn: String,
}

impl Progress {
    pub(crate) fn new(name: &'static str, whole: u128, form: &Form) -> Self {
        Self {
            name,
            whole: whole.max(1),
            shown: !form.quiet && io::stderr().is_terminal(),
            drawn: String::new(),
        }
    }

    /// So much is done.
    pub(crate) fn at(&mut self, done: u128) {
        let done = done.min(self.whole);
        let full = usize::try_from(done * WIDTH / self.whole).unwrap_or(0);
        let rest = usize::try_from(WIDTH).unwrap_or(0).saturating_sub(full);
        self.draw(format!(
            "{} [{}{}] {} %",
            self.name,
            "#".repeat(full),
            ".".repeat(rest),
            done * 100 / self.whole
        ));
    }

    /// The bar goes; what was done is told by the answer.
    pub(crate) fn end(&mut self) {
        self.draw(String::new());
        self.shown = false;
    }

    /// Over what was there, with blanks: no escape sequences, whatever the terminal.
    fn draw(&mut self, text: String) {
        if !self.shown || text == self.drawn {
            return;
        }
        let (width, back) = (self.drawn.len(), if text.is_empty() { "\r" } else { "" });
        // A terminal that went away wants no bars any more.
        self.shown = write!(io::stderr(), "\r{text:<width$}{back}").is_ok();
        self.drawn = text;
    }
}
