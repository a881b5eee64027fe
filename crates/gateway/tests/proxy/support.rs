//! A gateway in this process, with a configuration of its own.

use std::path::PathBuf;

use wellspring_daemon::{Options, Running, StartError};

/// A running gateway and the file it came from.
pub(crate) struct Gateway {
    pub(crate) running: Running,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Gateway {
    /// Starts with this YAML; the actuator is open.
    pub(crate) async fn start(yaml: &str) -> Self {
        Self::try_start(yaml).await.unwrap_or_else(|error| panic!("the gateway did not start: {error}"))
    }

    pub(crate) async fn try_start(yaml: &str) -> Result<Self, StartError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("application.yml");
        std::fs::write(&file, yaml).unwrap();
        let options = Options { config: Some(file.clone()), ..Options::local() }
            .with("management.endpoint.gateway.access", "unrestricted")
            .with("management.endpoints.web.exposure.include", "*");
        let running = wellspring_gateway::app().start(options).await?;
        Ok(Self { running, file, _folder: folder })
    }

    /// Another configuration, in one piece: a watcher never sees half of it.
    pub(crate) fn save(&self, yaml: &str) {
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, yaml).unwrap();
        std::fs::rename(draft, &self.file).unwrap();
    }

    pub(crate) fn port(&self) -> u16 {
        self.running.local_addr().port()
    }
}

/// `routes:` with one route of everything to an address, with filters of its own (each line as in YAML).
pub(crate) fn one_route(uri: &str, filters: &[&str]) -> String {
    let filters: String = filters.iter().map(|filter| format!("          - {filter}\n")).collect();
    let filters = if filters.is_empty() { String::new() } else { format!("        filters:\n{filters}") };
    format!(
        "spring:\n  cloud:\n    gateway:\n      routes:\n      - id: all\n        uri: {uri}\n        predicates:\n          - Path=/**\n{filters}"
    )
}
