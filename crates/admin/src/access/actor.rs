//! Who acts: a name, a role, and the applications the role reaches to.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::schema::Schema;

/// What somebody may do. Each may all that the one before may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    #[default]
    Viewer,
    /// Changes what runs: drains, pins, refreshes.
    Operator,
    /// Changes who may do what.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl Schema for Role {
    fn schema() -> Value {
        json!({"type": "string", "enum": Self::ALL.map(Self::as_str)})
    }
}

/// Who sends a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    pub name: String,
    pub role: Role,
    /// Patterns such as `orders` or `shop-*`; empty: all applications, and what belongs to none.
    pub applications: Vec<String>,
    /// Another daemon asks in somebody's name: it has looked at the others itself.
    pub(crate) forwarded: bool,
}

impl Actor {
    pub(crate) fn new(name: &str, role: Role, applications: &[String]) -> Self {
        Self { name: name.to_owned(), role, applications: applications.to_vec(), forwarded: false }
    }

    /// Who sits at the machine while nothing asks for a credential.
    pub(crate) fn local() -> Self {
        Self::new("local", Role::Admin, &[])
    }

    pub(crate) fn is_scoped(&self) -> bool {
        !self.applications.is_empty()
    }

    /// Whether what belongs to this application is within reach.
    pub fn reaches(&self, application: &str) -> bool {
        !self.is_scoped() || self.applications.iter().any(|pattern| fits(pattern, application))
    }
}

/// `*` stands for any characters; case does not matter, as in the registry.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.split_once(part) {
            Some((_, behind)) => left = behind,
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_reach_what_they_say_and_nothing_else() {
        for (pattern, name, expected) in [
            ("orders", "ORDERS", true),
            ("orders", "orders2", false),
            ("shop-*", "shop-cart", true),
            ("shop-*", "workshop-cart", false),
            ("*-eu", "cart-eu", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxc", false),
            ("a*a", "a", false),
            ("*", "anything", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
        assert!(Actor::local().reaches("x"));
        assert!(!Actor::new("a", Role::Admin, &["b".to_owned()]).reaches("x"));
    }

    #[test]
    fn each_role_may_all_that_the_one_before_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
    }
}
