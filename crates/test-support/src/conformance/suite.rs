//! A suite as it lies on disk: `application.yml`, `cases.json`, perhaps `setup.sh`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One directory with a `cases.json`.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Relative to the directory of all suites: `eureka/lease`.
    pub name: String,
    pub folder: PathBuf,
    pub script: Script,
}

/// The content of `cases.json`. Unknown keys are an error: a check that is not understood must not pass.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    #[serde(default)]
    pub about: String,
    pub daemon: String,
    /// Fixed port of the server, where a case must know it.
    pub port: Option<u16>,
    #[serde(default)]
    pub context_path: String,
    #[serde(default)]
    pub upstreams: Vec<u16>,
    pub cases: Vec<Case>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    #[serde(default)]
    pub about: String,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(default)]
    pub about: String,
    pub request: Value,
    #[serde(default)]
    pub response: Value,
    /// Variable name → JSON pointer into the answer.
    #[serde(default)]
    pub capture: Map<String, Value>,
    #[serde(default)]
    pub retry_ms: u64,
    #[serde(default)]
    pub sleep_ms: u64,
}

/// A request after its variables are filled in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default = "get")]
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub headers: Map<String, Value>,
    pub body: Option<Value>,
    pub body_repeat: Option<Repeat>,
    /// Another port of 127.0.0.1 instead of the server's.
    pub port: Option<u16>,
    /// Whether a gzip body is unpacked before it is compared.
    #[serde(default = "yes")]
    pub gunzip: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    pub text: String,
    pub times: usize,
}

fn get() -> String {
    "GET".to_owned()
}

fn yes() -> bool {
    true
}

impl Suite {
    /// Reads one suite; `root` is the directory its name is relative to.
    pub fn read(folder: &Path, root: &Path) -> Result<Self> {
        let file = folder.join("cases.json");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let script = serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let name = folder.strip_prefix(root).unwrap_or(folder).display().to_string();
        Ok(Self { name, folder: folder.canonicalize()?, script })
    }

    /// Every suite below a directory, by name.
    pub fn all(root: &Path) -> Result<Vec<Self>> {
        let mut folders = vec![root.to_owned()];
        let mut suites = Vec::new();
        while let Some(folder) = folders.pop() {
            if folder.join("cases.json").is_file() {
                suites.push(Self::read(&folder, root)?);
            }
            for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                }
            }
        }
        suites.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(suites)
    }

    pub fn config(&self) -> PathBuf {
        self.folder.join("application.yml")
    }

    /// `wellspring-registry` for `registry`.
    pub fn program(&self) -> String {
        format!("wellspring-{}", self.script.daemon)
    }

    /// Suites with fixed ports cannot run beside one another.
    pub fn has_fixed_ports(&self) -> bool {
        self.script.port.is_some() || !self.script.upstreams.is_empty()
    }
}
