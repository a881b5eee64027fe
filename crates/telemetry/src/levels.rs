//! Loggers and their levels, changed at run time.
//!
//! A logger's name is a dotted path: the module path of the code with `::` as dots, and `wellspring_registry` as
//! `wellspring.registry`, so that one setting for `wellspring` reaches all of ours. A logger without a level of its own has its parent's.

use std::collections::{BTreeMap, BTreeSet};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tracing::Level;
use tracing::level_filters::LevelFilter;

pub const ROOT: &str = "ROOT";
/// As the actuator lists them.
pub const NAMES: [&str; 6] = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];

/// What a level setting says.
pub fn parse(text: &str) -> Option<LevelFilter> {
    Some(match text.trim().to_ascii_uppercase().as_str() {
        // YAML reads an unquoted `off` as false.
        "OFF" | "FALSE" => LevelFilter::OFF,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        "TRACE" => LevelFilter::TRACE,
        _ => return None,
    })
}

pub fn name(level: LevelFilter) -> &'static str {
    match level.into_level() {
        None => "OFF",
        Some(Level::ERROR) => "ERROR",
        Some(Level::WARN) => "WARN",
        Some(Level::INFO) => "INFO",
        Some(Level::DEBUG) => "DEBUG",
        Some(Level::TRACE) => "TRACE",
    }
}

/// The logger of a `tracing` target.
pub fn logger(target: &str) -> String {
    let dotted = target.replace("::", ".");
    match dotted.strip_prefix("wellspring_") {
        Some(rest) => format!("wellspring.{rest}"),
        None => dotted,
    }
}

/// All loggers of the process.
#[derive(Debug)]
pub struct Levels {
    table: ArcSwap<Table>,
    /// Loggers that exist because code logs by them.
    seen: Mutex<BTreeSet<String>>,
}

#[derive(Clone, Debug)]
struct Table {
    root: LevelFilter,
    /// `None`: known by name, inherits.
    configured: BTreeMap<String, Option<LevelFilter>>,
    groups: BTreeMap<String, Vec<String>>,
}

/// One logger as the actuator shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub configured: Option<LevelFilter>,
    pub effective: LevelFilter,
}

impl Default for Levels {
    fn default() -> Self {
        let web = ["wellspring.daemon", "axum", "hyper", "h2", "tower"];
        let groups = BTreeMap::from([("web".to_owned(), web.map(str::to_owned).to_vec())]);
        let table = Table { root: LevelFilter::INFO, configured: BTreeMap::new(), groups };
        Self { table: ArcSwap::from_pointee(table), seen: Mutex::default() }
    }
}

