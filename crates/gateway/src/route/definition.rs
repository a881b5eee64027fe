//! A route as it was configured, before it is compiled: from YAML, from the actuator's JSON, from discovery.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use wellspring_properties::{Origin, Problem};

use crate::problem::{BAD_ROUTE, bad};
use crate::tree::{Leaf, Tree, pieces};

/// A predicate or filter as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    pub args: IndexMap<String, Tree>,
    pub origin: Option<Origin>,
}

/// A route as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub id: String,
    pub uri: String,
    pub order: i32,
    pub enabled: bool,
    pub predicates: Vec<Step>,
    pub filters: Vec<Step>,
    pub metadata: IndexMap<String, Tree>,
    pub origin: Option<Origin>,
}

impl Step {
    /// `Name=a,b`. The first `=` divides; a predicate must have one.
    pub fn shortcut(text: &str, origin: Option<Origin>, must_have_equals: bool) -> Result<Self, Problem> {
        let (name, rest) = match text.split_once('=') {
            Some((name, rest)) => (name, rest),
            None if must_have_equals => {
                return Err(bad(BAD_ROUTE, "a predicate is written Name=arguments", text, origin)
                    .hint(format!("{text}=")));
            }
            None => (text, ""),
        };
        if name.trim().is_empty() {
            return Err(bad(BAD_ROUTE, "no name before '='", text, origin));
        }
        let args = pieces(rest)
            .into_iter()
            .enumerate()
            .map(|(at, piece)| {
                let leaf = Leaf { value: Value::String(piece), origin: origin.clone() };
                (format!("_genkey_{at}"), Tree::Leaf(leaf))
            })
            .collect();
        Ok(Self { name: name.trim().to_owned(), args, origin })
    }

    fn read(tree: &Tree, is_predicate: bool) -> Result<Self, Problem> {
        let kind = if is_predicate { "predicate" } else { "filter" };
        match tree {
            Tree::Leaf(leaf) => Self::shortcut(&leaf.text(), leaf.origin.clone(), is_predicate),
            Tree::Map(_) => {
                let name = tree.get("name").and_then(Tree::as_text).filter(|name| !name.is_empty());
                let Some(name) = name else {
                    return Err(Problem::new(BAD_ROUTE, format!("a {kind} without a name")).at(tree.origin()));
                };
                let args = match tree.get("args") {
                    Some(Tree::Map(members)) => members.clone(),
                    Some(Tree::List(items)) => items
                        .iter()
                        .enumerate()
                        .map(|(at, item)| (format!("_genkey_{at}"), item.clone()))
                        .collect(),
                    Some(Tree::Leaf(leaf)) if !leaf.text().is_empty() => {
                        return Err(bad(
                            BAD_ROUTE,
                            "args must be a map of names and values",
                            &leaf.text(),
                            leaf.origin.clone(),
                        ));
                    }
                    Some(Tree::Leaf(_)) | None => IndexMap::new(),
                };
                Ok(Self { name, args, origin: tree.origin() })
            }
            Tree::List(_) => {
                Err(Problem::new(BAD_ROUTE, format!("a list where a {kind} belongs")).at(tree.origin()))
            }
        }
    }

    /// The steps of a list; a single text is one step.
    pub fn read_all(tree: Option<&Tree>, is_predicate: bool) -> Result<Vec<Self>, Problem> {
        let Some(tree) = tree else { return Ok(Vec::new()) };
        tree.items()
            .into_iter()
            .filter(|item| !matches!(item, Tree::Leaf(leaf) if leaf.text().is_empty()))
            .map(|item| Self::read(item, is_predicate))
            .collect()
    }

    fn to_json(&self) -> Value {
        let args: Map<String, Value> =
            self.args.iter().map(|(name, tree)| (name.clone(), tree.to_json())).collect();
        json!({"name": self.name, "args": args})
    }
}

