//! `Problem`: the one shape of a complaint about configuration.
//!
//! `Display` prints the report a person reads, with the line and a caret under the value when the file can be
//! read at that moment; [`Problem::line`] is the same in one line, for logs.

use std::fmt;

use crate::Origin;

/// Stands for a value that must not be shown; its line is not shown either.
pub(crate) const MASK: &str = "******";

/// What is wrong, where, what was found there and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable code, listed in [`crate::codes`].
    pub code: &'static str,
    /// One sentence, lower case, without full stop.
    pub message: String,
    /// Where the value stands.
    pub place: Option<Origin>,
    /// What was found.
    pub found: Option<String>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Problem {
    /// A complaint with a code of [`crate::codes`].
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: None, found: None, hint: None }
    }

    /// With the place.
    #[must_use]
    pub fn at(mut self, place: Option<Origin>) -> Self {
        self.place = place;
        self
    }

    /// With what was found. User and password in an address are not shown.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        let mut found = found.into();
        if let Some((from, to)) = user_info(&found) {
            found.replace_range(from..to, MASK);
        }
        self.found = Some(found);
        self
    }

    /// With what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The complaint in one line, for logs and for JSON.
    pub fn line(&self) -> String {
        let mut line = format!("{}: {}", self.code, self.message);
        if let Some(place) = &self.place {
            line.push_str(&format!(" at {place}"));
        }
        if let Some(found) = &self.found {
            line.push_str(&format!(", got \"{}\"", found.escape_debug()));
        }
        if let Some(hint) = &self.hint {
            line.push_str(&format!("; try: {hint}"));
        }
        line
    }

    fn source_line(&self) -> Option<(u32, String)> {
        let place = self.place.as_ref().filter(|p| p.line > 0 && self.found.as_deref() != Some(MASK))?;
        let text = std::fs::read_to_string(&*place.file).ok()?;
        let line = text.lines().nth(usize::try_from(place.line).ok()? - 1)?;
        (!tells_a_secret(line)).then(|| (place.line, line.replace('\t', " ")))
    }
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        let got = self.found.as_ref().map(|found| format!("got \"{}\"", found.escape_debug()));
        match (self.source_line(), &self.place) {
            (Some((number, line)), Some(place)) => {
                let gutter = number.to_string();
                let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(0);
                let rest = line.chars().skip(column).collect::<String>();
                let width = caret_width(&rest, self.found.as_deref());
                write!(f, "\n{gutter} | {line}")?;
                write!(f, "\n{:w$} | {:column$}{}", "", "", "^".repeat(width), w = gutter.len())?;
                if let Some(got) = got {
                    write!(f, " {got}")?;
                }
            }
            _ => {
                if let Some(got) = got {
                    write!(f, "\n   = {got}")?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n   = try: {hint}")?;
        }
        write!(f, "\n   = more: wellspring explain {}", self.code)
    }
}

/// A line with a password beside what is complained about, or one inside of an address.
fn tells_a_secret(line: &str) -> bool {
    const WORDS: [&str; 7] =
        ["password", "secret", "token", "passphrase", "private", "-----begin", "encrypt"];
    let lower = line.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word)) || user_info(line).is_some()
}

/// Where user and password of the first address stand.
fn user_info(text: &str) -> Option<(usize, usize)> {
    let from = text.find("://")? + 3;
    let rest = text.get(from..)?;
    let end = rest.find(['/', ' ', '\'', '"']).unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@')?;
    Some((from, from + at))
}

/// As wide as the value when it is there as found, else one character.
fn caret_width(rest: &str, found: Option<&str>) -> usize {
    match found {
        Some(found) if !found.is_empty() && rest.starts_with(found) => found.chars().count(),
        _ => rest.find([' ', ',', ']', '}']).map_or(rest.chars().count(), |end| end).clamp(1, 60),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MASK, Problem};
    use crate::Origin;

    fn problem(found: &str) -> (tempfile::TempDir, Problem) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yml");
        std::fs::write(&path, "server:\n  port: many\n").unwrap();
        let file: Arc<str> = Arc::from(path.display().to_string());
        let problem =
            Problem::new("WS-1201", "server.port wants a whole number").at(Some(Origin::new(&file, 2, 9)));
        (directory, problem.found(found).hint("8080"))
    }

    #[test]
    fn a_report_shows_the_line_and_points_at_the_value() {
        let (directory, problem) = problem("many");
        let report = problem.to_string().replace(&directory.path().display().to_string(), "DIR");
        let wanted = "error[WS-1201]: server.port wants a whole number\n  --> DIR/a.yml:2:9\n2 |   port: many\n  |         ^^^^ got \"many\"\n   = try: 8080\n   = more: wellspring explain WS-1201";
        assert_eq!(report, wanted);
        assert_eq!(problem.line().lines().count(), 1);
    }

    #[test]
    fn secrets_are_not_repeated() {
        let (_directory, problem) = problem(MASK);
        assert!(!problem.to_string().contains("many"), "{problem}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.yml");
        for line in [
            "store: { location: many, password: hidden }",
            "git: { uri: 'http://u:hidden@h/x', timeout: many }",
            "key: '-----BEGIN hidden'",
        ] {
            std::fs::write(&path, line).unwrap();
            let file: Arc<str> = Arc::from(path.display().to_string());
            let problem = Problem::new("WS-1201", "wrong").at(Some(Origin::new(&file, 1, 9)));
            let problem = problem.found("http://u:hidden@h/x");
            assert!(
                !problem.to_string().contains("hidden") && problem.line().contains("http://******@h/x"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_report_without_its_file_still_says_what_was_found() {
        let problem = Problem::new("WS-1201", "x").found("a\nb").at(Some(Origin::named("argument --x")));
        assert_eq!(
            problem.to_string(),
            "error[WS-1201]: x\n  --> argument --x\n   = got \"a\\nb\"\n   = more: wellspring explain WS-1201"
        );
    }
}
