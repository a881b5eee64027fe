//! Labels that an operator holds at a commit: a roll back without a push. Kept in a file, so that a restart does not undo it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arc_swap::ArcSwap;
use git2::Oid;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use wellspring_properties::Problem;
use wellspring_wire::Millis;

use crate::repository::git::transport::Shown;

const FILE: &str = "wellspring-pins.json";

/// One label of one repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pin {
    /// Without credentials.
    pub(crate) repository: String,
    pub(crate) label: String,
    pub(crate) commit: String,
    pub(crate) actor: String,
    pub(crate) reason: Option<String>,
    pub(crate) at: Millis,
}

/// Repository (without credentials) and label.
type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Pins {
    held: ArcSwap<BTreeMap<Key, (Oid, Pin)>>,
    /// `None`: they do not outlive the process.
    file: Option<PathBuf>,
    writing: Mutex<()>,
}

impl Pins {
    /// `own`: the file of the settings; `basedir`: where mirrors are kept.
    pub(crate) fn load(own: Option<PathBuf>, basedir: Option<PathBuf>) -> Result<Self, Problem> {
        let file = own.or_else(|| basedir.map(|basedir| basedir.join(FILE)));
        let Some(path) = &file else { return Ok(Self::default()) };
        let broken = |cause: String| {
            Problem::new("WS-1462", format!("pins cannot be read: {}: {cause}", path.display()))
                .hint("mend the file, or remove it: labels then follow their branches again")
        };
        let list: Vec<Pin> = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(broken(error.to_string())),
        };
        let mut held = BTreeMap::new();
        for pin in list {
            let id =
                Oid::from_str(&pin.commit).map_err(|_| broken(format!("`{}` is no commit", pin.commit)))?;
            held.insert((pin.repository.clone(), pin.label.clone()), (id, pin));
        }
        Ok(Self { held: ArcSwap::from_pointee(held), file, writing: Mutex::default() })
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.file.is_some()
    }

    /// What a label is held at. Costs nothing while there are no pins.
    pub(crate) fn commit(&self, uri: &str, label: &str) -> Option<Oid> {
        let held = self.held.load();
        if held.is_empty() {
            return None;
        }
        held.get(&(Shown(uri).to_string(), label.to_owned())).map(|(id, _)| *id)
    }

    pub(crate) fn get(&self, uri: &str, label: &str) -> Option<Pin> {
        let key = (Shown(uri).to_string(), label.to_owned());
        self.held.load().get(&key).map(|(_, pin)| pin.clone())
    }

    pub(crate) fn all(&self) -> Vec<Pin> {
        self.held.load().values().map(|(_, pin)| pin.clone()).collect()
    }

    /// Commits of a repository that must stay in its mirror.
    pub(crate) fn commits(&self, uri: &str) -> Vec<Oid> {
        let uri = Shown(uri).to_string();
        self.held.load().iter().filter(|((own, _), _)| *own == uri).map(|(_, (id, _))| *id).collect()
    }

    pub(crate) fn hold(&self, id: Oid, pin: &Pin) -> std::io::Result<()> {
        self.change(|held| {
            held.insert((pin.repository.clone(), pin.label.clone()), (id, pin.clone()));
        })
    }

    /// The pin that there was.
    pub(crate) fn release(&self, uri: &str, label: &str) -> std::io::Result<Option<Pin>> {
        let Some(pin) = self.get(uri, label) else { return Ok(None) };
        self.change(|held| {
            held.remove(&(pin.repository.clone(), pin.label.clone()));
        })?;
        Ok(Some(pin))
    }

    /// Written before it holds: what was confirmed outlives a crash.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<Key, (Oid, Pin)>)) -> std::io::Result<()> {
        let _alone = self.writing.lock();
        let mut held = BTreeMap::clone(&self.held.load());
        change(&mut held);
        if let Some(file) = &self.file {
            let list: Vec<&Pin> = held.values().map(|(_, pin)| pin).collect();
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let new = file.with_extension("new");
            std::fs::write(&new, serde_json::to_vec_pretty(&list)?)?;
            std::fs::rename(&new, file)?;
        }
        self.held.store(held.into());
        Ok(())
    }
}