impl Definition {
    /// Reads one item of `routes`.
    pub fn read(tree: &Tree) -> Result<Self, Problem> {
        let place = tree.origin();
        let tree = match tree {
            Tree::Leaf(leaf) => return Self::one_line(&leaf.text(), leaf.origin.clone()),
            Tree::List(_) => return Err(Problem::new(BAD_ROUTE, "a list where a route belongs").at(place)),
            Tree::Map(_) => tree,
        };
        let text = |name: &str| tree.get(name).and_then(Tree::as_text).filter(|text| !text.trim().is_empty());
        let id = text("id").unwrap_or_else(random_id);
        let Some(uri) = text("uri") else {
            return Err(Problem::new(BAD_ROUTE, format!("route '{id}' has no uri"))
                .at(place)
                .hint("uri: http://host:port"));
        };
        let at = |name: &str| tree.get(name).and_then(Tree::origin);
        let order = match text("order") {
            Some(order) => order
                .trim()
                .parse()
                .map_err(|_| bad(BAD_ROUTE, "order must be a whole number", &order, at("order")))?,
            None => 0,
        };
        let enabled = match text("enabled") {
            Some(enabled) => enabled
                .trim()
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| bad(BAD_ROUTE, "enabled must be true or false", &enabled, at("enabled")))?,
            None => true,
        };
        let metadata = match tree.get("metadata") {
            Some(Tree::Map(members)) => members.clone(),
            _ => IndexMap::new(),
        };
        Ok(Self {
            id,
            uri: uri.trim().to_owned(),
            order,
            enabled,
            predicates: Step::read_all(tree.get("predicates"), true)?,
            filters: Step::read_all(tree.get("filters"), false)?,
            metadata,
            origin: place,
        })
    }

    /// `id=uri,Predicate=..`: the rare form in one text.
    fn one_line(text: &str, origin: Option<Origin>) -> Result<Self, Problem> {
        let form = "id=uri,Predicate=arguments";
        let Some((id, rest)) = text.split_once('=') else {
            return Err(
                bad(BAD_ROUTE, "a route in one line is written id=uri,Predicate=..", text, origin).hint(form)
            );
        };
        let mut parts = rest.split(',').map(str::trim);
        let uri = parts.next().filter(|uri| !uri.is_empty());
        let Some(uri) = uri else {
            return Err(bad(BAD_ROUTE, "a route in one line has no uri", text, origin).hint(form));
        };
        let predicates = parts
            .filter(|part| !part.is_empty())
            .map(|part| Step::shortcut(part, origin.clone(), true))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: id.trim().to_owned(),
            uri: uri.to_owned(),
            order: 0,
            enabled: true,
            predicates,
            filters: Vec::new(),
            metadata: IndexMap::new(),
            origin,
        })
    }

    /// As `/actuator/gateway/routedefinitions` shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let metadata: Map<String, Value> =
            self.metadata.iter().map(|(name, tree)| (name.clone(), tree.to_json())).collect();
        json!({
            "id": self.id,
            "predicates": self.predicates.iter().map(Step::to_json).collect::<Vec<_>>(),
            "filters": self.filters.iter().map(Step::to_json).collect::<Vec<_>>(),
            "uri": self.uri,
            "metadata": metadata,
            "order": self.order,
            "enabled": self.enabled,
        })
    }
}

fn random_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Definition, Step};
    use crate::tree::Tree;

    #[test]
    fn both_forms_of_a_step_are_read() {
        let route = json!({
            "id": "a", "uri": "http://h:1", "order": "2",
            "predicates": ["Path=/a/**, /b=c", {"name": "Host", "args": {"patterns": ["x", "y"]}}],
            "filters": ["StripPrefix=1", "PreserveHostHeader", {"name": "SecureHeaders"}],
            "metadata": {"team": "core", "connect-timeout": 200},
        });
        let read = Definition::read(&Tree::from_json(&route)).unwrap();
        assert_eq!((read.order, read.enabled), (2, true));
        let path: Vec<_> = read.predicates[0].args.values().filter_map(Tree::as_text).collect();
        assert_eq!(path, ["/a/**", "/b=c"]);
        assert_eq!(
            read.filters.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            ["StripPrefix", "PreserveHostHeader", "SecureHeaders"]
        );
        assert_eq!(read.to_json()["metadata"], json!({"team": "core", "connect-timeout": 200}));
        assert_eq!(
            read.to_json()["predicates"][0],
            json!({"name": "Path", "args": {"_genkey_0": "/a/**", "_genkey_1": "/b=c"}})
        );
    }

    #[test]
    fn a_predicate_needs_an_equals_sign() {
        assert!(Step::shortcut("CloudFoundryRouteService", None, true).is_err());
        assert!(Step::shortcut("CloudFoundryRouteService=", None, true).is_ok());
        assert!(Step::shortcut("PreserveHostHeader", None, false).is_ok());
    }

    #[test]
    fn a_route_may_be_one_text() {
        let read = Definition::read(&Tree::text("r1=http://h:1,Path=/a,Method=GET")).unwrap();
        assert_eq!((read.id.as_str(), read.uri.as_str(), read.predicates.len()), ("r1", "http://h:1", 2));
    }

    #[test]
    fn what_is_no_route_is_refused() {
        for route in [
            json!({"id": "a"}),
            json!({"uri": "http://h", "order": "x"}),
            json!({"uri": "http://h", "predicates": [["x"]]}),
            json!({"uri": "http://h", "filters": [{"args": {}}]}),
            json!({"uri": "http://h", "predicates": ["Path"]}),
            json!([1]),
        ] {
            assert!(Definition::read(&Tree::from_json(&route)).is_err(), "{route}");
        }
    }
}
