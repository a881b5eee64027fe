//! Which resource a path names. The same paths below `/eureka/` and `/eureka/v2/`; one trailing slash is tolerated.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use percent_encoding::percent_decode_str;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    Apps,
    Delta,
    App(Cow<'a, str>),
    Instance {
        app: Cow<'a, str>,
        id: Cow<'a, str>,
    },
    Override {
        app: Cow<'a, str>,
        id: Cow<'a, str>,
    },
    Metadata {
        app: Cow<'a, str>,
        id: Cow<'a, str>,
    },
    ById(Cow<'a, str>),
    Vip(Cow<'a, str>),
    SecureVip(Cow<'a, str>),
    Batch,
    Asg,
    Status,
    /// Ours: changes as they happen.
    Watch,
    /// Ours: one number per application.
    Digest,
    /// Ours: one line per instance.
    Lines(Cow<'a, str>),
}

impl<'a> Resource<'a> {
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let below = path.strip_prefix("/eureka/")?;
        let below = below.strip_prefix("v2/").unwrap_or(below);
        let below = below.strip_suffix('/').unwrap_or(below);
        let mut segments = below.split('/');
        let mut next = || segments.next();
        let resource = match (next()?, next(), next(), next()) {
            ("apps", None, ..) => Self::Apps,
            ("apps", Some("delta"), None, _) => Self::Delta,
            ("apps", Some(app), None, _) => Self::App(upper(text(app)?)),
            ("apps", Some(app), Some(id), None) => Self::Instance { app: upper(text(app)?), id: text(id)? },
            ("apps", Some(app), Some(id), Some("status")) => {
                Self::Override { app: upper(text(app)?), id: text(id)? }
            }
            ("apps", Some(app), Some(id), Some("metadata")) => {
                Self::Metadata { app: upper(text(app)?), id: text(id)? }
            }
            ("instances", Some(id), None, _) => Self::ById(text(id)?),
            ("vips", Some(vip), None, _) => Self::Vip(text(vip)?),
            ("svips", Some(vip), None, _) => Self::SecureVip(text(vip)?),
            ("peerreplication", Some("batch"), None, _) => Self::Batch,
            ("asg", Some(_), Some("status"), None) => Self::Asg,
            ("status", None, ..) => Self::Status,
            ("watch", None, ..) => Self::Watch,
            ("digest", None, ..) => Self::Digest,
            ("digest", Some(app), None, _) => Self::Lines(upper(text(app)?)),
            _ => return None,
        };
        next().is_none().then_some(resource)
    }

    /// The application that a change of the resource changes.
    pub(super) fn app(&self) -> Option<&str> {
        match self {
            Self::App(app)
            | Self::Instance { app, .. }
            | Self::Override { app, .. }
            | Self::Metadata { app, .. } => Some(app),
            _ => None,
        }
    }

    /// What the resource answers to; HEAD and OPTIONS come on top.
    pub(super) fn allows(&self, method: &Method) -> bool {
        match self {
            Self::App(_) => matches!(*method, Method::GET | Method::POST),
            Self::Instance { .. } => matches!(*method, Method::GET | Method::PUT | Method::DELETE),
            Self::Override { .. } => matches!(*method, Method::PUT | Method::DELETE),
            Self::Metadata { .. } | Self::Asg => *method == Method::PUT,
            Self::Batch => *method == Method::POST,
            _ => *method == Method::GET,
        }
    }

    /// The `Allow` header.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::App(_) => "GET,HEAD,OPTIONS,POST",
            Self::Instance { .. } => "DELETE,GET,HEAD,OPTIONS,PUT",
            Self::Override { .. } => "DELETE,OPTIONS,PUT",
            Self::Metadata { .. } | Self::Asg => "OPTIONS,PUT",
            Self::Batch => "OPTIONS,POST",
            _ => "GET,HEAD,OPTIONS",
        }
    }

    /// Its place among the templates.
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Apps => 0,
            Self::Delta => 1,
            Self::App(_) => 2,
            Self::Instance { .. } => 3,
            Self::Override { .. } => 4,
            Self::Metadata { .. } => 5,
            Self::ById(_) => 6,
            Self::Vip(_) => 7,
            Self::SecureVip(_) => 8,
            Self::Batch => 9,
            Self::Asg => 10,
            Self::Status => 11,
            Self::Watch => 12,
            Self::Digest => 13,
            Self::Lines(_) => 14,
        }
    }
}

