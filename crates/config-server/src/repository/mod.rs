//! Where configuration is kept. A kind of backend is a file here and a line in [`KINDS`].

pub(crate) mod composite;
pub(crate) mod git;
#[cfg(feature = "jdbc")]
mod jdbc;
pub(crate) mod native;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "svn")]
mod svn;
#[cfg(feature = "vault")]
mod vault;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use wellspring_daemon::Context;
use wellspring_properties::{Environment, Problem};
use wellspring_wire::Millis;

use crate::config::{Secret, Settings};
use crate::error::Error;
use crate::news::News;
use crate::pins::Pins;
use crate::policy::Policy;
use crate::sources::documents::Documents;
use crate::sources::search::{Location, Source};
use git::gate::Rejected;

/// Whose configuration is asked for. Names are percent-decoded, `(_)` is replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Query {
    /// A comma list.
    pub(crate) name: String,
    /// A comma list.
    pub(crate) profiles: String,
    /// A comma list; `None`: the backend's default.
    pub(crate) label: Option<String>,
    /// `X-Config-Token` of this very request, for backends that ask a store in the client's name.
    pub(crate) token: Option<Secret>,
}

/// What a backend has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) version: Option<String>,
    pub(crate) state: Option<String>,
    /// Highest precedence first.
    pub(crate) sources: Vec<Source>,
    /// The newer commit that is not served because it does not parse.
    pub(crate) rejected: Option<String>,
    /// Since when the remote does not answer, so that there may be newer commits.
    pub(crate) stale_since: Option<Millis>,
}

/// What is known about a copy of a remote.
#[derive(Debug, Clone)]
pub(crate) struct Freshness {
    /// Without user and password.
    pub(crate) uri: String,
    pub(crate) last_fetch: Option<Millis>,
    pub(crate) failing_since: Option<Millis>,
    pub(crate) error: Option<String>,
    /// Branches and tags whose newest commit is not served, and why.
    pub(crate) rejected: Vec<(String, Rejected)>,
    /// Where the copy is kept.
    pub(crate) directory: PathBuf,
}

pub(crate) trait Repository: fmt::Debug + Send + Sync {
    fn find<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, Error>>;

    /// Where plain text files are looked for; empty for backends without files.
    fn locations<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Location>, Error>>;

    /// What has to be there before the first request. An error stops the start.
    fn start(&self) -> BoxFuture<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    /// Something may have changed: look now. Ends when the news are in.
    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// The commit that would be answered, without asking a remote or reading a file; `None`: unknown.
    fn version(&self, _query: &Query) -> Option<String> {
        None
    }

    /// Git repositories among them, which have a history.
    fn repositories(&self) -> Vec<&git::Git> {
        Vec::new()
    }

    /// Whether it holds files that are served as text. Without any there is no such endpoint.
    fn has_files(&self) -> bool {
        true
    }

    /// How up to date copies of remotes are.
    fn freshness(&self) -> Vec<Freshness> {
        Vec::new()
    }
}

/// What backends are built from.
pub(crate) struct Parts<'a> {
    pub(crate) context: &'a Context,
    pub(crate) settings: &'a Settings,
    pub(crate) documents: Arc<Documents>,
    /// Directories of all Git repositories.
    pub(crate) directories: Arc<git::store::Directories>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) pins: Arc<Pins>,
    pub(crate) news: News,
    /// The backend's own keys stand below this prefix.
    pub(crate) prefix: String,
}

impl Parts<'_> {
    pub(crate) fn env(&self) -> &Environment {
        &self.context.env
    }
}

/// Settings of a backend; keys that nothing reads are told in the log.
#[cfg(any(feature = "redis", feature = "jdbc", feature = "vault", feature = "svn"))]
fn settings<T: serde::de::DeserializeOwned>(parts: &Parts<'_>) -> Result<T, Problem> {
    let (settings, unknown) = parts.env().bind_checked(&parts.prefix);
    for problem in unknown {
        tracing::warn!("{}", problem.line());
    }
    settings
}