impl Levels {
    /// Sets or (with `None`) unsets the level of a logger, of `ROOT`, or of all members of a group.
    pub fn set(&self, name: &str, level: Option<LevelFilter>) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            match table.groups.get(name).cloned() {
                Some(members) => {
                    for member in members {
                        table.configured.insert(member, level);
                    }
                }
                None if name.eq_ignore_ascii_case(ROOT) => table.root = level.unwrap_or(LevelFilter::INFO),
                None => {
                    table.configured.insert(logger(name), level);
                }
            }
            table
        });
        // Every call site remembers whether it is enabled, so that a disabled one costs nothing.
        tracing::callsite::rebuild_interest_cache();
    }

    /// `logging.group.NAME`.
    pub fn group(&self, name: &str, members: &[String]) {
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.groups.insert(name.to_owned(), members.to_vec());
            table
        });
    }

    pub(crate) fn saw(&self, target: &str) {
        self.seen.lock().insert(logger(target));
    }

    pub(crate) fn enabled(&self, target: &str, level: Level) -> bool {
        let table = self.table.load();
        if table.configured.is_empty() {
            return level <= table.root;
        }
        level <= table.effective(&logger(target))
    }

    pub(crate) fn loudest(&self) -> LevelFilter {
        let table = self.table.load();
        table.configured.values().flatten().copied().fold(table.root, LevelFilter::max)
    }

    /// The loggers with their parents, sorted, without `ROOT`.
    pub fn loggers(&self) -> BTreeMap<String, Shown> {
        let table = self.table.load();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for name in self.seen.lock().iter().chain(table.configured.keys()) {
            let mut upto = 0;
            for part in name.split('.') {
                upto += part.len();
                names.extend(name.get(..upto).map(str::to_owned));
                upto += 1;
            }
        }
        names.into_iter().map(|name| (name.clone(), table.shown(&name))).collect()
    }

    /// A logger that is known, `ROOT` included.
    pub fn find(&self, name: &str) -> Option<Shown> {
        if name.eq_ignore_ascii_case(ROOT) {
            let root = self.root();
            return Some(Shown { configured: Some(root), effective: root });
        }
        self.loggers().get(&logger(name)).copied()
    }

    pub fn root(&self) -> LevelFilter {
        self.table.load().root
    }

    /// Groups with their members.
    pub fn groups(&self) -> BTreeMap<String, Vec<String>> {
        self.table.load().groups.clone()
    }

    /// The level all members of a group have been given, if it is one.
    pub fn group_level(&self, name: &str) -> Option<LevelFilter> {
        let table = self.table.load();
        let mut levels = table.groups.get(name)?.iter().map(|member| table.configured.get(member).copied());
        let first = levels.next()??;
        levels.all(|level| level == Some(first)).then_some(first)?
    }
}

impl Table {
    fn effective(&self, name: &str) -> LevelFilter {
        let mut name = name;
        loop {
            if let Some(Some(level)) = self.configured.get(name) {
                return *level;
            }
            match name.rsplit_once('.') {
                Some((parent, _)) => name = parent,
                None => return self.root,
            }
        }
    }

    fn shown(&self, name: &str) -> Shown {
        Shown { configured: self.configured.get(name).copied().flatten(), effective: self.effective(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logger_has_its_nearest_parents_level() {
        let levels = Levels::default();
        levels.set("wellspring", Some(LevelFilter::DEBUG));
        levels.set("wellspring_registry::http", Some(LevelFilter::OFF));
        assert!(levels.enabled("wellspring_registry::state", Level::DEBUG));
        assert!(!levels.enabled("wellspring_registry::http::apps", Level::ERROR));
        assert!(!levels.enabled("hyper::proto", Level::DEBUG));
        assert_eq!(levels.loudest(), LevelFilter::DEBUG);
        levels.set("wellspring.registry.http", None);
        assert!(levels.enabled("wellspring_registry::http::apps", Level::DEBUG));
    }

    #[test]
    fn an_unset_logger_stays_known_and_parents_are_listed() {
        let levels = Levels::default();
        levels.set("a.b", Some(LevelFilter::WARN));
        levels.set("a.b", None);
        let names: Vec<_> = levels.loggers().into_keys().collect();
        assert_eq!(names, ["a", "a.b"]);
        assert_eq!(levels.find("a.b"), Some(Shown { configured: None, effective: LevelFilter::INFO }));
        assert_eq!(levels.find("c"), None);
    }

    #[test]
    fn a_group_sets_all_its_members() {
        let levels = Levels::default();
        levels.group("mine", &["x".to_owned(), "y.z".to_owned()]);
        levels.set("mine", Some(LevelFilter::TRACE));
        assert!(levels.enabled("y::z", Level::TRACE) && levels.enabled("x", Level::TRACE));
        assert_eq!(levels.group_level("mine"), Some(LevelFilter::TRACE));
    }

    #[test]
    fn off_may_come_as_yaml_reads_it() {
        assert_eq!(parse("false"), Some(LevelFilter::OFF));
        assert_eq!(parse("debug"), Some(LevelFilter::DEBUG));
        assert_eq!(parse("loud"), None);
    }
}
