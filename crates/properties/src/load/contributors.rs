//! The documents in play and what they import: a forest whose order is the order of precedence.
//!
//! Below each document hang what it imports without a profile and what the profiles add to that. Walking a tree
//! gives the profiles' part first, then the plain part, then the document itself.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::files::{File, Location};
use super::profiles::Profiles;
use super::{Importer, config_tree};
use crate::profile::Expression;
use crate::relaxed::canonical;
use crate::{Environment, Origin, Problem, PropertySource, codes, flatten, yaml};

/// Imports that import each other end here.
const LIMIT: usize = 10_000;

pub(super) struct Contributors<'i> {
    above: Vec<PropertySource>,
    importers: Vec<&'i dyn Importer>,
    working: PathBuf,
    all: Vec<Contributor>,
    roots: Vec<usize>,
    loaded: HashSet<String>,
}

#[derive(Default)]
struct Contributor {
    source: Option<PropertySource>,
    /// Directory of the file it stands in.
    directory: Option<PathBuf>,
    on_profile: Option<Expression>,
    on_platform: Option<String>,
    /// Comes from an importer: its imports and profile settings do not count.
    foreign: bool,
    imports: Vec<Import>,
    without_profiles: Option<Vec<usize>>,
    with_profiles: Option<Vec<usize>>,
}

#[derive(Clone)]
struct Import {
    /// As written, placeholders and all; `;` separates locations that count as one.
    location: String,
    origin: Option<Origin>,
}

impl<'i> Contributors<'i> {
    pub(super) fn new(
        above: Vec<PropertySource>,
        importers: Vec<&'i dyn Importer>,
        working: PathBuf,
    ) -> Self {
        Self { above, importers, working, all: Vec::new(), roots: Vec::new(), loaded: HashSet::new() }
    }

    /// Sets up where to look first, highest precedence first, and the defaults below all.
    pub(super) fn start(&mut self, config: Option<&Path>, defaults: &[String]) -> Result<(), Problem> {
        let given = Environment::new(self.above.clone(), Vec::new());
        let list = |key: &str| given.get_as::<Vec<String>>(key).map(Option::unwrap_or_default);
        let mut locations: Vec<String> = Vec::new();
        match config {
            Some(path) if self.working.join(path).is_dir() => {
                let directory = path.display().to_string();
                let directory = directory.trim_end_matches('/');
                locations.push(format!("file:{directory}/;optional:file:{directory}/config/"));
            }
            Some(path) => locations.push(format!("file:{}", path.display())),
            None => locations.extend(list("spring.config.location")?),
        }
        if locations.is_empty() {
            locations.push("optional:file:./;optional:file:./config/;optional:file:./config/*/".to_owned());
        }
        locations.extend(list("spring.config.additional-location")?);
        locations.extend(list("spring.config.import")?);
        for location in locations.into_iter().rev() {
            let imports = vec![Import { location, origin: None }];
            self.roots.push(self.all.len());
            self.all.push(Contributor { imports, ..Contributor::default() });
        }
        for text in defaults.iter().rev() {
            for document in yaml::parse(text, "defaults")?.iter().rev() {
                let id =
                    self.add(PropertySource::new("defaults", flatten::document(document)), None, false)?;
                self.roots.push(id);
            }
        }
        Ok(())
    }

    /// Follows every import that can be followed now.
    pub(super) async fn import(&mut self, profiles: Option<&Profiles>) -> Result<(), Problem> {
        while let Some(id) = self.next(profiles) {
            let contributor = self.all.get(id);
            let imports = contributor.map(|c| c.imports.clone()).unwrap_or_default();
            let directory = contributor.and_then(|c| c.directory.clone());
            let mut children = Vec::new();
            for import in imports {
                let origin = import.origin.clone();
                let found = self.follow(&import, directory.as_deref(), profiles).await;
                children.extend(
                    found.map_err(
                        |problem| if problem.place.is_none() { problem.at(origin) } else { problem },
                    )?,
                );
            }
            children.reverse();
            if let Some(contributor) = self.all.get_mut(id) {
                match profiles {
                    None => contributor.without_profiles = Some(children),
                    Some(_) => contributor.with_profiles = Some(children),
                }
            }
            if self.all.len() > LIMIT {
                return Err(Problem::new(codes::IMPORT_FAILED, "imports do not come to an end"));
            }
        }
        Ok(())
    }

    fn next(&self, profiles: Option<&Profiles>) -> Option<usize> {
        let open = |id: &usize| {
            self.all.get(*id).is_some_and(|c| {
                let done = if profiles.is_none() { &c.without_profiles } else { &c.with_profiles };
                done.is_none() && !c.imports.is_empty() && self.is_active(c, profiles)
            })
        };
        self.order().into_iter().find(open)
    }