type Build = fn(&Parts<'_>) -> Result<Arc<dyn Repository>, Problem>;

/// A kind of backend.
struct Kind {
    /// In `composite[].type`, and where its settings stand.
    name: &'static str,
    /// The profile that switches it on.
    profile: &'static str,
    /// Place among the active ones when the settings give none.
    order: i32,
    build: Build,
}

/// Those of equal order stand as they are listed here, which is the original's order.
const KINDS: &[Kind] = &[
    #[cfg(feature = "jdbc")]
    Kind { name: "jdbc", profile: "jdbc", order: i32::MAX - 10, build: jdbc::build },
    #[cfg(feature = "vault")]
    Kind { name: "vault", profile: "vault", order: i32::MAX, build: vault::build },
    #[cfg(feature = "svn")]
    Kind { name: "svn", profile: "subversion", order: i32::MAX, build: svn::build },
    Kind { name: "native", profile: "native", order: i32::MAX, build: native::build },
    Kind { name: "git", profile: "git", order: i32::MAX, build: git::build },
    #[cfg(feature = "redis")]
    Kind { name: "redis", profile: "redis", order: i32::MAX, build: redis::build },
];

/// The backend that the settings name: `composite`, the active profiles, else git.
pub(crate) fn build(
    context: &Context,
    settings: &Settings,
    documents: &Arc<Documents>,
    (policy, pins, news): (&Arc<Policy>, &Arc<Pins>, &News),
) -> Result<Arc<dyn Repository>, Problem> {
    let directories = git::store::directories();
    let parts = |prefix: String| Parts {
        context,
        settings,
        documents: Arc::clone(documents),
        directories: Arc::clone(&directories),
        policy: Arc::clone(policy),
        pins: Arc::clone(pins),
        news: news.clone(),
        prefix,
    };
    let top = "spring.cloud.config.server";
    let active = context.env.active_profiles();
    let mut members: Vec<Arc<dyn Repository>> = Vec::new();
    if active.iter().any(|profile| profile == "composite") || !settings.composite.is_empty() {
        for (at, backend) in settings.composite.iter().enumerate() {
            let prefix = format!("{top}.composite[{at}]");
            let build = kind(&backend.kind).ok_or_else(|| unknown(context, &prefix, &backend.kind))?;
            members.push(build(&parts(prefix))?);
        }
    } else {
        let mut ranked = Vec::new();
        for kind in KINDS.iter().filter(|kind| active.iter().any(|profile| profile == kind.profile)) {
            let prefix = format!("{top}.{}", kind.name);
            if context.env.get_as::<bool>(&format!("{prefix}.enabled"))? == Some(false) {
                continue;
            }
            let order: Option<i32> = context.env.get_as(&format!("{prefix}.order"))?;
            ranked.push((order.unwrap_or(kind.order), kind.build, prefix));
        }
        ranked.sort_by_key(|(order, ..)| *order);
        for (_, build, prefix) in ranked {
            members.push(build(&parts(prefix))?);
        }
        if members.is_empty() {
            members.push(git::build(&parts(format!("{top}.git")))?);
        }
    }
    match <[_; 1]>::try_from(members) {
        Ok([one]) => Ok(one),
        Err(members) => Ok(Arc::new(composite::Composite::new(members, settings.fail_on_composite_error))),
    }
}

fn kind(name: &str) -> Option<Build> {
    KINDS.iter().find(|kind| kind.name == name).map(|kind| kind.build)
}

fn unknown(context: &Context, prefix: &str, found: &str) -> Problem {
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    Problem::new("WS-1410", format!("{prefix}.type is no kind of backend that this server has"))
        .at(context.env.origin(&format!("{prefix}.type")))
        .found(found)
        .hint(known.join(", "))
}

impl Query {
    /// With the token that the client sends along.
    pub(crate) fn asked_by(mut self, headers: &http::HeaderMap) -> Self {
        let token = headers.get("x-config-token").and_then(|value| value.to_str().ok());
        self.token = token.filter(|token| !token.is_empty()).map(|token| Secret(token.to_owned()));
        self
    }

    pub(crate) fn applications(&self) -> Vec<&str> {
        list(&self.name)
    }

    pub(crate) fn profiles(&self) -> Vec<&str> {
        list(&self.profiles)
    }

    /// A profile that Spring Boot refuses: other characters than letters, digits and `-_.+@`, or one of these at an end.
    pub(crate) fn invalid_profile(&self) -> Option<&str> {
        self.profiles().into_iter().find(|profile| {
            let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '@');
            let ends = [profile.chars().next(), profile.chars().next_back()];
            !profile.chars().all(allowed) || ends.into_iter().flatten().any(|c| !c.is_alphanumeric())
        })
    }
}

fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).collect()
}

/// `{application}`, `{profile}` and `{label}` replaced, for each profile and application.
pub(crate) fn expand(text: &str, query: &Query, label: Option<&str>) -> Vec<String> {
    if !text.contains('{') {
        return vec![text.to_owned()];
    }
    let mut out: Vec<String> = Vec::new();
    for profile in query.profiles() {
        for application in query.applications() {
            let mut value = text.replace("{application}", application).replace("{profile}", profile);
            if let Some(label) = label {
                value = value.replace("{label}", label);
            }
            if !out.contains(&value) {
                out.push(value);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, profiles: &str) -> Query {
        Query { name: name.into(), profiles: profiles.into(), ..Query::default() }
    }

    #[test]
    fn placeholders_are_replaced_for_each_profile_and_application() {
        assert_eq!(
            expand("x/{profile}/{application}", &query("a,b", "p,q"), None),
            ["x/p/a", "x/p/b", "x/q/a", "x/q/b"]
        );
        assert_eq!(expand("{label}/x", &query("a,b", "p"), Some("main")), ["main/x"]);
        assert_eq!(expand("plain", &query("a,b", "p,q"), None), ["plain"]);
    }

    #[test]
    fn profiles_that_spring_boot_refuses() {
        for good in ["dev", "dev,prod", "a-b.c+d@e_f", "1", "größe"] {
            assert_eq!(query("a", good).invalid_profile(), None, "{good}");
        }
        for bad in ["-dev", "dev-", "..%2f..%2fetc", "file:x", "a#b", "dev,b/c", "../x"] {
            assert!(query("a", bad).invalid_profile().is_some(), "{bad}");
        }
    }
}