pub(super) const KINDS: usize = 15;

/// The paths with names for their variable parts, for metrics.
pub(super) fn templates() -> [Arc<str>; KINDS] {
    [
        "/eureka/apps",
        "/eureka/apps/delta",
        "/eureka/apps/{app}",
        "/eureka/apps/{app}/{id}",
        "/eureka/apps/{app}/{id}/status",
        "/eureka/apps/{app}/{id}/metadata",
        "/eureka/instances/{id}",
        "/eureka/vips/{vip}",
        "/eureka/svips/{vip}",
        "/eureka/peerreplication/batch",
        "/eureka/asg/{name}/status",
        "/eureka/status",
        "/eureka/watch",
        "/eureka/digest",
        "/eureka/digest/{app}",
    ]
    .map(Arc::from)
}

/// A segment decoded; empty ones name nothing.
fn text(segment: &str) -> Option<Cow<'_, str>> {
    (!segment.is_empty()).then(|| percent_decode_str(segment).decode_utf8_lossy())
}

fn upper(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase()) {
        return name;
    }
    Cow::Owned(name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_resources() {
        let app = || "A".into();
        for (path, expected) in [
            ("/eureka/apps", Some(Resource::Apps)),
            ("/eureka/apps/", Some(Resource::Apps)),
            ("/eureka/v2/apps/delta", Some(Resource::Delta)),
            ("/eureka/apps/a", Some(Resource::App(app()))),
            ("/eureka/apps/A/x%3Ay%20z", Some(Resource::Instance { app: app(), id: "x:y z".into() })),
            ("/eureka/apps/a/x/status", Some(Resource::Override { app: app(), id: "x".into() })),
            ("/eureka/apps/a/x/metadata/", Some(Resource::Metadata { app: app(), id: "x".into() })),
            ("/eureka/instances/x", Some(Resource::ById("x".into()))),
            ("/eureka/vips/x,y", Some(Resource::Vip("x,y".into()))),
            ("/eureka/svips/X", Some(Resource::SecureVip("X".into()))),
            ("/eureka/peerreplication/batch/", Some(Resource::Batch)),
            ("/eureka/asg/a/status", Some(Resource::Asg)),
            ("/eureka/status", Some(Resource::Status)),
            ("/eureka", None),
            ("/eureka/", None),
            ("/eureka/v1/apps", None),
            ("/v2/apps", None),
            ("/eureka/apps//", None),
            ("/eureka/apps/a/x/other", None),
            ("/eureka/apps/a/x/status/more", None),
            ("/eureka/instances", None),
            ("/eureka/serverinfo/statusoverrides", None),
        ] {
            assert_eq!(Resource::parse(path), expected, "{path}");
        }
    }

    #[test]
    fn long_paths() {
        let examples = [
            "/eureka/apps/A/id:1/status",
            "/eureka/v2/vips/a%2Fb",
            "/eureka/apps/delta/",
            "/eureka/instances/%C3%A9",
        ];
        let words = [
            "/", "//", "%", "%2F", "%00", "%zz", "apps", "delta", "status", "metadata", "v2/", "..", "é", "?",
        ];
        wellspring_test_support::fuzz::text(
            "the registry's paths, peers' addresses",
            &examples,
            &words,
            |text, _| {
                drop(Resource::parse(text));
                if let Ok(peer) = crate::peers::address::Address::parse(text) {
                    assert!(!format!("{peer} {peer:?}").contains("s3cret"));
                }
                if let Ok(peer) = crate::peers::address::Address::parse(&format!("http://u:s3cret@h{text}")) {
                    assert!(!format!("{peer} {peer:?}").contains("s3cret"), "{text}");
                }
            },
        );
    }
}
