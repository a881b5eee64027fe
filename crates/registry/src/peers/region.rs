//! Remote regions: other registries whose instances are listed here as well, and never written to.
//!
//! Each is fetched whole, again and again; what was fetched last is served until the next fetch succeeds.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use wellspring_wire::eureka::{Application, Applications, InstanceInfo, json};

use super::address::Address;
use crate::Node;
use crate::config::Server;

#[derive(Debug, Default)]
pub struct Regions {
    by_name: BTreeMap<String, Region>,
    /// Whether what is not here is looked for there, without being asked to.
    fallback: bool,
}

#[derive(Debug)]
struct Region {
    address: Address,
    /// Applications that may come from there; absent: all.
    allowed: Option<Vec<String>>,
    fetched: ArcSwapOption<Vec<Application>>,
}

/// A region that was asked for and has not been fetched once.
#[derive(Debug, PartialEq, Eq)]
pub struct NotFetched;

impl Regions {
    pub fn new(server: &Server) -> Result<Self, (String, url::ParseError)> {
        let mut by_name = BTreeMap::new();
        for (name, url) in &server.remote_region_urls_with_name {
            let address = Address::parse(url).map_err(|error| (name.clone(), error))?;
            let lists = &server.remote_region_app_whitelist;
            let allowed = lists.get(name).or_else(|| lists.get("global"));
            let allowed = allowed.map(|apps| apps.iter().map(|app| app.trim().to_uppercase()).collect());
            by_name.insert(name.to_lowercase(), Region { address, allowed, fetched: ArcSwapOption::empty() });
        }
        Ok(Self { by_name, fallback: !server.disable_transparent_fallback_to_other_region })
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// What lists hold that name no region.
    pub fn unasked(&self) -> Vec<Arc<Vec<Application>>> {
        if !self.fallback {
            return Vec::new();
        }
        self.by_name.values().filter_map(|region| region.fetched.load_full()).collect()
    }

    /// What lists hold that name regions (`a,b`). Unknown names change nothing.
    pub fn asked(&self, names: &str) -> Result<Vec<Arc<Vec<Application>>>, NotFetched> {
        names
            .split(',')
            .filter_map(|name| self.by_name.get(&name.trim().to_lowercase()))
            .map(|region| region.fetched.load_full().ok_or(NotFetched))
            .collect()
    }

    pub fn application(&self, name: &str) -> Option<Application> {
        let found = |list: &Arc<Vec<Application>>| list.iter().find(|app| app.name == name).cloned();
        self.unasked().iter().find_map(found)
    }

    pub fn instance(&self, passes: impl Fn(&InstanceInfo) -> bool) -> Option<Arc<InstanceInfo>> {
        let lists = self.unasked();
        let mut instances = lists.iter().flat_map(|list| list.iter()).flat_map(|app| &app.instances);
        instances.find(|instance| passes(instance)).cloned()
    }
}

/// Adds the instances of regions to a list; those of one application stand together, and who is known stays as it is.
pub fn merge(list: &mut Vec<Application>, regions: &[Arc<Vec<Application>>]) {
    for application in regions.iter().flat_map(|region| region.iter()) {
        let Some(known) = list.iter_mut().find(|known| known.name == application.name) else {
            list.push(application.clone());
            continue;
        };
        let ids: HashSet<String> = known.instances.iter().map(|instance| instance.id().to_owned()).collect();
        let new = application.instances.iter().filter(|instance| !ids.contains(instance.id()));
        known.instances.extend(new.cloned());
    }
}

/// Fetches every region, again and again.
pub async fn run(node: Arc<Node>, http: reqwest::Client, period: Duration) {
    loop {
        for (name, region) in &node.regions().by_name {
            match fetch(region, &http).await {
                Ok(list) => {
                    let list = allowed(list, region.allowed.as_deref());
                    let same = region.fetched.load().as_deref() == Some(&list);
                    if !same {
                        region.fetched.store(Some(Arc::new(list)));
                        node.with(|state, _| state.touch());
                    }
                }
                Err(error) => {
                    tracing::warn!(region = name, url = %region.address, error = %format!("{error:#}"), "remote region could not be fetched");
                }
            }
        }
        tokio::time::sleep(period).await;
    }
}

async fn fetch(region: &Region, http: &reqwest::Client) -> anyhow::Result<Applications> {
    // Naming a region that nobody has leaves out what the other one has from its remote regions, which may be ours.
    let request = region.address.get(http, "apps/?regions=this-one-only");
    let response = request.send().await.context("not reached")?;
    anyhow::ensure!(response.status().is_success(), "answered {}", response.status());
    Ok(json::read_applications(&response.bytes().await?)?)
}

fn allowed(list: Applications, names: Option<&[String]>) -> Vec<Application> {
    let mut applications = list.applications;
    if let Some(names) = names {
        applications.retain(|application| names.contains(&application.name));
    }
    applications
}
