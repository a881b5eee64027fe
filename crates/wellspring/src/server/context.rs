//! Platforms by name: an address and a token each, in a file that only its owner may read.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Exit, Failed, variable};
use crate::codes;

/// A platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) server: String,
    pub(crate) token: Option<String>,
}

/// All of them, and which one is meant when none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contexts {
    pub(crate) current: Option<String>,
    pub(crate) all: BTreeMap<String, Context>,
}

impl Contexts {
    /// What the file has; nothing when there is none.
    pub(crate) fn load() -> Result<Self, Failed> {
        let Some(file) = file() else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unusable(format!("cannot read {}: {error}", file.display()))),
        };
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| unusable(format!("{} is not JSON: {error}", file.display())))?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let all = value.get("contexts").and_then(Value::as_object).into_iter().flatten();
        let all = all.filter_map(|(name, one)| {
            Some((name.clone(), Context { server: text(one, "server")?, token: text(one, "token") }))
        });
        Ok(Self { current: text(&value, "current"), all: all.collect() })
    }

    /// Keeps them; the file is readable by its owner only.
    pub(crate) fn save(&self) -> Result<(), Failed> {
        let file = file().ok_or_else(|| {
            unusable("there is no home directory to keep contexts in").hint("WELLSPRING_CONTEXTS=FILE")
        })?;
        let all = self.all.iter().map(|(name, one)| {
            let mut members = json!({"server": one.server});
            if let (Some(members), Some(token)) = (members.as_object_mut(), &one.token) {
                members.insert("token".to_owned(), token.clone().into());
            }
            (name.clone(), members)
        });
        let text = json!({"current": self.current, "contexts": all.collect::<serde_json::Map<_, _>>()});
        let written = (|| {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            // A reader sees the old file or the new one.
            let beside = file.with_extension("new");
            private(&beside, &format!("{text:#}\n"))?;
            std::fs::rename(&beside, &file)
        })();
        written.map_err(|error: io::Error| unusable(format!("cannot write {}: {error}", file.display())))
    }

    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Context, Failed> {
        self.all.get(name).ok_or_else(|| {
            let known: Vec<_> = self.all.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "wellspring context add NAME URL".to_owned()
            } else {
                format!("one of {}", known.join(", "))
            };
            Failed::new(Exit::Usage, format!("there is no context {name}")).code(codes::CONTEXT).hint(hint)
        })
    }

    pub(crate) fn chosen(&self) -> Option<&Context> {
        self.all.get(self.current.as_deref()?)
    }
}

fn unusable(message: impl Into<String>) -> Failed {
    Failed::new(Exit::Problem, message).code(codes::CONTEXT)
}

fn file() -> Option<PathBuf> {
    if let Some(named) = variable("WELLSPRING_CONTEXTS") {
        return Some(named.into());
    }
    let folder = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
    Some(folder.join("wellspring/contexts.json"))
}

/// Writes a file that only its owner can read.
#[cfg(unix)]
pub(crate) fn private(file: &std::path::Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut opened =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    opened.write_all(text.as_bytes())
}

/// Writes a file.
#[cfg(not(unix))]
pub(crate) fn private(file: &std::path::Path, text: &str) -> io::Result<()> {
    std::fs::write(file, text)
}
