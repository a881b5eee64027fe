//! Which profiles are active: `spring.profiles.active`, `include`, `group`, `default`.

use std::collections::HashMap;

use crate::{Environment, Problem};

/// Active profiles, groups unfolded; and those that count when none is active.
#[derive(Clone, Debug)]
pub(super) struct Profiles {
    pub(super) active: Vec<String>,
    default: Vec<String>,
}

impl Profiles {
    /// Included profiles come before the active ones, so that the active ones win.
    pub(super) fn of(env: &Environment, included: &[String]) -> Result<Self, Problem> {
        let list = |key: &str| env.get_as::<Vec<String>>(key).map(Option::unwrap_or_default);
        let groups = env.get_as::<HashMap<String, Vec<String>>>("spring.profiles.group")?.unwrap_or_default();
        let asked = included.iter().cloned().chain(list("spring.profiles.active")?).collect();
        let mut default = list("spring.profiles.default")?;
        default.retain(|profile| !profile.is_empty());
        if default.is_empty() {
            default.push("default".to_owned());
        }
        Ok(Self { active: unfolded(asked, &groups), default: unfolded(default, &groups) })
    }

    /// What files and documents are chosen by.
    pub(super) fn accepted(&self) -> &[String] {
        if self.active.is_empty() { &self.default } else { &self.active }
    }
}

/// Each profile followed by the members of its group, each once.
fn unfolded(profiles: Vec<String>, groups: &HashMap<String, Vec<String>>) -> Vec<String> {
    let mut stack: Vec<String> = profiles.into_iter().rev().collect();
    let mut out: Vec<String> = Vec::new();
    while let Some(profile) = stack.pop() {
        let profile = profile.trim();
        if profile.is_empty() || out.iter().any(|known| known == profile) {
            continue;
        }
        stack.extend(groups.get(profile).into_iter().flatten().rev().cloned());
        out.push(profile.to_owned());
    }
    out
}
