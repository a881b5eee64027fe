//! What two sets of routes do not have in common. Routes are compared as the actuator shows them; where they stand in their
//! files is no difference.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use wellspring_daemon::admin::routes::{ChangedMember, ChangedRoute, RouteDiff};

/// Compares routes in the form of [`crate::Offline::routes`].
#[must_use]
pub fn between(before: &[Value], after: &[Value]) -> RouteDiff {
    let then: HashMap<&str, &Value> = after.iter().map(|route| (id(route), route)).collect();
    let changed: Vec<ChangedRoute> = before
        .iter()
        .filter_map(|old| {
            let new = then.get(id(old))?;
            let members = members(&content(old), &content(new));
            (!members.is_empty()).then(|| ChangedRoute { route: id(old).to_owned(), members })
        })
        .collect();
    let (removed, added) = (missing(before, after), missing(after, before));
    let reordered = kept(before, after) != kept(after, before);
    let same = removed.is_empty() && added.is_empty() && changed.is_empty() && !reordered;
    RouteDiff { same, removed, added, changed, reordered }
}

fn content(route: &Value) -> Map<String, Value> {
    let mut members = route.as_object().cloned().unwrap_or_default();
    members.shift_remove("place");
    members
}

fn id(route: &Value) -> &str {
    route.get("route_id").and_then(Value::as_str).unwrap_or_default()
}

fn missing(from: &[Value], there: &[Value]) -> Vec<String> {
    let there: HashSet<&str> = there.iter().map(id).collect();
    let gone = from.iter().map(id).filter(|one| !there.contains(one));
    gone.map(str::to_owned).collect()
}

/// Ids that both have, in the order of the first.
fn kept<'a>(routes: &'a [Value], others: &[Value]) -> Vec<&'a str> {
    let others: HashSet<&str> = others.iter().map(id).collect();
    routes.iter().map(id).filter(|one| others.contains(one)).collect()
}

fn members(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<ChangedMember> {
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    names
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| ChangedMember {
            member: name.clone(),
            before: old.get(name).cloned(),
            after: new.get(name).cloned(),
        })
        .collect()
}
