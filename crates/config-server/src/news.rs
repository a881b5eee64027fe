//! What happens to repositories, for the operator's event log, and the bell for those who wait for changes.

use serde_json::json;
use tokio::sync::watch;
use wellspring_daemon::Context;
use wellspring_daemon::admin::events::New;
use wellspring_daemon::admin::{Admin, Topic};

use crate::repository::git::gate::Rejected;
use crate::repository::git::transport::Shown;

/// Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct News {
    admin: Admin,
    daemon: String,
    /// Rung when something else is served than before.
    bell: watch::Sender<u64>,
}

impl News {
    pub(crate) fn new(context: &Context, bell: &watch::Sender<u64>) -> Self {
        Self { admin: context.admin.clone(), daemon: context.name.clone(), bell: bell.clone() }
    }

    pub(crate) fn ring(&self) {
        self.bell.send_modify(|rung| *rung += 1);
    }

    fn about(&self, kind: &str, uri: &str, label: &str) -> New {
        New::of(Topic::Config, kind, &self.daemon, &format!("{} {label}", Shown(uri)))
    }

    pub(crate) fn moved(&self, uri: &str, label: &str, from: Option<&str>, to: &str) {
        let text = format!("{label} is at {}", brief(to));
        self.admin.record(self.about("commit", uri, label).text(text).data(json!({"from": from, "to": to})));
    }

    pub(crate) fn rejected(&self, uri: &str, label: &str, rejected: &Rejected) {
        let Rejected { commit, serving, problems, .. } = rejected;
        let first = problems.first().map(String::as_str).unwrap_or_default();
        let text = format!("{label} stays, {} is not served: {first}", brief(&commit.to_string()));
        self.admin.record(self.about("commit-rejected", uri, label).text(text).data(json!({
            "commit": commit.to_string(), "serving": serving.to_string(), "problems": problems,
        })));
    }

    pub(crate) fn stale(&self, uri: &str, cause: &str) {
        let text = format!("cannot be fetched: {cause}");
        self.admin.record(self.about("stale", uri, "").text(text));
    }

    pub(crate) fn fresh(&self, uri: &str) {
        self.admin.record(self.about("fresh", uri, "").text("answers again"));
    }
}

/// As much of a commit id as people read.
fn brief(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
