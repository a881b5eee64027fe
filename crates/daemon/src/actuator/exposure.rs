//! Which endpoints are reachable (`management.endpoints.web.exposure.*`) and what may be done with them (`…access`).

use serde::Deserialize;
use wellspring_properties::{Environment, Problem};

use super::endpoint::{Access, Endpoint};

/// `management.endpoints.web`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Web {
    pub(crate) base_path: String,
    pub(crate) exposure: Exposure,
}

impl Default for Web {
    fn default() -> Self {
        Self { base_path: "/actuator".to_owned(), exposure: Exposure::default() }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Exposure {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Default for Exposure {
    fn default() -> Self {
        Self { include: vec!["health".to_owned()], exclude: Vec::new() }
    }
}

impl Exposure {
    pub(crate) fn admits(&self, id: &str) -> bool {
        let listed = |list: &[String]| {
            list.iter().any(|entry| entry == "*" || entry.replace('-', "").eq_ignore_ascii_case(id))
        };
        listed(&self.include) && !listed(&self.exclude)
    }
}

/// The access of an endpoint after `management.endpoint.ID.*` and `management.endpoints.*`.
pub(crate) fn access(env: &Environment, endpoint: &Endpoint) -> Result<Access, Problem> {
    let own = env.get_as(&format!("management.endpoint.{}.access", endpoint.id))?;
    let enabled = |key: &str| env.get_as::<bool>(key);
    let switch = |on| if on { Access::Unrestricted } else { Access::None };
    let wanted = match own {
        Some(access) => access,
        None => match enabled(&format!("management.endpoint.{}.enabled", endpoint.id))? {
            Some(on) => switch(on),
            None => match env.get_as("management.endpoints.access.default")? {
                Some(access) => access,
                None => match enabled("management.endpoints.enabled-by-default")? {
                    Some(on) => switch(on),
                    None => endpoint.access,
                },
            },
        },
    };
    let ceiling = env.get_as("management.endpoints.access.max-permitted")?.unwrap_or(Access::Unrestricted);
    Ok(wanted.min(ceiling))
}
