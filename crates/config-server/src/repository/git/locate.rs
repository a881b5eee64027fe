//! Which repository answers, and where it is: patterns, placeholders in the uri, search paths.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Oid;
use parking_lot::Mutex;
use tracing::warn;
use wellspring_pattern::star;
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use super::SharedFiles;
use super::gate::Rejected;
use super::in_place::InPlace;
use super::mirror::{Mirror, Surroundings};
use super::store::{Commit, Store};
use super::transport::{self, Transport};
use crate::config::Git as Settings;
use crate::error::Error;
use crate::pins::{Pin, Pins};
use crate::repository::{Freshness, Parts, Query};
use crate::sources::files::Files;

/// Repositories whose uri holds placeholders that are kept open at a time.
const EXPANDED: usize = 256;

/// A repository of the settings.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Key in `repos`; `None`: the default repository.
    key: Option<String>,
    patterns: Vec<String>,
    pub(crate) settings: Settings,
    pub(crate) default_label: String,
    uri: String,
}

impl Choice {
    pub(crate) fn new(
        key: Option<&str>,
        settings: Settings,
        server_label: Option<&str>,
    ) -> Result<Self, Problem> {
        let Some(uri) = settings.uri.clone() else {
            let key = key.unwrap_or_default();
            return Err(Problem::new(
                "WS-1412",
                format!("spring.cloud.config.server.git.repos.{key}.uri is missing"),
            ));
        };
        for remark in transport::remarks(&uri, &settings) {
            warn!(repository = key.unwrap_or("default"), remark, "setting without effect");
        }
        let own = if settings.pattern.is_empty() {
            key.map(str::to_owned).into_iter().collect()
        } else {
            settings.pattern.clone()
        };
        let default_label = server_label.or(settings.default_label.as_deref()).unwrap_or("main").to_owned();
        Ok(Self { key: key.map(str::to_owned), patterns: patterns(&own), settings, default_label, uri })
    }

    pub(crate) fn name(&self) -> &str {
        self.key.as_deref().unwrap_or("default")
    }

    /// Where this label fails, `master` is tried.
    pub(crate) fn falls_back(&self, label: &str) -> bool {
        label == "main" && self.default_label == "main" && self.settings.try_master_branch
    }

    pub(crate) fn matches(&self, name: &str, profiles: &str) -> bool {
        star::matches_any(self.patterns.iter().map(String::as_str), &format!("{name}/{profiles}"))
    }

    /// The uri with its placeholders replaced by the whole texts, which clients choose: they choose a repository at the host
    /// that is configured, and never the host.
    fn uri(&self, query: &Query, label: Option<&str>) -> Result<String, Error> {
        if !self.uri.contains('{') {
            return Ok(self.uri.clone());
        }
        let (host, path) = self.uri.split_at(host_end(&self.uri));
        let path = path
            .replace("{application}", &query.name)
            .replace("{profile}", &query.profiles)
            .replace("{label}", label.unwrap_or(&self.default_label));
        if host.contains('{') || path.starts_with('-') || path.contains(|c: char| c.is_control()) {
            return Err(Error::NotFound(
                "a placeholder may stand in the path of a repository only".to_owned(),
            ));
        }
        Ok(format!("{host}{path}"))
    }

    fn has_placeholders(&self) -> bool {
        ["{application}", "{profile}", "{label}"].iter().any(|placeholder| self.uri.contains(placeholder))
    }
}

/// Where the path begins: `scheme://host/`, `user@host:`, or a path's first part.
fn host_end(uri: &str) -> usize {
    if let Some(scheme) = uri.find("://") {
        let from = scheme + 3;
        return uri.get(from..).and_then(|rest| rest.find('/')).map_or(uri.len(), |at| from + at + 1);
    }
    match uri.find(['/', ':']) {
        Some(at) => at + 1,
        None => uri.len(),
    }
}

/// `app` is `app/*`, and what does not end in a star also goes with further profiles.
fn patterns(own: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    for pattern in own.iter().map(|pattern| pattern.trim()).filter(|pattern| !pattern.is_empty()) {
        if !pattern.contains('/') {
            out.push(format!("{pattern}/*"));
            continue;
        }
        out.push(pattern.to_owned());
        if !pattern.ends_with('*') {
            out.push(format!("{pattern},*"));
        }
    }
    out
}

/// A repository at its uri.
#[derive(Debug)]
pub(crate) struct Place {
    /// As configured, placeholders replaced, without slashes at the end.
    pub(crate) uri: Arc<str>,
    kind: Kind,
    pins: Arc<Pins>,
}