    /// What one import gives, lowest precedence first.
    async fn follow(
        &mut self,
        import: &Import,
        parent: Option<&Path>,
        profiles: Option<&Profiles>,
    ) -> Result<Vec<usize>, Problem> {
        let so_far = self.environment(profiles);
        let written =
            so_far.resolve(&import.location).map_err(|problem| problem.at(import.origin.clone()))?;
        let (optional, bare) =
            written.strip_prefix("optional:").map_or((false, written.as_str()), |rest| (true, rest));
        let scheme = bare.split_once(':').map(|(scheme, location)| (scheme, location.to_owned()));
        match scheme {
            Some(("configtree", location)) => self.config_tree(&location, optional),
            Some((scheme, location))
                if scheme != "file" && scheme.len() > 1 && !scheme.contains(['/', '.']) =>
            {
                self.foreign(scheme, &location, optional, &so_far, profiles).await
            }
            _ => self.files(&written, parent, &so_far, profiles),
        }
    }

    fn config_tree(&mut self, location: &str, optional: bool) -> Result<Vec<usize>, Problem> {
        if !self.loaded.insert(format!("configtree:{location}")) {
            return Ok(Vec::new());
        }
        let sources = config_tree::read(location, optional, &self.working)?;
        Ok(sources.into_iter().rev().map(|source| self.add_foreign(source)).collect())
    }

    async fn foreign(
        &mut self,
        scheme: &str,
        location: &str,
        optional: bool,
        so_far: &Environment,
        profiles: Option<&Profiles>,
    ) -> Result<Vec<usize>, Problem> {
        let Some(importer) = self.importers.iter().copied().find(|importer| importer.scheme() == scheme)
        else {
            let known: Vec<_> =
                self.importers.iter().map(|importer| format!("{}:", importer.scheme())).collect();
            let hint = format!("a file, a directory ending in /, configtree: {}", known.join(" "));
            return Err(Problem::new(codes::IMPORT_UNKNOWN, "nothing here can import this")
                .found(format!("{scheme}:{location}"))
                .hint(hint.trim()));
        };
        let mut rounds = vec![vec!["default".to_owned()]];
        rounds.extend(profiles.map(|profiles| profiles.active.clone()).filter(|active| !active.is_empty()));
        let mut ids = Vec::new();
        for round in rounds {
            if self.loaded.insert(format!("{scheme}:{location} {}", round.join(","))) {
                let sources = importer.import(location, optional, so_far, &round).await?;
                ids.extend(sources.into_iter().rev().map(|source| self.add_foreign(source)));
            }
        }
        Ok(ids)
    }

    fn files(
        &mut self,
        written: &str,
        parent: Option<&Path>,
        so_far: &Environment,
        profiles: Option<&Profiles>,
    ) -> Result<Vec<usize>, Problem> {
        let names = so_far.get_as::<Vec<String>>("spring.config.name")?.filter(|names| !names.is_empty());
        let names = names.unwrap_or_else(|| vec!["application".to_owned()]);
        let mut locations = Vec::new();
        for one in written.split(';').map(str::trim).filter(|one| !one.is_empty()) {
            locations.extend(Location::parse(one, &self.working, parent).expanded());
        }
        let mut files: Vec<(File, bool)> = Vec::new();
        for location in &locations {
            files.extend(location.files(&names, None)?.into_iter().map(|file| (file, false)));
            location.check()?;
        }
        for profile in profiles.map(Profiles::accepted).unwrap_or_default() {
            for location in &locations {
                files.extend(location.files(&names, Some(profile))?.into_iter().map(|file| (file, true)));
            }
        }
        let mut ids = Vec::new();
        for (file, by_profile) in files {
            if !self.loaded.insert(file.path.display().to_string()) {
                continue;
            }
            for document in file.documents()? {
                ids.push(self.add(document, file.path.parent(), by_profile)?);
            }
        }
        Ok(ids)
    }

    fn add_foreign(&mut self, source: PropertySource) -> usize {
        self.all.push(Contributor { source: Some(source), foreign: true, ..Contributor::default() });
        self.all.len() - 1
    }

    fn add(
        &mut self,
        source: PropertySource,
        directory: Option<&Path>,
        by_profile: bool,
    ) -> Result<usize, Problem> {
        let texts = |key: &str| listed(&source, key).into_iter().map(|(text, _)| text).collect::<Vec<_>>();
        let on_profile = texts("spring.config.activate.onprofile");
        let on_profile =
            if on_profile.is_empty() { None } else { Some(Expression::parse_list(&on_profile.join(","))) };
        let on_profile =
            on_profile.transpose().map_err(|p| p.at(place(&source, "spring.config.activate.onprofile")))?;
        check_profile_settings(&source, by_profile || on_profile.is_some())?;
        let contributor = Contributor {
            directory: directory.map(Path::to_owned),
            on_profile,
            on_platform: texts("spring.config.activate.oncloudplatform").pop(),
            imports: listed(&source, "spring.config.import")
                .into_iter()
                .map(|(location, origin)| Import { location, origin })
                .collect(),
            source: Some(source),
            ..Contributor::default()
        };
        self.all.push(contributor);
        Ok(self.all.len() - 1)
    }

