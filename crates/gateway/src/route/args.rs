//! Arguments of a predicate or filter, from either form: `Name=a,b` or `{name, args}`.
//!
//! The shape of a kind says how the pieces of a shortcut get their names; afterwards both forms look the same.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use indexmap::IndexMap;
use serde_json::Value;
use wellspring_pattern::JavaRegex;
use wellspring_properties::relaxed::canonical_element;
use wellspring_properties::{Origin, Problem, value};

use crate::error::parse_status;
use crate::problem::{BAD_ARGUMENT, EXPRESSION, MISSING_ARGUMENT};
use crate::tree::{Leaf, Tree};

/// How the pieces of a shortcut are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The i-th piece is the i-th field; surplus pieces are ignored.
    Fields(&'static [&'static str]),
    /// All pieces are one list; the names of the full form do not matter either.
    List(&'static str),
    /// As `List`, but a last piece `true` or `false` sets a flag.
    ListWithFlag(&'static str, &'static str),
}

/// Named arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Args {
    /// Name of the predicate or filter, for complaints.
    kind: String,
    values: Tree,
    origin: Option<Origin>,
}

impl Args {
    /// Names the raw arguments (`_genkey_0`, ... or written names) as `shape` says.
    pub fn new(
        kind: &str,
        raw: &IndexMap<String, Tree>,
        shape: Shape,
        origin: Option<Origin>,
    ) -> Result<Self, Problem> {
        let named = match shape {
            Shape::Fields(fields) => by_field(raw, fields),
            Shape::List(list) => IndexMap::from([(list.to_owned(), gathered(raw))]),
            Shape::ListWithFlag(list, flag) => with_flag(raw, list, flag),
        };
        for (name, tree) in &named {
            refuse_expression(kind, name, tree)?;
        }
        Ok(Self { kind: kind.to_owned(), values: Tree::Map(named), origin })
    }

    #[must_use]
    pub fn origin(&self) -> Option<Origin> {
        self.origin.clone().or_else(|| self.values.origin())
    }

    /// A value by relaxed name; blank text counts as absent.
    #[must_use]
    pub fn tree(&self, name: &str) -> Option<&Tree> {
        self.values.get(name).filter(|tree| !matches!(tree, Tree::Leaf(leaf) if leaf.text().is_empty()))
    }

    /// All values, for kinds with nested settings.
    #[must_use]
    pub fn all(&self) -> &Tree {
        &self.values
    }

    /// The arguments below `name`, whether written as a map or with dots, as shortcuts name them.
    #[must_use]
    pub fn group(&self, name: &str) -> Self {
        let mut values = IndexMap::new();
        if let Some(Tree::Map(members)) = self.tree(name) {
            values.extend(members.clone());
        }
        if let Tree::Map(members) = &self.values {
            for (key, tree) in members {
                if let Some(inner) = key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
                    values.insert(inner.to_owned(), tree.clone());
                }
            }
        }
        Self { kind: format!("{} {name}", self.kind), values: Tree::Map(values), origin: self.origin() }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.values, Tree::Map(members) if members.is_empty())
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tree(name).is_some()
    }

    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.tree(name)? {
            // A list where one text belongs: its items joined, as Spring converts it.
            tree @ Tree::List(_) => Some(tree.as_texts().join(",")),
            tree => tree.as_text(),
        }
    }

    pub fn required(&self, name: &str) -> Result<String, Problem> {
        self.text(name).ok_or_else(|| {
            Problem::new(MISSING_ARGUMENT, format!("{} needs the argument '{name}'", self.kind))
                .at(self.origin())
        })
    }

    /// A list with at least one item.
    pub fn list(&self, name: &str) -> Result<Vec<String>, Problem> {
        let items = self.tree(name).map(Tree::as_texts).unwrap_or_default();
        if items.is_empty() {
            self.required(name)?;
        }
        Ok(items)
    }

    pub fn boolean(&self, name: &str, default: bool) -> Result<bool, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub fn integer(&self, name: &str, default: i64) -> Result<i64, Problem> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.trim().parse().map_err(|_| self.wrong(name, "must be a whole number"))
    }

    /// Percent, as a share of a million.
    pub fn share(&self, name: &str, default: f64) -> Result<u32, Problem> {
        let percent = match self.text(name) {
            Some(text) => text.trim().trim_end_matches('%').parse::<f64>().unwrap_or(f64::NAN),
            None => default,
        };
        if !(0.0..=100.0).contains(&percent) {
            return Err(self.wrong(name, "must be between 0 and 100"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million"
        )]
        let share = (percent * 10_000.0).round() as u32;
        Ok(share)
    }

    /// A duration; a bare number is milliseconds.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        value::parse_duration(&text, value::Unit::Millis)
            .map(Some)
            .map_err(|_| self.wrong(name, "is not a duration").hint("10ms, 5s or PT1S"))
    }

    /// Bytes.
    pub fn data_size(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        value::DataSize::parse(&text)
            .map(|size| Some(size.bytes()))
            .map_err(|_| self.wrong(name, "is not a size").hint("1KB, 5MB, or a number of bytes"))
    }

    pub fn status(&self, name: &str) -> Result<Option<StatusCode>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        parse_status(&text).map(Some).ok_or_else(|| {
            self.wrong(name, "is not a status").hint("a number, or a name such as BAD_REQUEST")
        })
    }

    pub fn regex(&self, name: &str) -> Result<JavaRegex, Problem> {
        JavaRegex::new(&self.required(name)?).map_err(|error| self.wrong(name, error.to_string()))
    }

    pub fn header_name(&self, name: &str) -> Result<HeaderName, Problem> {
        HeaderName::from_bytes(self.required(name)?.as_bytes())
            .map_err(|_| self.wrong(name, "is no header name"))
    }

    /// A complaint about the argument `name`.
    #[must_use]
    pub fn wrong(&self, name: &str, message: impl AsRef<str>) -> Problem {
        let place = self.tree(name).and_then(Tree::origin).or_else(|| self.origin());
        let problem =
            Problem::new(BAD_ARGUMENT, format!("{}: {name} {}", self.kind, message.as_ref())).at(place);
        match self.text(name) {
            Some(text) => problem.found(text),
            None => problem,
        }
    }
}

