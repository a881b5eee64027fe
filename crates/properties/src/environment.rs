//! The Environment: ordered sources behind one relaxed view, cheap to clone, never changed after it is made.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;

use crate::bind;
use crate::placeholder::{self, PlaceholderError};
use crate::relaxed::canonical;
use crate::tree::{self, Index, SourceId, Tree};
use crate::{Entry, Origin, Problem, PropertySource, codes, random};

/// Sources in order of precedence, with the active profiles.
#[derive(Clone)]
pub struct Environment {
    inner: Arc<Inner>,
}

struct Inner {
    sources: Vec<PropertySource>,
    profiles: Vec<String>,
    index: Index,
    tree: OnceLock<Tree>,
}

impl Environment {
    /// Sources come highest precedence first.
    pub fn new(sources: Vec<PropertySource>, active_profiles: Vec<String>) -> Self {
        let index = tree::index(&sources);
        Self { inner: Arc::new(Inner { sources, profiles: active_profiles, index, tree: OnceLock::new() }) }
    }

    /// The value of a key in any spelling, placeholders resolved; a placeholder that nothing resolves stays as it is.
    pub fn get(&self, key: &str) -> Option<String> {
        let raw = self.raw(key)?;
        if !raw.contains("${") {
            return Some(raw);
        }
        Some(placeholder::resolve_known(&raw, &|key| self.raw(key)).unwrap_or(raw))
    }

    /// The value of a key, or of the keys below it, as a type. `None` when there is nothing.
    pub fn get_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Problem> {
        if self.contains(key) { self.bind(key).map(Some) } else { Ok(None) }
    }

    /// Everything below a prefix as a struct, map or list. A struct with `#[serde(default)]` binds even when there is nothing.
    pub fn bind<T: DeserializeOwned>(&self, prefix: &str) -> Result<T, Problem> {
        bind::bind(self, prefix).0
    }

    /// As [`bind`](Self::bind), and the keys below the prefix that no setting took.
    pub fn bind_checked<T: DeserializeOwned>(&self, prefix: &str) -> (Result<T, Problem>, Vec<Problem>) {
        bind::bind(self, prefix)
    }

    /// Whether any key stands at or below a prefix.
    pub fn contains(&self, prefix: &str) -> bool {
        self.find(prefix).is_some() || self.tree().at(&canonical(prefix)).is_some()
    }

    /// Replaces the placeholders of a text; one that nothing resolves is a problem.
    pub fn resolve(&self, text: &str) -> Result<String, Problem> {
        placeholder::resolve(text, &|key| self.raw(key)).map_err(|error| unresolved(&error))
    }

    /// Where the winning value of a key stands.
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.find(key).and_then(|entry| entry.origin.clone())
    }

    /// The winning entry of a key, as its source holds it.
    pub fn find(&self, key: &str) -> Option<&Entry> {
        let place = self.inner.index.get(canonical(key).as_ref());
        let named = self.named_variable(key);
        let places = [place, self.dashed_variable(key), named.as_ref()];
        let (id, at) = places.into_iter().flatten().min()?;
        self.inner.sources.get(*id)?.entries.get_index(*at).map(|(_, entry)| entry)
    }

    /// Active profiles, in order of activation.
    pub fn active_profiles(&self) -> &[String] {
        &self.inner.profiles
    }

    /// The sources, highest precedence first.
    pub fn sources(&self) -> &[PropertySource] {
        &self.inner.sources
    }

    /// A copy with one more source, above all others.
    #[must_use]
    pub fn with_first(&self, source: PropertySource) -> Self {
        let sources = std::iter::once(source).chain(self.inner.sources.iter().cloned()).collect();
        Self::new(sources, self.inner.profiles.clone())
    }

    /// A copy with one more source, below all others.
    #[must_use]
    pub fn with_last(&self, source: PropertySource) -> Self {
        let sources = self.inner.sources.iter().cloned().chain([source]).collect();
        Self::new(sources, self.inner.profiles.clone())
    }

    /// `MAX_THREADS` for `max-threads`: variables may write a dash as an underscore, besides leaving it out.
    fn dashed_variable(&self, key: &str) -> Option<&(SourceId, usize)> {
        if !key.contains('-') {
            return None;
        }
        let place = self.inner.index.get(canonical(&key.replace('-', ".")).as_ref())?;
        self.inner.sources.get(place.0).filter(|source| source.variables).map(|_| place)
    }

    /// `GIT_URI` for `${GIT_URI}`: a variable by its own name.
    fn named_variable(&self, key: &str) -> Option<(SourceId, usize)> {
        if !key.contains('_') && !key.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let variables = self.inner.sources.iter().enumerate().filter(|(_, source)| source.variables);
        variables.filter_map(|(id, source)| Some((id, source.entries.get_index_of(key)?))).next()
    }

    /// The value before placeholders are resolved.
    pub(crate) fn raw(&self, key: &str) -> Option<String> {
        match self.find(key) {
            Some(entry) => Some(entry.value.to_string()),
            None => random::value(key),
        }
    }

    pub(crate) fn tree(&self) -> &Tree {
        self.inner.tree.get_or_init(|| Tree::build(&self.inner.sources))
    }
}

