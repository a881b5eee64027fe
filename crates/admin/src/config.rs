//! Configuration as the operator sees it: who fetched what, what changed between commits, which label is pinned.
//!
//! The config server fills it in; the API only asks.

use futures_util::future::BoxFuture;
use serde_json::Value;
use wellspring_wire::Millis;

use crate::Service;
pub use crate::denied::Denied;
use crate::schema::view;

/// The config server of this process.
pub trait Configs: Send + Sync + 'static {
    /// Its name, for events.
    fn daemon(&self) -> String;
    /// Clients with what they fetched, joined with what is registered.
    fn drift(&self, registered: Vec<Service>) -> BoxFuture<'_, Result<Vec<ConfigClient>, Denied>>;
    fn history(&self, wanted: Wanted, limit: usize) -> BoxFuture<'_, Result<History, Denied>>;
    /// Effective values of `from` and `to`, which are labels.
    fn diff(&self, wanted: Wanted, from: String, to: String) -> BoxFuture<'_, Result<Diff, Denied>>;
    fn effective(&self, wanted: Wanted) -> BoxFuture<'_, Result<Effective, Denied>>;
    fn repositories(&self) -> Vec<ConfigRepository>;
    fn pins(&self) -> Vec<Pin>;
    fn pin(&self, order: PinOrder) -> BoxFuture<'_, Result<Pin, Denied>>;
    /// The value as it may stand in a repository.
    fn encrypt(&self, value: &str) -> Result<String, Denied>;
    /// What an encrypted value is, with `{cipher}` in front or without.
    fn decrypt(&self, value: &str) -> Result<String, Denied>;
    fn unpin(&self, order: PinOrder) -> BoxFuture<'_, Result<Pin, Denied>>;
}

/// Whose configuration is meant.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Empty: all applications, where that has a meaning.
    pub application: String,
    /// Empty: `default`.
    pub profile: String,
    pub label: Option<String>,
    /// Only of histories: commits older than this one.
    pub before: Option<String>,
}

view! {
    /// A client of the config server, or a registered instance that should be one.
    pub struct ConfigClient {
        /// The application name that was asked for; a service's name when nothing was.
        application: String,
        /// The profiles that were asked for.
        profile: String,
        /// The label that was asked for, if one was.
        label: Option<String>,
        /// Where the request came from.
        address: Option<String>,
        /// The commit that was answered.
        version: Option<String>,
        /// The commit that would be answered now.
        served: Option<String>,
        /// current, behind (it has an older commit), never (registered, fetched nothing), unknown (nothing to compare).
        state: String,
        /// When it last fetched.
        fetched_at: Option<Millis>,
        /// How often it did.
        fetches: u64,
        /// The registered instance that this is, if one has this name and address.
        instance: Option<String>,
        /// That instance's status.
        status: Option<String>,
    }
}

view! {
    /// What a label has served.
    pub struct History {
        /// Address of the repository, without credentials.
        repository: String,
        /// The label that is meant.
        label: String,
        /// The commit that is served.
        served: String,
        /// Why it is not simply the newest.
        pin: Option<Pin>,
        /// A newer commit that was refused.
        rejected: Option<RejectedCommit>,
        /// Newest first.
        items: Vec<ConfigCommit>,
        /// The `before` of the next, older page, if there is one.
        next: Option<String>,
    }
}

view! {
    /// One commit.
    pub struct ConfigCommit {
        /// Its id.
        id: String,
        /// When it was committed.
        at: Millis,
        /// By whom.
        author: String,
        /// First line of its message.
        message: String,
        /// It is the one that is served.
        served: bool,
        /// Files of the application that it changed.
        files: Vec<String>,
    }
}

view! {
    /// A commit that is not served.
    pub struct RejectedCommit {
        /// Branch or tag.
        label: String,
        /// Its id.
        commit: String,
        /// What is served in its place.
        serving: String,
        /// What is wrong with it, each with file, line and column.
        problems: Vec<String>,
        /// When it was seen first.
        at: Millis,
    }
}

view! {
    /// Effective values of two commits, where they differ.
    pub struct Diff {
        /// Whose values.
        application: String,
        /// With which profiles.
        profile: String,
        /// The commit before.
        from: String,
        /// The commit after.
        to: String,
        /// By key.
        items: Vec<Change>,
    }
}

view! {
    /// A key whose effective value differs.
    pub struct Change {
        /// The property.
        key: String,
        /// added, removed, changed.
        kind: String,
        /// What it was.
        from: Option<Valued>,
        /// What it is.
        to: Option<Valued>,
    }
}

view! {
    /// A value and where it stands.
    pub struct Valued {
        /// The value; `******` for secrets.
        value: Value,
        /// It is a secret and not shown.
        secret: bool,
        /// Name of the property source.
        source: String,
        /// Line and column in the file, if it stands in one.
        origin: Option<String>,
    }
}

view! {
    /// Effective values of an environment.
    pub struct Effective {
        /// Whose values.
        application: String,
        /// With which profiles.
        profile: String,
        /// The label that was asked for.
        label: Option<String>,
        /// The commit.
        version: Option<String>,
        /// By key.
        items: Vec<Property>,
    }
}

view! {
    /// One effective value.
    pub struct Property {
        /// The property.
        key: String,
        /// The value; `******` for secrets.
        value: Value,
        /// It is a secret and not shown.
        secret: bool,
        /// Name of the property source.
        source: String,
        /// Line and column in the file, if it stands in one.
        origin: Option<String>,
    }
}

view! {
    /// A repository and how fresh its copy is.
    pub struct ConfigRepository {
        /// Address, without credentials.
        uri: String,
        /// Last good fetch.
        last_fetch: Option<Millis>,
        /// Since when fetches fail; what is served is as old as the last good one.
        failing_since: Option<Millis>,
        /// Why they fail.
        error: Option<String>,
        /// Commits that were refused.
        rejected: Vec<RejectedCommit>,
        /// Bytes of the mirror on disk.
        bytes: u64,
    }
}

view! {
    /// A label that is held at a commit.
    pub struct Pin {
        /// Address of the repository, without credentials.
        repository: String,
        /// Branch or tag.
        label: String,
        /// What it is held at.
        commit: String,
        /// Who did it.
        actor: String,
        /// Why.
        reason: Option<String>,
        /// When.
        at: Millis,
        /// It outlives a restart.
        persistent: bool,
    }
}

view! {
    /// What is to be pinned, or set free.
    pub struct PinOrder {
        /// Branch or tag; the default label without one.
        label: Option<String>,
        /// Commit id, tag, branch, or `label~1`. Not used to set free.
        commit: Option<String>,
        /// Address of the repository, without credentials; the default repository without one.
        repository: Option<String>,
        /// Who does it: whoever is signed in, whatever is written here.
        actor: Option<String>,
        /// Why.
        reason: Option<String>,
    }
}
