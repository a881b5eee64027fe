//! `Refresher`: loads the configuration again, finds what changed, and lets values and listeners follow.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tracing::{info, warn};
use wellspring_properties::{Entry, Environment, Problem, PropertySource, Scalar};

use super::Refreshed;

/// Loads everything again, as at the start.
pub type Reload =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Environment, Problem>> + Send>> + Send + Sync>;

type Listener = Arc<dyn Fn(&[String]) + Send + Sync>;
type Follower = Box<dyn Fn(&Environment) + Send + Sync>;

/// Name of the source that `set` writes, as in Spring.
const MANAGER: &str = "manager";

/// The configuration of a process that may change while it runs. Cloning shares everything.
#[derive(Clone)]
pub struct Refresher(Arc<Inner>);

struct Inner {
    /// As loaded.
    loaded: Mutex<Environment>,
    /// Values set by hand; they survive refreshes.
    set: Mutex<IndexMap<String, Entry>>,
    /// Both together.
    current: ArcSwap<Environment>,
    reload: Reload,
    /// One refresh at a time; those that wait see what the first one loaded.
    running: tokio::sync::Mutex<()>,
    followers: Mutex<Vec<Follower>>,
    listeners: Mutex<Vec<Listener>>,
}

impl Refresher {
    /// `reload` loads everything again: files, environment, arguments, imports.
    pub fn new(env: Environment, reload: Reload) -> Self {
        Self(Arc::new(Inner {
            loaded: Mutex::new(env.clone()),
            set: Mutex::default(),
            current: ArcSwap::from_pointee(env),
            reload,
            running: tokio::sync::Mutex::new(()),
            followers: Mutex::default(),
            listeners: Mutex::default(),
        }))
    }

    /// A configuration that never changes, unless by `set`.
    pub fn fixed(env: Environment) -> Self {
        let same = env.clone();
        Self::new(env, Box::new(move || Box::pin(std::future::ready(Ok(same.clone())))))
    }

    /// The configuration now.
    pub fn env(&self) -> Environment {
        Environment::clone(&self.0.current.load())
    }

    /// Loads the configuration again and tells followers and listeners what changed. The last good configuration
    /// stays when that fails.
    ///
    /// # Errors
    /// What loading says.
    pub async fn refresh(&self) -> Result<Vec<String>, Problem> {
        let _running = self.0.running.lock().await;
        let env = (self.0.reload)().await.inspect_err(|problem| {
            warn!(problem = problem.line(), "refresh failed, the configuration stays as it was");
        })?;
        *self.0.loaded.lock() = env;
        let changed = self.publish();
        info!(count = changed.len(), keys = changed.join(","), "refreshed");
        Ok(changed)
    }

    /// Lays values over everything, until the process ends; returns the keys whose value changed.
    pub fn set(&self, values: IndexMap<String, String>) -> Vec<String> {
        let entries = values.into_iter().map(|(key, value)| (key, Entry::text(value)));
        self.0.set.lock().extend(entries);
        self.publish()
    }

    /// Forgets all values given by `set`; returns the keys whose value changed.
    pub fn unset(&self) -> Vec<String> {
        self.0.set.lock().clear();
        self.publish()
    }

    /// Calls `listener` with the changed keys after each refresh that changed any.
    pub fn on_change(&self, listener: impl Fn(&[String]) + Send + Sync + 'static) {
        self.0.listeners.lock().push(Arc::new(listener));
    }