#[derive(Debug)]
enum Kind {
    InPlace(InPlace),
    Mirror(Arc<Mirror>),
}

impl Place {
    /// Brings the news in, as far as the settings want it.
    pub(crate) async fn fresh(&self) -> Result<(), Error> {
        match &self.kind {
            Kind::InPlace(_) => Ok(()),
            Kind::Mirror(mirror) => mirror.fresh().await,
        }
    }

    /// What the label stands for: what it is pinned to, else what Git says.
    pub(crate) fn commit(&self, label: &str) -> Result<Commit, Error> {
        match self.pins.commit(&self.uri, label) {
            Some(id) => self.unpinned(&id.to_string()),
            None => self.unpinned(label),
        }
    }

    /// What Git says.
    pub(crate) fn unpinned(&self, label: &str) -> Result<Commit, Error> {
        match &self.kind {
            Kind::InPlace(repository) => repository.commit(label),
            Kind::Mirror(mirror) => mirror.commit(label),
        }
    }

    /// The commit that a text names, `main~1` included; `~1` alone goes back from `label`.
    pub(crate) fn resolved(&self, text: &str, label: &str) -> Result<Oid, Error> {
        let (name, steps) = match text.split_once('~') {
            None => (text, 0),
            Some((name, steps)) => (name, steps.parse::<u32>().unwrap_or(u32::MAX)),
        };
        let start = self.unpinned(if name.is_empty() { label } else { name })?.id;
        let missing = || Error::NotFound(format!("no such commit: {text}"));
        let found = self.store()?.with(|repository| {
            let mut commit = repository.find_commit(start)?;
            for _ in 0..steps {
                commit = commit.parent(0)?;
            }
            Ok(commit.id())
        });
        found.map_err(|_| missing())
    }

    /// What holds a label.
    pub(crate) fn pin(&self, label: &str) -> Option<Pin> {
        self.pins.get(&self.uri, label)
    }

    /// The newer commit of a branch that is not served because it does not parse.
    pub(crate) fn rejected(&self, label: &str) -> Option<Rejected> {
        match &self.kind {
            Kind::InPlace(_) => None,
            Kind::Mirror(mirror) => mirror.rejected(label),
        }
    }

    /// Since when what is served may be older than what the remote has.
    pub(crate) fn stale_since(&self) -> Option<Millis> {
        match &self.kind {
            Kind::InPlace(_) => None,
            Kind::Mirror(mirror) => mirror.stale_since(),
        }
    }

    pub(crate) fn store(&self) -> Result<&Arc<Store>, Error> {
        match &self.kind {
            Kind::InPlace(repository) => Ok(repository.store()),
            Kind::Mirror(mirror) => mirror.store(),
        }
    }

    pub(crate) fn files(&self, commit: Commit) -> Result<SharedFiles, Error> {
        match &self.kind {
            Kind::InPlace(repository) => repository.files(commit),
            Kind::Mirror(mirror) => mirror.files(commit),
        }
    }
}

/// Key in `repos`, and the uri.
type Key = (Option<String>, String);

/// All repositories that have been opened.
#[derive(Debug)]
pub(crate) struct Places {
    around: Surroundings,
    pins: Arc<Pins>,
    basedir: Option<PathBuf>,
    open: Mutex<HashMap<Key, Arc<Place>>>,
    opening: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
}

