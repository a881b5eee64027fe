//! `commits[].added|removed|modified`, as GitHub, GitLab, Gitee and Gogs send them.

use serde_json::{Map, Value};

/// The files of all commits, per commit in this order. What is not a list of texts is passed over.
pub(super) fn files(body: &Map<String, Value>) -> Vec<String> {
    let commits = body.get("commits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    commits
        .iter()
        .flat_map(|commit| {
            ["added", "removed", "modified"].into_iter().filter_map(|kind| commit.get(kind)?.as_array())
        })
        .flatten()
        .filter_map(|file| file.as_str().map(str::to_owned))
        .collect()
}