    /// Settings below `prefix`, bound again after each refresh. Values that cannot be bound leave the old ones.
    ///
    /// # Errors
    /// When they cannot be bound now.
    pub fn bind<T>(&self, prefix: &str) -> Result<Refreshed<T>, Problem>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let value = Refreshed::fixed(self.env().bind(prefix)?);
        let (cell, prefix) = (value.cell(), prefix.to_owned());
        self.follow(move |env| match env.bind(&prefix) {
            Ok(new) => cell.store(Arc::new(new)),
            Err(problem) => warn!(problem = problem.line(), "new value refused, the old one stays"),
        });
        Ok(value)
    }

    /// One value, with what it is when no source has the key.
    ///
    /// # Errors
    /// When it has the wrong type now.
    pub fn value<T>(&self, key: &str, default: T) -> Result<Refreshed<T>, Problem>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let value = Refreshed::fixed(self.env().get_as(key)?.unwrap_or_else(|| default.clone()));
        let (cell, key) = (value.cell(), key.to_owned());
        self.follow(move |env| match env.get_as(&key) {
            Ok(new) => cell.store(Arc::new(new.unwrap_or_else(|| default.clone()))),
            Err(problem) => warn!(problem = problem.line(), "new value refused, the old one stays"),
        });
        Ok(value)
    }

    pub(crate) fn follow(&self, follower: impl Fn(&Environment) + Send + Sync + 'static) {
        self.0.followers.lock().push(Box::new(follower));
    }

    fn publish(&self) -> Vec<String> {
        let set = self.0.set.lock().clone();
        let loaded = self.0.loaded.lock().clone();
        let new = if set.is_empty() { loaded } else { loaded.with_first(PropertySource::new(MANAGER, set)) };
        let old = self.0.current.swap(Arc::new(new.clone()));
        let changed = changes(&old, &new);
        if !changed.is_empty() {
            self.0.followers.lock().iter().for_each(|follower| follower(&new));
            // Listeners may add listeners.
            let listeners = self.0.listeners.lock().clone();
            listeners.iter().for_each(|listener| listener(&changed));
        }
        changed
    }
}

impl fmt::Debug for Refresher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.env().sources().iter().map(|source| source.name.clone()).collect();
        f.debug_struct("Refresher").field("sources", &sources).finish_non_exhaustive()
    }
}

/// Keys added, changed or gone, sorted. Values are compared as they are written, before placeholders, as in Spring.
fn changes(old: &Environment, new: &Environment) -> Vec<String> {
    let (old, new) = (effective(old), effective(new));
    let mut changed: Vec<String> = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(value))
        .map(|(key, _)| key)
        .chain(old.keys().filter(|key| !new.contains_key(*key)))
        .map(|key| (*key).to_owned())
        .collect();
    changed.sort();
    changed
}

/// The value of each key as spelled by the first source that has it.
fn effective(env: &Environment) -> HashMap<&str, &Scalar> {
    let mut values = HashMap::new();
    for source in env.sources().iter().filter(|source| !source.variables) {
        for (key, entry) in &source.entries {
            values.entry(key.as_str()).or_insert(&entry.value);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde::Deserialize;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], vec![])
    }

    fn refresher(before: &[(&str, &str)], after: &[(&str, &str)]) -> Refresher {
        let after = env(after);
        Refresher::new(env(before), Box::new(move || Box::pin(std::future::ready(Ok(after.clone())))))
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Stock {
        size: u32,
    }

    #[tokio::test]
    async fn a_refresh_tells_added_changed_and_gone_keys() {
        let refresher =
            refresher(&[("a", "1"), ("b", "1"), ("c", "1")], &[("b", "2"), ("c", "1"), ("d", "1")]);
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        refresher.on_change(move |keys| seen.lock().extend_from_slice(keys));
        let value: Refreshed<String> = refresher.value("b", String::new()).unwrap();
        assert_eq!(refresher.refresh().await.unwrap(), ["a", "b", "d"]);
        assert_eq!(*told.lock(), ["a", "b", "d"]);
        assert_eq!(*value.get(), "2");
        assert!(refresher.refresh().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_value_that_cannot_be_bound_leaves_the_old_one() {
        let refresher = refresher(&[("stock.size", "3")], &[("stock.size", "many")]);
        let stock: Refreshed<Stock> = refresher.bind("stock").unwrap();
        assert_eq!(refresher.refresh().await.unwrap(), ["stock.size"]);
        assert_eq!(stock.get().size, 3);
    }

    #[tokio::test]
    async fn values_set_by_hand_survive_a_refresh() {
        let refresher = refresher(&[("a", "1")], &[("a", "2")]);
        let values = IndexMap::from([("a".to_owned(), "9".to_owned()), ("x".to_owned(), "1".to_owned())]);
        assert_eq!(refresher.set(values), ["a", "x"]);
        assert!(refresher.refresh().await.unwrap().is_empty());
        assert_eq!(refresher.env().get("a").as_deref(), Some("9"));
        assert_eq!(refresher.unset(), ["a", "x"]);
        assert_eq!(refresher.env().get("a").as_deref(), Some("2"));
    }

    #[tokio::test]
    async fn a_failed_refresh_changes_nothing() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let reload: Reload = Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Err(Problem::new("WS-1305", "gone"))))
        });
        let refresher = Refresher::new(env(&[("a", "1")]), reload);
        assert!(refresher.refresh().await.is_err());
        assert_eq!(refresher.env().get("a").as_deref(), Some("1"));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}