impl Places {
    pub(crate) fn new(parts: &Parts<'_>, basedir: Option<PathBuf>) -> Self {
        Self {
            around: Surroundings::new(parts),
            pins: Arc::clone(&parts.pins),
            basedir,
            open: Mutex::new(HashMap::new()),
            opening: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) async fn place(
        &self,
        choice: &Choice,
        query: &Query,
        label: Option<&str>,
    ) -> Result<Arc<Place>, Error> {
        self.at(choice, choice.uri(query, label)?).await
    }

    /// One that has been opened already.
    pub(crate) fn known(&self, choice: &Choice, query: &Query, label: Option<&str>) -> Option<Arc<Place>> {
        self.open.lock().get(&(choice.key.clone(), choice.uri(query, label).ok()?)).cloned()
    }

    async fn at(&self, choice: &Choice, uri: String) -> Result<Arc<Place>, Error> {
        let key = (choice.key.clone(), uri);
        let known = self.open.lock().get(&key).cloned();
        if let Some(place) = known {
            match &place.kind {
                Kind::InPlace(repository) if !repository.is_there() => {
                    self.open.lock().remove(&key);
                    return Err(Error::NotFound(format!("no Git repository at {}", key.1)));
                }
                Kind::InPlace(_) | Kind::Mirror(_) => return Ok(place),
            }
        }
        // Two requests for a new name must not clone into one directory.
        let turn = Arc::clone(self.opening.lock().entry(key.clone()).or_default());
        let held = turn.lock().await;
        let place = self.made(choice, &key).await;
        drop(held);
        self.opening.lock().remove(&key);
        place
    }

    async fn made(&self, choice: &Choice, key: &Key) -> Result<Arc<Place>, Error> {
        if let Some(place) = self.open.lock().get(key) {
            return Ok(Arc::clone(place));
        }
        let uri = key.1.trim_end_matches('/');
        let kind = match in_place_directory(uri) {
            Some(directory) => {
                let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
                Kind::InPlace(InPlace::open(&directory, self.around.directories())?)
            }
            None => {
                let transport = Transport::new(uri, &choice.settings)
                    .map_err(|problem| Error::Internal(problem.line()))?;
                let basedir = self.directory(choice, uri);
                let mirror = Mirror::new(uri, &choice.settings, transport, basedir, &self.around);
                if choice.has_placeholders() {
                    // Names that nobody has must leave nothing behind: only what could be cloned is kept.
                    mirror.fresh().await.inspect_err(|_| mirror.discard())?;
                }
                Kind::Mirror(mirror)
            }
        };
        let place = Arc::new(Place { uri: uri.into(), kind, pins: Arc::clone(&self.pins) });
        let mut open = self.open.lock();
        if open.len() >= EXPANDED
            && let Some(any) = open.keys().find(|(_, uri)| *uri != choice.uri).cloned()
        {
            open.remove(&any);
        }
        Ok(Arc::clone(open.entry(key.clone()).or_insert(place)))
    }

    /// Where the original would clone to; `None`: a fresh temporary directory.
    fn directory(&self, choice: &Choice, uri: &str) -> Option<PathBuf> {
        let own = choice.settings.basedir.as_ref().map(PathBuf::from);
        let base = match (&choice.key, own) {
            (Some(_), Some(own)) => own,
            (Some(key), None) => self.basedir.as_ref()?.join(key),
            (None, _) => self.basedir.clone()?,
        };
        if choice.has_placeholders() {
            let name: String = uri.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            return Some(base.join(name));
        }
        Some(base)
    }

    pub(crate) async fn start(&self, choice: &Choice) -> Result<(), Problem> {
        if choice.has_placeholders() {
            return Ok(());
        }
        let place = match self.at(choice, choice.uri.clone()).await {
            Ok(place) => place,
            Err(error) if choice.settings.clone_on_start => return Err(cannot_clone(choice, &error)),
            Err(error) => {
                warn!(repository = choice.name(), %error, "repository cannot be read yet");
                return Ok(());
            }
        };
        if let Kind::Mirror(mirror) = &place.kind {
            if choice.settings.clone_on_start {
                mirror.fresh().await.map_err(|error| cannot_clone(choice, &error))?;
            }
            mirror.keep_fresh();
        }
        Ok(())
    }

    pub(crate) async fn refresh(&self) {
        let places: Vec<Arc<Place>> = self.open.lock().values().cloned().collect();
        let mirrors = places.iter().filter_map(|place| match &place.kind {
            Kind::Mirror(mirror) => Some(mirror.refresh()),
            Kind::InPlace(_) => None,
        });
        futures_util::future::join_all(mirrors).await;
    }

    pub(crate) fn freshness(&self) -> Vec<Freshness> {
        let open = self.open.lock();
        let mirrors = open.values().filter_map(|place| match &place.kind {
            Kind::Mirror(mirror) => Some(mirror.freshness()),
            Kind::InPlace(_) => None,
        });
        mirrors.collect()
    }
}

fn cannot_clone(choice: &Choice, error: &Error) -> Problem {
    Problem::new("WS-1413", format!("repository `{}` cannot be cloned: {error}", choice.name()))
        .hint("clone-on-start: false starts without it")
}

/// `file:` names a repository that is used where it is; anything else is mirrored.
fn in_place_directory(uri: &str) -> Option<&Path> {
    let path = uri.strip_prefix("file:")?;
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => path,
    };
    Some(Path::new(path))
}

/// Directories that a search path names, each ending in `/`; stars stand for directories, in name order.
pub(crate) fn directories(files: &dyn Files, path: &str) -> Result<Vec<String>, Error> {
    let mut found = vec![String::new()];
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let mut next = Vec::new();
        for base in &found {
            let directory = base.trim_end_matches('/');
            if part == "**" {
                descend(files, directory, &mut next, 0)?;
            } else if part.contains(['*', '?']) {
                for name in files.directories(directory)?.unwrap_or_default() {
                    if wild(part, &name) {
                        next.push(format!("{base}{name}/"));
                    }
                }
            } else if files.directories(&format!("{base}{part}"))?.is_some() {
                next.push(format!("{base}{part}/"));
            }
        }
        found = next;
    }
    Ok(found)
}

