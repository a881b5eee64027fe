//! Profile expressions: `prod`, `!prod`, `a & b`, `a | b`, `(a & b) | c`.
//!
//! Mixing `&` and `|` without parentheses is an error, as in Spring.

use crate::{Problem, codes};

const DEPTH: usize = 64;

/// A parsed profile expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A profile is active.
    Profile(String),
    /// The opposite.
    Not(Box<Self>),
    /// All hold.
    All(Vec<Self>),
    /// One holds.
    Any(Vec<Self>),
}

impl Expression {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let malformed = || {
            Problem::new(codes::PROFILE_EXPRESSION, "malformed profile expression")
                .found(text)
                .hint("a name, !name, a & b, a | b, with parentheses where & and | meet")
        };
        let mut tokens = Tokens { rest: text.trim() };
        let expression = tokens.expression(0).ok_or_else(malformed)?;
        if tokens.rest.is_empty() { Ok(expression) } else { Err(malformed()) }
    }

    /// Reads what `spring.config.activate.on-profile` may hold: a comma list, one of which must hold.
    pub fn parse_list(text: &str) -> Result<Self, Problem> {
        let mut all = text
            .split(',')
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(Self::parse)
            .collect::<Result<Vec<_>, _>>()?;
        match (all.len(), all.pop()) {
            (1, Some(only)) => Ok(only),
            (_, Some(last)) => {
                all.push(last);
                Ok(Self::Any(all))
            }
            (_, None) => Ok(Self::Any(Vec::new())),
        }
    }

    /// Whether the expression holds for these active profiles.
    pub fn matches<S: AsRef<str>>(&self, active: &[S]) -> bool {
        match self {
            Self::Profile(name) => active.iter().any(|profile| profile.as_ref() == name),
            Self::Not(inner) => !inner.matches(active),
            Self::All(parts) => parts.iter().all(|part| part.matches(active)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(active)),
        }
    }
}

struct Tokens<'a> {
    rest: &'a str,
}

impl Tokens<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn expression(&mut self, depth: usize) -> Option<Expression> {
        if depth > DEPTH {
            return None;
        }
        let mut parts = vec![self.operand(depth)?];
        let mut operator = None;
        while let Some(found) = self.rest.chars().next().filter(|c| matches!(c, '&' | '|')) {
            if *operator.get_or_insert(found) != found {
                return None;
            }
            self.take(found);
            parts.push(self.operand(depth)?);
        }
        match operator {
            None => parts.pop(),
            Some('&') => Some(Expression::All(parts)),
            Some(_) => Some(Expression::Any(parts)),
        }
    }

    fn operand(&mut self, depth: usize) -> Option<Expression> {
        if depth > DEPTH {
            return None;
        }
        if self.take('!') {
            return Some(Expression::Not(Box::new(self.operand(depth + 1)?)));
        }
        if self.take('(') {
            let inner = self.expression(depth + 1)?;
            return self.take(')').then_some(inner);
        }
        let end = self.rest.find(['!', '(', ')', '&', '|']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let name = name.trim();
        (!name.is_empty()).then(|| Expression::Profile(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Expression;

    #[test]
    fn expressions_hold_as_in_spring() {
        for (text, active, wanted) in [
            ("dev", "dev", true),
            ("dev", "prod", false),
            ("!dev", "prod", true),
            ("!dev", "", true),
            ("a & b", "a,b", true),
            ("a&b", "a", false),
            ("a | b", "b", true),
            ("a & !b", "a", true),
            ("(a & b) | c", "c", true),
            ("a & (b | c)", "a", false),
            ("!(a | b)", "c", true),
            ("!!a", "a", true),
            ("a & b & c", "a,b,c", true),
            ("my profile", "my profile", true),
        ] {
            let active = active.split(',').collect::<Vec<_>>();
            assert_eq!(Expression::parse(text).unwrap().matches(&active), wanted, "{text}");
        }
        assert!(Expression::parse_list("x, dev").unwrap().matches(&["dev"]));
        assert!(!Expression::parse_list("").unwrap().matches(&["dev"]));
    }

    #[test]
    fn malformed_expressions_are_problems() {
        let deep = "(".repeat(100_000);
        for text in [
            "",
            "a & b | c",
            "(a",
            "a)",
            "&",
            "a &",
            "!",
            "a b & ",
            "()",
            "a ! b",
            &deep,
            &"!".repeat(100_000),
        ] {
            assert_eq!(Expression::parse(text).unwrap_err().code, "WS-1010", "{text:.20}");
        }
    }
}
