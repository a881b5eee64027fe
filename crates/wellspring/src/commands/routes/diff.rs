//! `routes diff`.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::server::{Outcome, Output, write};

/// A route without its place: where it stands in the file is no difference.
fn content(route: &Value) -> Map<String, Value> {
    let mut members = route.as_object().cloned().unwrap_or_default();
    members.shift_remove("place");
    members
}

fn id(route: &Value) -> &str {
    route.get("route_id").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn run(before: &[Value], after: &[Value], form: Output, out: &mut dyn Write) -> Outcome {
    let missing = |from: &[Value], there: &[Value]| -> Vec<String> {
        from.iter()
            .map(id)
            .filter(|one| !there.iter().any(|other| id(other) == *one))
            .map(str::to_owned)
            .collect()
    };
    let (removed, added) = (missing(before, after), missing(after, before));
    let mut changed = Vec::new();
    for old in before {
        let Some(new) = after.iter().find(|new| id(new) == id(old)) else { continue };
        let (old_members, new_members) = (content(old), content(new));
        let names =
            old_members.keys().chain(new_members.keys().filter(|name| !old_members.contains_key(*name)));
        let members: Vec<Value> = names
            .filter(|name| old_members.get(*name) != new_members.get(*name))
            .map(|name| json!({"member": name, "before": old_members.get(name), "after": new_members.get(name)}))
            .collect();
        if !members.is_empty() {
            changed.push(json!({"route": id(old), "members": members}));
        }
    }
    let sequence = |routes: &[Value], others: &[Value]| -> Vec<String> {
        let kept = routes.iter().filter(|route| others.iter().any(|other| id(other) == id(route)));
        kept.map(|route| id(route).to_owned()).collect()
    };
    let reordered = sequence(before, after) != sequence(after, before);
    let same = removed.is_empty() && added.is_empty() && changed.is_empty() && !reordered;
    if form != Output::Table {
        let answer = json!({"same": same, "removed": removed, "added": added, "changed": changed, "reordered": reordered});
        write(form, &answer, out)?;
        return Ok(same);
    }
    removed.iter().try_for_each(|route| writeln!(out, "- {route}"))?;
    added.iter().try_for_each(|route| writeln!(out, "+ {route}"))?;
    for change in &changed {
        writeln!(out, "~ {}", change["route"].as_str().unwrap_or_default())?;
        for member in change["members"].as_array().into_iter().flatten() {
            let text = |name: &str| member.get(name).map(ToString::to_string).unwrap_or_default();
            writeln!(
                out,
                "    {}: {} -> {}",
                member["member"].as_str().unwrap_or_default(),
                text("before"),
                text("after")
            )?;
        }
    }
    if reordered {
        writeln!(out, "the order in which routes are tried is another one")?;
    }
    if same {
        writeln!(out, "no difference")?;
    }
    Ok(same)
}