/// The directory and all below it.
fn descend(files: &dyn Files, directory: &str, out: &mut Vec<String>, depth: usize) -> Result<(), Error> {
    let base = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    if !out.contains(&base) {
        out.push(base.clone());
    }
    if depth < 32 {
        for name in files.directories(directory)?.unwrap_or_default() {
            descend(files, &format!("{base}{name}"), out, depth + 1)?;
        }
    }
    Ok(())
}

/// `*` and `?` within one name.
fn wild(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let mut row = vec![false; name.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for p in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            let here = row.get(at).copied().unwrap_or(false);
            let before = at.checked_sub(1);
            let hit = match p {
                '*' => here || before.and_then(|b| next.get(b).copied()).unwrap_or(false),
                _ => {
                    before.is_some_and(|b| row.get(b) == Some(&true) && (p == '?' || name.get(b) == Some(&p)))
                }
            };
            if let Some(slot) = next.get_mut(at) {
                *slot = hit;
            }
        }
        row = next;
    }
    row.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(key: &str, pattern: &[&str]) -> Choice {
        let settings = Settings {
            uri: Some("https://x/{application}".into()),
            pattern: pattern.iter().map(|p| (*p).to_owned()).collect(),
            ..Settings::default()
        };
        Choice::new(Some(key), settings, None).unwrap()
    }

    #[test]
    fn clients_choose_no_host() {
        for (uri, name, wanted) in [
            ("https://x/{application}", "a", Some("https://x/a")),
            ("https://x/{application}.git", "team/a@b:c", Some("https://x/team/a@b:c.git")),
            ("git@x:{application}/c", "a", Some("git@x:a/c")),
            ("/srv/{application}.git", "a", Some("/srv/a.git")),
            ("file:///srv/{application}", "a", Some("file:///srv/a")),
            ("https://{application}/c", "x", None),
            ("https://{application}", "x", None),
            ("https://x:80{application}", "80@y/c", None),
            ("https://x{application}/c", ".evil.org", None),
            ("{application}", "https://y/c", None),
            ("git@{application}:c", "y", None),
            ("git@x:{application}", "--upload-pack=y", None),
            ("https://x/{application}", "a\r\nHost: y", None),
        ] {
            let settings = Settings { uri: Some(uri.into()), ..Settings::default() };
            let choice = Choice::new(Some("key"), settings, None).unwrap();
            let query = Query { name: name.to_owned(), profiles: "dev".to_owned(), ..Query::default() };
            assert_eq!(choice.uri(&query, None).ok().as_deref(), wanted, "{uri} {name}");
        }
    }

    #[test]
    fn patterns_are_compared_with_application_and_profiles() {
        for (pattern, name, profiles, expected) in [
            (&[][..], "simple", "dev", true),
            (&[], "simple2", "dev", false),
            (&["team-*/dev*"], "team-a", "dev", true),
            (&["team-*/dev*"], "team-a", "development", true),
            (&["team-*/dev*"], "team-a", "dev,x", true),
            (&["team-*/dev*"], "team-a", "prod,dev", false),
            (&["*/staging"], "any", "staging", true),
            (&["*/staging"], "any", "staging,x", true),
            (&["*/staging"], "any", "staging2", false),
            (&["a", "*-admin"], "db-admin", "prod", true),
        ] {
            assert_eq!(
                choice("simple", pattern).matches(name, profiles),
                expected,
                "{pattern:?} {name}/{profiles}"
            );
        }
    }

    #[test]
    fn wildcards_within_a_name() {
        for (pattern, name, expected) in [
            ("shared*", "shared-a", true),
            ("*a", "shared-a", true),
            ("s?ared", "shared", true),
            ("?", "", false),
            ("*", "", true),
            ("a*b*c", "axxbc", true),
            ("a*b", "ac", false),
        ] {
            assert_eq!(wild(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn only_file_uris_are_used_in_place() {
        assert_eq!(in_place_directory("file:///srv/x"), Some(Path::new("/srv/x")));
        assert_eq!(in_place_directory("file:/srv/x"), Some(Path::new("/srv/x")));
        assert_eq!(in_place_directory("/srv/x.git"), None);
        assert_eq!(in_place_directory("https://h/x"), None);
    }
}