    fn is_active(&self, contributor: &Contributor, profiles: Option<&Profiles>) -> bool {
        let profile = match (&contributor.on_profile, profiles) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(expression), Some(profiles)) => expression.matches(profiles.accepted()),
        };
        let platform = contributor
            .on_platform
            .as_ref()
            .is_none_or(|wanted| canonical(wanted) == canonical(&self.platform()));
        profile && platform
    }

    fn platform(&self) -> String {
        let given = Environment::new(self.above.clone(), Vec::new());
        if let Some(platform) = given.get("spring.main.cloud-platform") {
            return platform;
        }
        let has = |name: &str| {
            self.above.iter().any(|source| source.variables && source.entries.contains_key(name))
        };
        let kubernetes = has("KUBERNETES_SERVICE_HOST") && has("KUBERNETES_SERVICE_PORT");
        match (kubernetes, has("VCAP_APPLICATION") || has("VCAP_SERVICES"), has("DYNO")) {
            (_, true, _) => "cloud-foundry",
            (_, _, true) => "heroku",
            (true, _, _) => "kubernetes",
            _ => "none",
        }
        .to_owned()
    }

    /// The profiles that the given sources and our own files ask for; `include` adds up where other settings replace.
    pub(super) fn profiles(&self) -> Result<Profiles, Problem> {
        let env = self.gathered(None, false);
        let lists = env.sources().iter().flat_map(|source| listed(source, "spring.profiles.include"));
        let included: Result<Vec<_>, _> =
            lists.map(|(text, origin)| env.resolve(&text).map_err(|problem| problem.at(origin))).collect();
        Profiles::of(&env, &included?)
    }

    /// Everything that is active by now.
    pub(super) fn environment(&self, profiles: Option<&Profiles>) -> Environment {
        self.gathered(profiles, true)
    }

    fn gathered(&self, profiles: Option<&Profiles>, foreign: bool) -> Environment {
        let documents = self.order().into_iter().filter_map(|id| self.all.get(id));
        let documents = documents.filter(|c| (foreign || !c.foreign) && self.is_active(c, profiles));
        let active = profiles.map(|profiles| profiles.active.clone()).unwrap_or_default();
        let sources = self.above.iter().cloned().chain(documents.filter_map(|c| c.source.clone()));
        Environment::new(sources.collect(), active)
    }

    /// All contributors, highest precedence first.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.all.len());
        let mut stack: Vec<(usize, bool)> = self.roots.iter().rev().map(|id| (*id, false)).collect();
        while let Some((id, children_done)) = stack.pop() {
            let Some(contributor) = self.all.get(id) else { continue };
            if children_done {
                order.push(id);
                continue;
            }
            stack.push((id, true));
            let children = [&contributor.without_profiles, &contributor.with_profiles];
            for child in children.into_iter().flatten().flat_map(|ids| ids.iter().rev()) {
                stack.push((*child, false));
            }
        }
        order
    }
}

/// A list setting of one source: a comma text, or `key[0]`, `key[1]` …
fn listed(source: &PropertySource, wanted: &str) -> Vec<(String, Option<Origin>)> {
    let mut out = Vec::new();
    for (key, entry) in &source.entries {
        let key =
            if source.variables { crate::relaxed::canonical_variable(key).into() } else { canonical(key) };
        let Some(rest) = key.strip_prefix(wanted) else { continue };
        let index = rest
            .strip_prefix('.')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
        if rest.is_empty() || index {
            let text = entry.value.to_string();
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            out.extend(items.map(|item| (item.to_owned(), entry.origin.clone())));
        }
    }
    out
}

fn place(source: &PropertySource, wanted: &str) -> Option<Origin> {
    source
        .entries
        .iter()
        .find(|(key, _)| canonical(key).starts_with(wanted))
        .and_then(|(_, entry)| entry.origin.clone())
}

/// Profiles are not chosen where a profile chooses; and the key of old is refused.
fn check_profile_settings(source: &PropertySource, by_profile: bool) -> Result<(), Problem> {
    for (key, entry) in &source.entries {
        let Some(rest) = canonical(key).strip_prefix("spring.profiles").map(str::to_owned) else { continue };
        let setting = rest.split('.').nth(1).unwrap_or_default().to_owned();
        if rest.is_empty() || setting.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Problem::new(codes::PROFILE_SETTING, format!("{key} is not read any more"))
                .at(entry.origin.clone())
                .hint("spring.config.activate.on-profile"));
        }
        if by_profile && matches!(setting.as_str(), "active" | "default" | "include" | "group") {
            return Err(Problem::new(
                codes::PROFILE_SETTING,
                format!("{key} may not stand in a document that a profile chooses"),
            )
            .at(entry.origin.clone())
            .hint("the setting in a document without profile"));
        }
    }
    Ok(())
}
