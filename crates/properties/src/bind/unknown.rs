//! Keys below a struct that no field takes, with the name that was probably meant.

use super::node::{Bound, first_entry};
use crate::relaxed::{canonical_element, edits};
use crate::tree::Tree;
use crate::{Problem, codes};

/// Notes every unknown key directly below a struct. Environment variables are left alone: others set them too.
pub(super) fn collect(bound: &Bound<'_>, names: &[&str]) {
    for (name, node) in &bound.node.children {
        if names.iter().any(|known| canonical_element(known).as_ref() == name) || !in_file(bound, node) {
            continue;
        }
        let Some((key, entry)) = first_entry(bound, node) else { continue };
        let mut problem =
            Problem::new(codes::UNKNOWN_KEY, format!("unknown setting {key}")).at(entry.origin.clone());
        if let Some(near) = nearest(name, names) {
            let dot = if bound.shown.is_empty() { "" } else { "." };
            problem = problem.hint(format!("did you mean {}{dot}{near}?", bound.shown));
        }
        bound.cx.unknown.borrow_mut().push(problem);
    }
}

fn in_file(bound: &Bound<'_>, node: &Tree) -> bool {
    let sources = bound.cx.env.sources();
    let own = node.values.iter().any(|(id, _)| {
        bound.only.is_none_or(|only| only == *id) && sources.get(*id).is_some_and(|source| !source.variables)
    });
    own || node.children.values().any(|child| in_file(bound, child))
}

/// The known name with the fewest edits, if it is near enough to be a slip.
pub(super) fn nearest<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let distances = names.iter().map(|known| (edits(name, &canonical_element(known)), *known));
    let (edits, known) = distances.min_by_key(|(edits, _)| *edits)?;
    let allowed = match name.chars().count() {
        0..4 => 1,
        length => (length / 3).max(2),
    };
    (edits <= allowed).then_some(known)
}
