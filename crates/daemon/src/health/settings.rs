//! `management.endpoint.health.*` and `management.health.*`.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use super::Status;

/// Who sees something. Without a login, `when-authorized` shows it to nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Show {
    #[default]
    Never,
    #[serde(alias = "when_authorized")]
    WhenAuthorized,
    Always,
}

impl Show {
    pub(crate) fn allows(self, authorized: bool) -> bool {
        self == Self::Always || (self == Self::WhenAuthorized && authorized)
    }
}

/// `management.endpoint.health`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) show_details: Show,
    /// Follows `show-details` when absent.
    pub(crate) show_components: Option<Show>,
    pub(crate) status: StatusSettings,
    pub(crate) group: IndexMap<String, Group>,
    pub(crate) probes: Probes,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct StatusSettings {
    pub(crate) order: Vec<String>,
    pub(crate) http_mapping: BTreeMap<String, u16>,
}

/// `management.endpoint.health.probes`: liveness and readiness groups.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Probes {
    /// Default: on in Kubernetes.
    pub(crate) enabled: Option<bool>,
    /// `/livez` and `/readyz` on the main port.
    pub(crate) add_additional_paths: bool,
}

/// `management.endpoint.health.group.NAME`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Group {
    pub(crate) include: Vec<String>,
    pub(crate) exclude: Vec<String>,
    pub(crate) show_details: Option<Show>,
    pub(crate) show_components: Option<Show>,
    pub(crate) status: StatusSettings,
    /// `server:/path` or `management:/path`.
    pub(crate) additional_path: Option<String>,
}

impl Group {
    /// A component, by its name or by a parent's (`a/b` is within `a`).
    pub(crate) fn admits(&self, name: &str) -> bool {
        let names = |list: &[String]| {
            list.iter()
                .any(|entry| entry == "*" || entry.split('/').next().is_some_and(|first| first == name))
        };
        names(&self.include) && !names(&self.exclude)
    }
}

impl StatusSettings {
    pub(crate) fn order(&self) -> Vec<Status> {
        if self.order.is_empty() {
            Status::default_order().to_vec()
        } else {
            self.order.iter().map(|text| Status::parse(text)).collect()
        }
    }

    /// Any mapping of one's own switches the default ones off, as in the original.
    pub(crate) fn http(&self, status: &Status) -> u16 {
        let uniform = |text: &str| -> String {
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
        };
        if self.http_mapping.is_empty() {
            let unavailable = *status == Status::DOWN || *status == Status::OUT_OF_SERVICE;
            return if unavailable { 503 } else { 200 };
        }
        let wanted = uniform(status.as_str());
        self.http_mapping.iter().find(|(name, _)| uniform(name) == wanted).map_or(200, |(_, code)| *code)
    }
}
