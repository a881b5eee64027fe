//! What a path or route asks of its callers, as written in YAML: `access`, `scopes`, `roles`, `authorities`, `consumers`,
//! `schemes`, `allow-ips`, `deny-ips`.
//!
//! A JVM gateway says this in a Java bean (`SecurityWebFilterChain`); here rules are settings.

use std::net::IpAddr;

use wellspring_properties::Problem;

use super::principal::{Principal, Scheme};
use super::refusal::Refusal;
use super::setting;
use crate::predicate::subnet::Subnet;
use crate::tree::Tree;

/// Who may pass when nothing more is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Permit,
    Authenticated,
    Deny,
}

impl Access {
    pub(super) fn read(tree: Option<&Tree>, what: &str) -> Result<Option<Self>, Problem> {
        let Some(tree) = tree else { return Ok(None) };
        match tree.as_text().unwrap_or_default().trim() {
            "permit" => Ok(Some(Self::Permit)),
            "authenticated" => Ok(Some(Self::Authenticated)),
            "deny" => Ok(Some(Self::Deny)),
            _ => Err(setting::wrong(tree, format!("{what} must be permit, authenticated or deny"))),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    access: Option<Access>,
    /// One of these is enough.
    authorities: Vec<String>,
    consumers: Vec<String>,
    schemes: Vec<Scheme>,
    allow: Vec<Subnet>,
    deny: Vec<Subnet>,
}

/// What a rule may have.
pub(super) const MEMBERS: &[&str] =
    &["access", "scopes", "roles", "authorities", "consumers", "schemes", "allow-ips", "deny-ips"];

impl Rule {
    /// Reads a rule; `more` are members that the caller reads.
    pub fn read(tree: &Tree, more: &[&str]) -> Result<Self, Problem> {
        setting::only(tree, &[MEMBERS, more].concat(), "a security rule")?;
        let list = |name: &str| tree.get(name).map(Tree::as_texts).unwrap_or_default();
        let subnets = |name: &str| -> Result<Vec<Subnet>, Problem> {
            let Some(below) = tree.get(name) else { return Ok(Vec::new()) };
            setting::subnets(below, name)
        };
        let mut authorities: Vec<String> = list("authorities");
        authorities.extend(list("scopes").iter().map(|scope| format!("SCOPE_{scope}")));
        authorities
            .extend(list("roles").iter().map(|role| format!("ROLE_{}", role.trim_start_matches("ROLE_"))));
        let schemes = list("schemes")
            .iter()
            .map(|name| {
                Scheme::named(name).ok_or_else(|| {
                    setting::wrong(tree, format!("'{name}' is no kind of credentials")).hint(Scheme::names())
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            access: Access::read(tree.get("access"), "access")?,
            authorities,
            consumers: list("consumers"),
            schemes,
            allow: subnets("allow-ips")?,
            deny: subnets("deny-ips")?,
        })
    }

    /// Is anything asked of who the caller is?
    fn asks_who(&self) -> bool {
        !(self.authorities.is_empty() && self.consumers.is_empty() && self.schemes.is_empty())
    }

    pub(super) fn access(&self, otherwise: Access) -> Access {
        self.access.unwrap_or(if self.asks_who() { Access::Authenticated } else { otherwise })
    }

    /// Whether the address is welcome at all: a denied one never, and where some are allowed no other.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        !self.deny.iter().any(|subnet| subnet.contains(address))
            && (self.allow.is_empty() || self.allow.iter().any(|subnet| subnet.contains(address)))
    }

    pub(super) fn takes(&self, scheme: Scheme) -> bool {
        self.schemes.is_empty() || self.schemes.contains(&scheme)
    }

    /// Judges a caller that has shown who it is, or has not.
    pub(super) fn judge(&self, principal: Option<&Principal>, otherwise: Access) -> Result<(), Refusal> {
        let access = self.access(otherwise);
        let Some(principal) = principal else {
            return if access == Access::Permit { Ok(()) } else { Err(Refusal::Anonymous) };
        };
        let named = self.consumers.is_empty() || self.consumers.iter().any(|name| **name == *principal.name);
        let may = self.authorities.is_empty() || self.authorities.iter().any(|one| principal.has(one));
        match access {
            Access::Permit => Ok(()),
            Access::Authenticated if named && may && self.takes(principal.scheme) => Ok(()),
            Access::Authenticated | Access::Deny => {
                Err(Refusal::Forbidden { bearer: principal.scheme == Scheme::Bearer })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(value: &serde_json::Value) -> Rule {
        Rule::read(&Tree::from_json(value), &[]).unwrap()
    }

    fn ana() -> Principal {
        Principal::new("ana", Scheme::Basic, vec!["ROLE_ADMIN".to_owned(), "SCOPE_read".to_owned()])
    }

    #[test]
    fn what_is_asked_decides() {
        let (ana, all) = (ana(), Access::Permit);
        for (rule, anonymous, known) in [
            (json!({}), true, true),
            (json!({"access": "authenticated"}), false, true),
            (json!({"access": "deny"}), false, false),
            (json!({"roles": "ADMIN,USER"}), false, true),
            (json!({"roles": ["ROLE_ADMIN"]}), false, true),
            (json!({"scopes": ["write"]}), false, false),
            (json!({"scopes": ["write", "read"]}), false, true),
            (json!({"consumers": ["bob"]}), false, false),
            (json!({"schemes": ["bearer"]}), false, false),
            (json!({"access": "permit", "roles": ["NOBODY"]}), true, true),
        ] {
            let read = self::rule(&rule);
            assert_eq!(read.judge(None, all).is_ok(), anonymous, "{rule}");
            assert_eq!(read.judge(Some(&ana), all).is_ok(), known, "{rule}");
        }
    }

    #[test]
    fn a_denied_address_is_denied_although_allowed() {
        let rule = rule(&json!({"allow-ips": ["10.0.0.0/8", "::1"], "deny-ips": "10.1.0.0/16"}));
        for (address, wanted) in
            [("10.2.0.1", true), ("10.1.0.1", false), ("9.9.9.9", false), ("::1", true), ("::2", false)]
        {
            assert_eq!(rule.admits(address.parse().unwrap()), wanted, "{address}");
        }
    }

    #[test]
    fn slips_are_told() {
        for value in [
            json!({"acess": "permit"}),
            json!({"access": "perhaps"}),
            json!({"schemes": ["magic"]}),
            json!({"allow-ips": ["10.0.0.0/33"]}),
        ] {
            assert!(Rule::read(&Tree::from_json(&value), &[]).is_err(), "{value}");
        }
    }
}