impl fmt::Debug for Environment {
    // Values may be secrets: only names are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.inner.sources.iter().map(|s| s.name.as_str()).collect::<Vec<_>>();
        f.debug_struct("Environment")
            .field("sources", &names)
            .field("profiles", &self.inner.profiles)
            .finish()
    }
}

pub(crate) fn unresolved(error: &PlaceholderError) -> Problem {
    Problem::new(codes::PLACEHOLDER, error.to_string()).hint("${key:default}, or a value for the key")
}

#[cfg(test)]
mod tests {
    use super::Environment;
    use crate::PropertySource;

    fn env() -> Environment {
        let vars = PropertySource::of_variables(
            "vars",
            [
                ("MY_APP_NAME".to_owned(), "from ${my.home}".to_owned()),
                ("lower_case".to_owned(), "1".to_owned()),
            ],
        );
        let file = PropertySource::of_pairs(
            "file",
            [
                ("my.app-name", "file"),
                ("my.home", "${user:nobody}"),
                ("my.secret", "s"),
                ("a.loop", "${a.loop}"),
                ("my.map[x/y]", "v"),
                ("n", "${random.int(5)}"),
                ("gone", "${nope}"),
            ],
        );
        Environment::new(vec![vars, file], vec!["dev".to_owned()])
    }

    #[test]
    fn look_ups_are_relaxed_and_resolve_placeholders() {
        let env = env();
        for (key, wanted) in [
            ("my.app-name", Some("from nobody")),
            ("my.appName", Some("file")),
            ("my.home", Some("nobody")),
            ("my.map[x/y]", Some("v")),
            ("my.map.x/y", None),
            ("lower.case", Some("1")),
            ("gone", Some("${nope}")),
            ("a.loop", Some("${a.loop}")),
            ("none", None),
        ] {
            assert_eq!(env.get(key).as_deref(), wanted, "{key}");
        }
        assert!(env.get("n").unwrap().parse::<u8>().unwrap() < 5);
        assert_eq!(env.get("random.uuid").unwrap().len(), 36);
        assert!(env.contains("my") && env.contains("my.map") && !env.contains("my.ma"));
        assert_eq!(env.resolve("${nope}").unwrap_err().code, "WS-1110");
        assert_eq!(env.resolve("<${my.home}>").unwrap(), "<nobody>");
        assert_eq!(env.origin("lower.case").unwrap().to_string(), "environment variable lower_case");
    }

    #[test]
    fn sources_can_be_laid_above_and_below() {
        let source = |value| PropertySource::of_pairs("more", [("my.home", value), ("new", value)]);
        assert_eq!(env().with_first(source("x")).get("my.home").as_deref(), Some("x"));
        let below = env().with_last(source("x"));
        assert_eq!(
            (below.get("my.home").as_deref(), below.get("new").as_deref()),
            (Some("nobody"), Some("x"))
        );
        assert_eq!(below.active_profiles(), ["dev"]);
    }

    #[test]
    fn values_are_not_printed_for_debugging() {
        assert!(!format!("{:?}", env()).contains("nobody"));
    }

    #[test]
    fn a_variable_answers_to_its_own_name() {
        let variables = [("GIT_URI".to_owned(), "file:///repo".to_owned())];
        let env = Environment::new(
            vec![
                PropertySource::of_variables("systemEnvironment", variables),
                PropertySource::of_pairs("application.yml", [("uri", "${GIT_URI}/x")]),
            ],
            Vec::new(),
        );
        assert_eq!(env.get("uri").as_deref(), Some("file:///repo/x"));
        assert_eq!(env.get("git.uri").as_deref(), Some("file:///repo"));
    }
}
