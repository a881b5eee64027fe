//! The health every application has: `ping`, `diskSpace`, `refreshScope`, and what its client side knows.

use std::path::PathBuf;

use serde::Deserialize;
use wellspring_properties::{Problem, value};

use crate::boot::Boot;
use crate::health::Component;
use crate::{Context, process};

/// `management.health.diskspace`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct DiskSpace {
    path: PathBuf,
    /// Less than this free is DOWN.
    #[serde(with = "value::data_size")]
    threshold: u64,
}

impl Default for DiskSpace {
    fn default() -> Self {
        Self { path: ".".into(), threshold: 10 * 1024 * 1024 }
    }
}

pub(crate) fn install(context: &Context, boot: &Boot) -> Result<(), Problem> {
    let health = &context.health;
    health.add("ping", || async { Component::up() });
    health.add("refreshScope", || async { Component::up() });
    let disk: DiskSpace = context.env.bind("management.health.diskspace")?;
    health.add("diskSpace", move || std::future::ready(disk.component()));
    if context.client.registers() {
        let discovery = context.client.discovery();
        health.add("discoveryComposite", move || {
            let services = Component::up().detail("services", discovery.services());
            std::future::ready(Component::composite([("discoveryClient".to_owned(), services)]))
        });
    }
    if boot.imported().is_some() {
        let boot = boot.clone();
        health.add("clientConfigServer", move || {
            let sources = boot.imported();
            let names: Vec<String> = sources.iter().flat_map(|names| names.iter().cloned()).collect();
            std::future::ready(Component::up().detail("propertySources", names))
        });
    }
    Ok(())
}

impl DiskSpace {
    fn component(&self) -> Component {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        let found = process::disk(&path);
        let (free, total) = found.unwrap_or_default();
        let component =
            if found.is_some() && free >= self.threshold { Component::up() } else { Component::down() };
        component
            .detail("total", total)
            .detail("free", free)
            .detail("threshold", self.threshold)
            .detail("path", path.join(".").display().to_string())
            .detail("exists", found.is_some())
    }
}
