//! `spring.cloud.config.server.*`, in the original's names and with its defaults.

use std::collections::HashMap;
use std::fmt;

use indexmap::IndexMap;
use serde::de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use tracing::warn;
use wellspring_properties::{Environment, Problem};

/// Below `spring.cloud.config.server`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// Path before all endpoints but `/monitor` and the actuator.
    pub prefix: String,
    /// Label when none is asked for; wins over that of a backend.
    pub default_label: Option<String>,
    /// Values above everything else.
    pub overrides: IndexMap<String, String>,
    /// `false`: an environment without any source is 404.
    pub accept_empty: bool,
    pub strip_document_from_yaml: bool,
    /// `false`: a failing backend of a composite is left out.
    pub fail_on_composite_error: bool,
    /// Plain text files: the last location first.
    pub reverse_location_order: bool,
    pub default_application_name: String,
    pub default_profile: String,
    pub encrypt: EncryptSwitches,
    /// `false`: every path is 404, but for the actuator.
    pub enabled: bool,
    /// The original can read its own settings from what it serves. Not done here.
    pub bootstrap: bool,
    pub git: Git,
    pub native: Native,
    /// Bound by the backends themselves, with what they do not know told by them.
    pub redis: IgnoredAny,
    pub jdbc: IgnoredAny,
    pub vault: IgnoredAny,
    pub svn: IgnoredAny,
    /// `monitor.<sender>.enabled`, which the bus crate reads.
    pub monitor: IgnoredAny,
    pub composite: Vec<Backend>,
    pub health: Health,
}

/// `encrypt.*` of the server: what is done, not with which key.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct EncryptSwitches {
    pub enabled: bool,
    pub plain_text_encrypt: bool,
    pub prefix_invalid_properties: bool,
}

/// `health.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Health {
    pub enabled: bool,
    /// By name; one `app` with profile `default` when empty.
    pub repositories: IndexMap<String, HealthRepository>,
    pub down_health_status: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct HealthRepository {
    pub name: Option<String>,
    pub profiles: Option<String>,
    pub label: Option<String>,
}

/// An entry of `composite`: the kind, and that kind's own keys.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Backend {
    #[serde(rename = "type")]
    pub kind: String,
}

/// `native.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Native {
    pub search_locations: Vec<String>,
    pub add_label_locations: bool,
    pub default_label: String,
    pub version: Option<String>,
    pub fail_on_error: bool,
    pub order: Option<i32>,
}

/// `git.*`, and each of `git.repos.*` with its own defaults taken from the former.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Git {
    pub uri: Option<String>,
    /// Where the mirror is kept; a fresh temporary directory by default.
    pub basedir: Option<String>,
    pub default_label: Option<String>,
    pub try_master_branch: bool,
    /// Seconds between fetches; 0: for each request, below 0: never again.
    pub refresh_rate: Option<i64>,
    /// Seconds without a byte from the remote.
    pub timeout: Option<u64>,
    pub clone_on_start: bool,
    pub clone_submodules: bool,
    pub force_pull: bool,
    pub delete_untracked_branches: bool,
    pub continue_on_multiple_label_failure: bool,
    pub search_paths: Vec<String>,
    /// Only of `repos.*`: `app/profile` with stars.
    pub pattern: Vec<String>,
    pub repos: IndexMap<String, Repo>,
    pub order: Option<i32>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub passphrase: Option<Secret>,
    pub private_key: Option<Secret>,
    pub host_key: Option<String>,
    pub host_key_algorithm: Option<String>,
    pub known_hosts_file: Option<String>,
    pub preferred_authentications: Option<String>,
    pub ignore_local_ssh_settings: bool,
    pub strict_host_key_checking: bool,
    pub skip_ssl_validation: bool,
    /// By scheme, `http` and `https`.
    pub proxy: HashMap<String, Proxy>,
}

/// A value that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

/// `proxy.http`, `proxy.https`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Proxy {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Hosts that are asked directly, divided by `|`.
    pub non_proxy_hosts: Option<String>,
}

/// `repos.<key>`: settings, or just the uri.
#[derive(Debug, Clone, Default)]
pub struct Repo(pub Git);

impl<'de> Deserialize<'de> for Repo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UriOrSettings;
        impl<'de> Visitor<'de> for UriOrSettings {
            type Value = Repo;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the uri of a repository, or its settings")
            }
            fn visit_str<E>(self, uri: &str) -> Result<Repo, E> {
                Ok(Repo(Git { uri: Some(uri.to_owned()), ..Git::default() }))
            }
            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Repo, M::Error> {
                Git::deserialize(MapAccessDeserializer::new(map)).map(Repo)
            }
        }
        deserializer.deserialize_any(UriOrSettings)
    }
}

