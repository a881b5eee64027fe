//! The safe part of Spring's expression language that the discovery locator needs: reads an instance, joins, compares.
//!
//! No methods (but the pure `toLowerCase()` and `toUpperCase()`), no types, no beans, no assignment: nothing can be reached
//! but what `Subject` holds.

use wellspring_lb_client::Instance;

/// What an expression is about.
#[derive(Debug)]
pub struct Subject<'a> {
    pub service_id: &'a str,
    pub instance: &'a Instance,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Property(Property),
    Not(Box<Self>),
    Both(Operator, Box<(Self, Self)>),
    Choice(Box<(Self, Self, Self)>),
    Case { upper: bool, of: Box<Self> },
}

/// What can be read of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Property {
    ServiceId,
    InstanceId,
    Host,
    Port,
    Secure,
    Scheme,
    Uri,
    Metadata(String),
}

/// Operators of two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Plus,
}

#[derive(Debug, Clone, PartialEq)]
enum Found {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
}

impl Expression {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        let expression = parser.choice(0)?;
        match parser.peek() {
            None => Ok(expression),
            Some(token) => Err(format!("unexpected {token}")),
        }
    }

    pub fn is_true(&self, subject: &Subject<'_>) -> Result<bool, String> {
        match self.value(subject)? {
            Found::Bool(value) => Ok(value),
            other => Err(format!("{other:?} is neither true nor false")),
        }
    }

    pub fn text(&self, subject: &Subject<'_>) -> Result<String, String> {
        Ok(self.value(subject)?.text())
    }

    fn value(&self, subject: &Subject<'_>) -> Result<Found, String> {
        Ok(match self {
            Self::Text(text) => Found::Text(text.clone()),
            Self::Number(number) => Found::Number(*number),
            Self::Bool(value) => Found::Bool(*value),
            Self::Null => Found::Null,
            Self::Property(property) => property.of(subject),
            Self::Not(inner) => Found::Bool(!inner.is_true(subject)?),
            Self::Choice(parts) => {
                let (condition, yes, no) = &**parts;
                if condition.is_true(subject)? { yes.value(subject)? } else { no.value(subject)? }
            }
            Self::Case { upper, of } => {
                let text = of.text(subject)?;
                Found::Text(if *upper { text.to_uppercase() } else { text.to_lowercase() })
            }
            Self::Both(operator, sides) => {
                let (left, right) = &**sides;
                match operator {
                    Operator::Or => Found::Bool(left.is_true(subject)? || right.is_true(subject)?),
                    Operator::And => Found::Bool(left.is_true(subject)? && right.is_true(subject)?),
                    operator => operator.apply(&left.value(subject)?, &right.value(subject)?)?,
                }
            }
        })
    }
}

impl Property {
    fn of(&self, subject: &Subject<'_>) -> Found {
        let instance = subject.instance;
        match self {
            Self::ServiceId => Found::Text(subject.service_id.to_owned()),
            Self::InstanceId => Found::Text(instance.instance_id().to_owned()),
            Self::Host => Found::Text(instance.host().to_owned()),
            Self::Port => Found::Number(f64::from(instance.port())),
            Self::Secure => Found::Bool(instance.secure()),
            Self::Scheme => instance.scheme().map_or(Found::Null, |scheme| Found::Text(scheme.to_owned())),
            Self::Uri => Found::Text(instance.uri()),
            Self::Metadata(key) => {
                instance.metadata().get(key).map_or(Found::Null, |text| Found::Text(text.clone()))
            }
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "serviceId" => Self::ServiceId,
            "instanceId" => Self::InstanceId,
            "host" => Self::Host,
            "port" => Self::Port,
            "secure" => Self::Secure,
            "scheme" => Self::Scheme,
            "uri" => Self::Uri,
            _ => return None,
        })
    }
}

impl Operator {
    fn apply(self, left: &Found, right: &Found) -> Result<Found, String> {
        if self == Self::Plus {
            return Ok(match (left, right) {
                (Found::Number(a), Found::Number(b)) => Found::Number(a + b),
                _ => Found::Text(left.text() + &right.text()),
            });
        }
        if matches!(self, Self::Equal | Self::Unequal) {
            return Ok(Found::Bool((left == right) == (self == Self::Equal)));
        }
        let order = match (left, right) {
            (Found::Number(a), Found::Number(b)) => a.partial_cmp(b),
            (Found::Text(a), Found::Text(b)) => Some(a.cmp(b)),
            _ => None,
        };
        let order = order.ok_or_else(|| format!("{left:?} and {right:?} cannot be compared"))?;
        Ok(Found::Bool(match self {
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            _ => order.is_ge(),
        }))
    }

