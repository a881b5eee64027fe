//! Recorded requests against other routes: which would go elsewhere, and how.

pub mod record;

use serde::Deserialize;
use wellspring_daemon::admin::routes::{Replay, ReplayDifference, ReplayOutcome, RouteTrace};
use wellspring_properties::{Environment, Problem, PropertySource, flatten, yaml};

use crate::config::{PREFIX, with_both_prefixes};
use crate::offline::Offline;
use crate::route::refresh::Refresh;
use crate::trace::{self, Unreadable};
use record::Recorded;

/// Requests that one replay takes.
const MOST: usize = 100_000;
/// Kinds of difference that are listed.
const MOST_KINDS: usize = 1000;

/// What is to be replayed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Asked {
    /// A settings file in YAML whose routes take the place of those in force.
    pub routes: String,
    /// Lines of an access log, `METHOD /path` lines, or a HAR file.
    pub requests: String,
}

fn outcome(trace: RouteTrace) -> ReplayOutcome {
    let changes = trace.filters.into_iter().flat_map(|filter| filter.changes);
    ReplayOutcome {
        route: trace.route,
        target: trace.target,
        // The path is part of the target.
        changes: changes.filter(|change| !change.starts_with("path ")).collect(),
        ends_with: trace.ends_with,
    }
}

fn same(before: &ReplayOutcome, after: &ReplayOutcome) -> bool {
    let parts = |one: &ReplayOutcome| (one.route.clone(), one.target.clone(), one.ends_with.clone());
    parts(before) == parts(after) && before.changes == after.changes
}

/// The settings in force with those of a file laid over them, and the file's own ones alone.
pub(crate) fn proposed(env: &Environment, text: &str) -> Result<(Environment, Environment), Problem> {
    let documents = yaml::parse(text, "proposed")?;
    let sources = documents.iter().rev().map(|document| {
        let entries = flatten::document(document).into_iter().map(|(key, entry)| (whole(&key), entry));
        PropertySource::new("proposed", entries.collect())
    });
    // In both prefixes by itself: the settings in force have the new one already, which would win.
    let own = with_both_prefixes(&Environment::new(sources.collect(), Vec::new()));
    let mut proposed = env.clone();
    for source in own.sources().iter().rev() {
        proposed = proposed.with_first(source.clone());
    }
    Ok((proposed, own))
}

/// A file may also be the list of routes, or have `routes` and `default-filters` at its top.
fn whole(key: &str) -> String {
    match (key.strip_prefix("document["), key.starts_with("routes[") || key.starts_with("default-filters[")) {
        (Some(rest), _) => format!("{PREFIX}.routes[{rest}"),
        (None, true) => format!("{PREFIX}.{key}"),
        (None, false) => key.to_owned(),
    }
}

/// What would serve if the configuration were `env`, and serves nobody; all that is wrong with it.
pub(crate) fn compiled(env: &Environment, refresh: &Refresh) -> Result<Offline, Vec<Problem>> {
    let client = refresh.proxy().platform.client.clone();
    let after =
        Offline::with(env, client, |own| refresh.complete(own, env, &refresh.state().changes.switched))
            .map_err(|problem| vec![problem])?;
    if after.problems.is_empty() { Ok(after) } else { Err(after.problems) }
}

/// Replays against the routes in force and those that are proposed.
pub(crate) fn replay(refresh: &Refresh, asked: &Asked) -> Result<Replay, Problem> {
    let (proposed, _) = proposed(&refresh.effective(), &asked.routes)?;
    let after = compiled(&proposed, refresh).map_err(|mut problems| problems.remove(0))?;
    Ok(compare(
        record::read(&asked.requests),
        |described| trace::trace(refresh.proxy(), described),
        |described| after.trace(described),
    ))
}

/// Compares two sets of routes over recorded requests.
pub fn compare(
    requests: Vec<Recorded>,
    before: impl Fn(&trace::Described) -> Result<RouteTrace, Unreadable>,
    after: impl Fn(&trace::Described) -> Result<RouteTrace, Unreadable>,
) -> Replay {
    let mut report = Replay::default();
    for recorded in requests.into_iter().take(MOST) {
        let (shown, described) = match recorded {
            Recorded::Request(shown, described) => (shown, described),
            Recorded::Unread(line) => {
                report.unread.push(line);
                continue;
            }
        };
        let (Ok(before), Ok(after)) = (before(&described), after(&described)) else {
            report.unread.push(shown);
            continue;
        };
        report.requests += 1;
        let (before, after) = (outcome(before), outcome(after));
        if same(&before, &after) {
            report.same += 1;
            continue;
        }
        report.different += 1;
        let full = report.differences.len() >= MOST_KINDS;
        // One example of each way from route to route; where only details differ, each is shown.
        let known = report.differences.iter_mut().find(|known| {
            let same_way = known.before.route == before.route && known.after.route == after.route;
            let alike = || same(&known.before, &before) && same(&known.after, &after);
            same_way && (before.route != after.route || alike())
        });
        match known {
            Some(known) => known.times += 1,
            None if full => {}
            None => report.differences.push(ReplayDifference { example: shown, times: 1, before, after }),
        }
    }
    report
}