fn bound(env: &Environment) -> (Result<Settings, Problem>, Vec<Problem>) {
    let (settings, mut unknown) = env.bind_checked::<Settings>("spring.cloud.config.server");
    // Entries of a composite have the keys of their kind, which checks them itself.
    unknown.retain(|problem| !problem.message.contains(".composite["));
    (settings, unknown)
}

/// What is wrong, or without effect, below the server's prefix; for a file that is checked, not run.
pub fn check(env: &Environment) -> Vec<Problem> {
    let (settings, mut problems) = bound(env);
    problems.extend(settings.err());
    problems.extend(crate::policy::Policy::check(env));
    problems
}

/// The server's settings; keys that nothing reads are told in the log.
pub(crate) fn settings(env: &Environment) -> Result<Settings, Problem> {
    let (settings, unknown) = bound(env);
    for problem in unknown {
        warn!("{}", problem.line());
    }
    if settings.as_ref().is_ok_and(|settings| settings.bootstrap) {
        warn!(
            "spring.cloud.config.server.bootstrap has no effect: settings are read before anything is served"
        );
    }
    settings
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            default_label: None,
            overrides: IndexMap::new(),
            accept_empty: true,
            strip_document_from_yaml: true,
            fail_on_composite_error: true,
            reverse_location_order: false,
            default_application_name: "application".to_owned(),
            default_profile: "default".to_owned(),
            encrypt: EncryptSwitches::default(),
            enabled: true,
            bootstrap: false,
            git: Git::default(),
            monitor: IgnoredAny,
            native: Native::default(),
            redis: IgnoredAny,
            jdbc: IgnoredAny,
            vault: IgnoredAny,
            svn: IgnoredAny,
            composite: Vec::new(),
            health: Health::default(),
        }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self { enabled: true, repositories: IndexMap::new(), down_health_status: None }
    }
}

impl Default for EncryptSwitches {
    fn default() -> Self {
        Self { enabled: true, plain_text_encrypt: false, prefix_invalid_properties: true }
    }
}

impl Default for Native {
    fn default() -> Self {
        Self {
            search_locations: Vec::new(),
            add_label_locations: true,
            default_label: "master".to_owned(),
            version: None,
            fail_on_error: false,
            order: None,
        }
    }
}

impl Default for Git {
    fn default() -> Self {
        Self {
            uri: None,
            basedir: None,
            default_label: None,
            try_master_branch: true,
            refresh_rate: None,
            timeout: None,
            clone_on_start: false,
            clone_submodules: false,
            force_pull: false,
            delete_untracked_branches: false,
            continue_on_multiple_label_failure: false,
            search_paths: Vec::new(),
            pattern: Vec::new(),
            repos: IndexMap::new(),
            order: None,
            username: None,
            password: None,
            passphrase: None,
            private_key: None,
            host_key: None,
            host_key_algorithm: None,
            known_hosts_file: None,
            preferred_authentications: None,
            ignore_local_ssh_settings: false,
            strict_host_key_checking: true,
            skip_ssl_validation: false,
            proxy: HashMap::new(),
        }
    }
}

impl Git {
    /// An entry of `repos` with what it inherits.
    pub(crate) fn inherit(mut self, top: &Self) -> Self {
        if self.username.is_none() {
            self.username.clone_from(&top.username);
            self.password.clone_from(&top.password);
        }
        fn or<T: Clone>(own: &mut Option<T>, inherited: Option<&T>) {
            if own.is_none() {
                *own = inherited.cloned();
            }
        }
        or(&mut self.passphrase, top.passphrase.as_ref());
        or(&mut self.private_key, top.private_key.as_ref());
        or(&mut self.host_key, top.host_key.as_ref());
        or(&mut self.host_key_algorithm, top.host_key_algorithm.as_ref());
        or(&mut self.known_hosts_file, top.known_hosts_file.as_ref());
        or(&mut self.preferred_authentications, top.preferred_authentications.as_ref());
        or(&mut self.default_label, top.default_label.as_ref());
        // Zero counts as not set, as in the original.
        self.refresh_rate = self.refresh_rate.filter(|rate| *rate != 0).or(top.refresh_rate);
        self.timeout = self.timeout.filter(|timeout| *timeout != 0).or(top.timeout);
        self.ignore_local_ssh_settings |= top.ignore_local_ssh_settings;
        self.strict_host_key_checking &= top.strict_host_key_checking;
        self.skip_ssl_validation |= top.skip_ssl_validation;
        if self.proxy.is_empty() {
            self.proxy.clone_from(&top.proxy);
        }
        self
    }
}