fn by_field(raw: &IndexMap<String, Tree>, fields: &[&str]) -> IndexMap<String, Tree> {
    raw.iter()
        .enumerate()
        .filter_map(|(at, (name, tree))| match is_generated(name) {
            true => fields.get(at).map(|field| ((*field).to_owned(), tree.clone())),
            false => Some((name.clone(), tree.clone())),
        })
        .collect()
}

/// All values in order: items of lists whole, single texts split at commas.
fn gathered(raw: &IndexMap<String, Tree>) -> Tree {
    Tree::List(
        raw.iter()
            .flat_map(|(name, tree)| match tree {
                // A piece of a shortcut was split already.
                Tree::Leaf(_) if is_generated(name) => vec![tree.clone()],
                Tree::Leaf(leaf) => tree
                    .as_texts()
                    .into_iter()
                    .map(|text| Tree::Leaf(Leaf { value: Value::String(text), origin: leaf.origin.clone() }))
                    .collect(),
                Tree::List(items) => items.clone(),
                Tree::Map(members) => members.values().cloned().collect(),
            })
            .collect(),
    )
}

fn with_flag(raw: &IndexMap<String, Tree>, list: &str, flag: &str) -> IndexMap<String, Tree> {
    let Tree::List(mut items) = gathered(raw) else { return IndexMap::new() };
    let mut named = IndexMap::new();
    let last_is_flag = items
        .last()
        .and_then(Tree::as_text)
        .is_some_and(|text| text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"));
    if last_is_flag {
        named.extend(items.pop().map(|tree| (flag.to_owned(), tree)));
    }
    named.insert(list.to_owned(), Tree::List(items));
    named
}

fn is_generated(name: &str) -> bool {
    name.starts_with("_genkey_")
        || (canonical_element(name).starts_with("genkey") && name.starts_with("genkey"))
}

/// `#{...}` may only name a bean (`#{@name}`) or be a literal; nothing is evaluated.
fn refuse_expression(kind: &str, name: &str, tree: &Tree) -> Result<(), Problem> {
    match tree {
        Tree::Leaf(leaf) => {
            let text = leaf.text();
            let text = text.trim();
            let Some(inner) = text.strip_prefix("#{").and_then(|rest| rest.strip_suffix('}')) else {
                return Ok(());
            };
            if bean(inner.trim()).is_some() || literal(inner.trim()).is_some() {
                return Ok(());
            }
            Err(Problem::new(
                EXPRESSION,
                format!("{kind}: {name} is an expression, which is never evaluated"),
            )
            .found(text)
            .at(leaf.origin.clone())
            .hint("#{@beanName} for key-resolver and rate-limiter"))
        }
        Tree::List(items) => items.iter().try_for_each(|tree| refuse_expression(kind, name, tree)),
        Tree::Map(members) => members.iter().try_for_each(|(name, tree)| refuse_expression(kind, name, tree)),
    }
}

/// The name in `@name`. Beans that give access to the process are refused as the original refuses them.
fn bean(inner: &str) -> Option<&str> {
    let name = inner.strip_prefix('@')?;
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (legal && !matches!(name, "systemProperties" | "systemEnvironment" | "environment")).then_some(name)
}

fn literal(inner: &str) -> Option<String> {
    if let Some(text) = inner.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return (!text.replace("''", "").contains('\'')).then(|| text.replace("''", "'"));
    }
    (matches!(inner, "true" | "false") || inner.parse::<i64>().is_ok()).then(|| inner.to_owned())
}