    /// How tightly it binds; and the operator of a token.
    fn of(token: &Token) -> Option<(u8, Self)> {
        Some(match token {
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "or" => (1, Self::Or),
                "and" => (2, Self::And),
                "eq" => (3, Self::Equal),
                "ne" => (3, Self::Unequal),
                "lt" => (3, Self::Less),
                "le" => (3, Self::AtMost),
                "gt" => (3, Self::Greater),
                "ge" => (3, Self::AtLeast),
                _ => return None,
            },
            Token::Sign(sign) => match *sign {
                "||" => (1, Self::Or),
                "&&" => (2, Self::And),
                "==" => (3, Self::Equal),
                "!=" => (3, Self::Unequal),
                "<" => (3, Self::Less),
                "<=" => (3, Self::AtMost),
                ">" => (3, Self::Greater),
                ">=" => (3, Self::AtLeast),
                "+" => (4, Self::Plus),
                _ => return None,
            },
            Token::Text(_) | Token::Number(_) => return None,
        })
    }
}

impl Found {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Null => "null".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Number(f64),
    Word(String),
    Sign(&'static str),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Word(word) => f.write_str(word),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

const SIGNS: [&str; 18] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "!", "?", ":", "(", ")", "[", "]", ".", ","];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' || first == '"' {
            let (literal, tail) = quoted(rest, first)?;
            tokens.push(Token::Text(literal));
            rest = tail;
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.strip_prefix(*sign).unwrap_or_default();
        } else {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
            let (word, tail) = rest
                .split_at_checked(end)
                .filter(|(word, _)| !word.is_empty())
                .ok_or_else(|| format!("'{first}' is not allowed"))?;
            tokens.push(word.parse().map_or_else(|_| Token::Word(word.to_owned()), Token::Number));
            rest = tail;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A text in quotes; the quote doubled stands for itself.
fn quoted(rest: &str, quote: char) -> Result<(String, &str), String> {
    let mut literal = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            literal.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            literal.push(quote);
            chars.next();
        } else {
            return Ok((literal, rest.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(format!("{quote} without its end"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

/// Deeper nesting is refused, so that no text can exhaust the stack.
const DEEPEST: usize = 32;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(known)) if *known == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("{sign} is missing")) }
    }

    fn choice(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("nested too deep".to_owned());
        }
        let condition = self.binary(1, depth)?;
        if !self.takes("?") {
            return Ok(condition);
        }
        let yes = self.choice(depth + 1)?;
        self.expect(":")?;
        let no = self.choice(depth + 1)?;
        Ok(Expression::Choice(Box::new((condition, yes, no))))
    }

    fn binary(&mut self, least: u8, depth: usize) -> Result<Expression, String> {
        let mut left = self.unary(depth)?;
        while let Some((strength, operator)) = self.peek().and_then(Operator::of) {
            if strength < least {
                break;
            }
            self.at += 1;
            let right = self.binary(strength + 1, depth)?;
            left = Expression::Both(operator, Box::new((left, right)));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEEPEST {
            return Err("nested too deep".to_owned());
        }
        let negated = self.takes("!") || {
            let word = matches!(self.peek(), Some(Token::Word(word)) if word.eq_ignore_ascii_case("not"));
            self.at += usize::from(word);
            word
        };
        if negated {
            return Ok(Expression::Not(Box::new(self.unary(depth + 1)?)));
        }
        let mut expression = self.primary(depth)?;
        while self.takes(".") {
            let Some(Token::Word(name)) = self.peek().cloned() else {
                return Err("a name must follow '.'".to_owned());
            };
            self.at += 1;
            let upper = match name.as_str() {
                "toLowerCase" => false,
                "toUpperCase" => true,
                _ => return Err(format!("'{name}' cannot be read here; methods are never called")),
            };
            self.expect("(")?;
            self.expect(")")?;
            expression = Expression::Case { upper, of: Box::new(expression) };
        }
        Ok(expression)
    }

    fn primary(&mut self, depth: usize) -> Result<Expression, String> {
        let token = self.peek().cloned().ok_or("the expression ends too early")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Sign("(") => {
                let inner = self.choice(depth + 1)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Word(word) => match word.as_str() {
                "true" => Ok(Expression::Bool(true)),
                "false" => Ok(Expression::Bool(false)),
                "null" => Ok(Expression::Null),
                "metadata" => self.metadata(),
                name => Property::named(name)
                    .map(Expression::Property)
                    .ok_or_else(|| format!("'{name}' is unknown; texts are in single quotes")),
            },
            Token::Sign(sign) => Err(format!("unexpected {sign}")),
        }
    }

    /// `['key']` or `.key`.
    fn metadata(&mut self) -> Result<Expression, String> {
        let bracket = self.takes("[");
        if !bracket {
            self.expect(".")?;
        }
        let key = match self.peek().cloned() {
            Some(Token::Text(key)) if bracket => key,
            Some(Token::Word(key)) => key,
            _ => return Err("metadata must be followed by ['key'] or .key".to_owned()),
        };
        self.at += 1;
        if bracket {
            self.expect("]")?;
        }
        Ok(Expression::Property(Property::Metadata(key)))
    }
}

#[cfg(test)]
mod tests {
    use wellspring_lb_client::{Instance, Metadata};

    use super::{Expression, Subject};

    fn evaluate(text: &str) -> Result<String, String> {
        let metadata: Metadata =
            [("edge".to_owned(), "true".to_owned()), ("path".to_owned(), "x".to_owned())].into();
        let instance = Instance::new("orders", "o1", "h", 8080).with_metadata(metadata);
        Expression::parse(text)?.text(&Subject { service_id: "ORDERS", instance: &instance })
    }

    #[test]
    fn what_locators_use() {
        for (text, wanted) in [
            ("'lb://'+serviceId", "lb://ORDERS"),
            ("'/' + serviceId + '/?(?<remaining>.*)'", "/ORDERS/?(?<remaining>.*)"),
            ("'it''s'", "it's"),
            ("metadata['edge'] == 'true'", "true"),
            ("metadata.edge == 'true' and port > 80", "true"),
            ("metadata['none'] == null", "true"),
            ("!secure || false", "true"),
            ("not (serviceId == 'ORDERS')", "false"),
            ("secure ? 'https' : 'http'", "http"),
            ("serviceId.toLowerCase()", "orders"),
            ("'/' + serviceId.toLowerCase() + '/**'", "/orders/**"),
            ("host + ':' + port", "h:8080"),
            ("'a' + 1 + 2", "a12"),
        ] {
            assert_eq!(evaluate(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let deep = "(".repeat(1000) + "1" + &")".repeat(1000);
        let nots = "!".repeat(1000) + "true";
        for text in [
            "T(java.lang.Runtime).getRuntime()",
            "@environment",
            "@systemProperties['x']",
            "new String('x')",
            "serviceId.getClass()",
            "serviceId.length()",
            "metadata = 'x'",
            "#root",
            "'open",
            "",
            "1 +",
            "unknown",
            "metadata",
            "serviceId > 1",
            &deep,
            &nots,
        ] {
            assert!(evaluate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn long_expressions() {
        let examples = [
            "'/'+serviceId+'/**'",
            "metadata['edge'] == 'true' && !secure",
            "port > 80 ? 'lb://' + serviceId : uri",
            "serviceId.toLowerCase() != null",
            "metadata.a eq 'b' or (host ne 'c')",
        ];
        let words = [
            "'",
            "''",
            "+",
            "==",
            "!=",
            "&&",
            "||",
            "!",
            "(",
            ")",
            "?",
            ":",
            "[",
            "]",
            ".",
            "metadata",
            "serviceId",
            ".toLowerCase()",
            "null",
            "true",
            "1e9",
            "T(",
            "@",
            "#",
            "((((((((",
            " eq ",
            " and ",
            "-",
        ];
        let instance = Instance::new("orders", "orders-1", "h", 80);
        wellspring_test_support::fuzz::text("expressions", &examples, &words, |text, _| {
            let subject = Subject { service_id: "orders", instance: &instance };
            if let Ok(expression) = Expression::parse(text) {
                drop(expression.text(&subject));
                drop(expression.is_true(&subject));
            }
        });
    }
}
