//! Reading settings below `wellspring.gateway.security`: unknown members and wrong values are told with their place.

use wellspring_properties::relaxed::canonical_element;
use wellspring_properties::{Environment, Problem};

use crate::predicate::subnet::Subnet;
use crate::problem::{BAD_SETTING, bad};
use crate::tree::Tree;

/// A complaint about a value. Secrets are never shown: the place says enough.
pub(super) fn wrong(tree: &Tree, message: impl Into<String>) -> Problem {
    Problem::new(BAD_SETTING, message).at(tree.origin())
}

/// Refuses members other than these.
pub(crate) fn only(tree: &Tree, members: &[&str], what: &str) -> Result<(), Problem> {
    match tree {
        Tree::Map(found) => {
            for (name, below) in found {
                let known = members.iter().any(|member| canonical_element(member) == canonical_element(name));
                if !known {
                    return Err(wrong(below, format!("{what} has no '{name}'")).hint(members.join(", ")));
                }
            }
            Ok(())
        }
        Tree::Leaf(leaf) if leaf.text().is_empty() => Ok(()),
        Tree::Leaf(_) | Tree::List(_) => {
            Err(wrong(tree, format!("{what} is a map")).hint(members.join(", ")))
        }
    }
}

/// Subnets; an address alone is that address.
pub(super) fn subnets(tree: &Tree, what: &str) -> Result<Vec<Subnet>, Problem> {
    tree.as_texts()
        .iter()
        .map(|text| {
            Subnet::exact(text).ok_or_else(|| {
                bad(BAD_SETTING, format!("{what}: not an address or subnet"), text, tree.origin())
                    .hint("10.0.0.0/8")
            })
        })
        .collect()
}

/// A text below a prefix, with its key.
pub(super) fn text(env: &Environment, key: &str) -> Option<String> {
    env.get(key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Authorities of a user or key: `authorities` as they are, `roles` and `scopes` with Spring's prefixes.
pub(super) fn authorities(tree: &Tree) -> Vec<String> {
    let list = |name: &str| tree.get(name).map(Tree::as_texts).unwrap_or_default();
    let mut all = list("authorities");
    all.extend(list("roles").iter().map(|role| format!("ROLE_{}", role.trim_start_matches("ROLE_"))));
    all.extend(list("scopes").iter().map(|scope| format!("SCOPE_{scope}")));
    all
}