/// The bean that an argument names; a plain name counts too.
#[must_use]
pub fn bean_name(text: &str) -> Option<&str> {
    match text.trim().strip_prefix("#{").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => bean(inner.trim()),
        None => bean(text.trim()).or(Some(text.trim()).filter(|name| !name.is_empty())),
    }
}

/// The value of a literal expression, or the text itself.
#[must_use]
pub fn literal_or_text(text: &str) -> String {
    let inner = text.trim().strip_prefix("#{").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(|inner| literal(inner.trim())).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use serde_json::json;

    use super::{Args, Shape, bean_name};
    use crate::tree::Tree;

    fn raw(value: &serde_json::Value) -> IndexMap<String, Tree> {
        let Tree::Map(members) = Tree::from_json(value) else { panic!("a map") };
        members
    }

    fn args(shape: Shape, value: &serde_json::Value) -> Args {
        Args::new("Test", &raw(value), shape, None).unwrap()
    }

    #[test]
    fn pieces_get_their_names_by_place() {
        let found = args(
            Shape::Fields(&["a", "b"]),
            &json!({"_genkey_0": "1", "_genkey_1": "x", "_genkey_2": "surplus"}),
        );
        assert_eq!((found.text("a"), found.text("b")), (Some("1".to_owned()), Some("x".to_owned())));
    }

    #[test]
    fn lists_gather_every_value() {
        let shape = Shape::ListWithFlag("patterns", "matchTrailingSlash");
        for value in [
            json!({"_genkey_0": "/a", "_genkey_1": "/b", "_genkey_2": "false"}),
            json!({"patterns": "/a,/b", "matchTrailingSlash": false}),
            json!({"patterns": ["/a", "/b"], "matchTrailingSlash": "FALSE"}),
            json!({"x": "/a", "y": "/b", "z": "false"}),
        ] {
            let found = args(shape, &value);
            assert_eq!(found.list("patterns").unwrap(), ["/a", "/b"], "{value}");
            assert!(!found.boolean("matchTrailingSlash", true).unwrap(), "{value}");
        }
        let found = args(shape, &json!({"patterns": ["/{a:[a-z]{2,3}}"]}));
        assert_eq!(found.list("patterns").unwrap(), ["/{a:[a-z]{2,3}}"]);
    }

    #[test]
    fn expressions_other_than_beans_and_literals_are_refused() {
        for text in [
            "#{T(java.lang.Runtime).getRuntime().exec('id')}",
            "#{@systemProperties['user.home']}",
            "#{@systemEnvironment}",
            "#{@environment}",
            "#{@bean.method()}",
            "#{new java.io.File('x')}",
            "#{a = 1}",
            " #{'a' + 'b'} ",
        ] {
            let refused = Args::new("Test", &raw(&json!({ "a": text })), Shape::Fields(&["a"]), None);
            assert!(refused.is_err(), "{text}");
            let nested = Args::new("Test", &raw(&json!({"a": {"b": [text]}})), Shape::Fields(&["a"]), None);
            assert!(nested.is_err(), "{text}");
        }
        assert!(
            Args::new("Test", &raw(&json!({"a": "#{@userKeyResolver}"})), Shape::Fields(&["a"]), None)
                .is_ok()
        );
        assert_eq!(bean_name("#{@userKeyResolver}"), Some("userKeyResolver"));
        assert_eq!(bean_name("#{T(x)}"), None);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let found = args(Shape::Fields(&["parts"]), &json!({"parts": "many"}));
        assert!(found.integer("parts", 1).unwrap_err().line().contains("Test: parts must be a whole number"));
        assert!(found.required("other").unwrap_err().line().contains("needs the argument 'other'"));
    }
}
