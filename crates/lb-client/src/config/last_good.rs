//! The last set that a config server gave, kept on disk: a start while no server answers goes on from there.
//!
//! Values lie there as the server gave them, decrypted ones too, so only the owner may read the files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::warn;
use wellspring_properties::Environment;
use wellspring_wire::config;

use crate::eureka::without_credentials;

/// `wellspring.config.last-good`: a folder; without it nothing is kept.
const SETTING: &str = "wellspring.config.last-good";

/// Names of files have an end.
const LONGEST_NAME: usize = 180;

/// The file of one question.
#[derive(Debug)]
pub(super) struct LastGood {
    folder: PathBuf,
    name: String,
}

impl LastGood {
    /// For what is asked of `location`: names, profiles and label, each with others a file of its own.
    pub(super) fn from_env(env: &Environment, location: &str, asked: &[&str]) -> Option<Self> {
        let folder = env.get(SETTING).filter(|folder| !folder.trim().is_empty())?;
        let location = without_credentials(location);
        let parts = asked.iter().copied().chain([location.as_str()]).filter(|part| !part.is_empty());
        let parts: Vec<String> =
            parts.map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()).collect();
        let name: String = parts.join("-").chars().take(LONGEST_NAME).collect();
        Some(Self { folder: folder.into(), name: format!("{name}.json") })
    }

    /// Keeps a set. That it cannot be kept is said in the log; the set is good all the same.
    pub(super) fn keep(&self, set: &config::Environment) {
        let kept = serde_json::to_vec(set).map_err(io::Error::from).and_then(|text| self.write(&text));
        if let Err(error) = kept {
            warn!(folder = %self.folder.display(), %error, "configuration could not be kept");
        }
    }

    /// The set that was kept.
    pub(super) fn read(&self) -> Option<config::Environment> {
        let file = self.file();
        let text = fs::read(&file).ok()?;
        match serde_json::from_slice(&text) {
            Ok(set) => Some(set),
            Err(error) => {
                warn!(file = %file.display(), %error, "kept configuration cannot be read");
                None
            }
        }
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Whole or not at all: written beside it, then put in its place.
    fn write(&self, text: &[u8]) -> io::Result<()> {
        if fs::read(self.file()).is_ok_and(|known| known == text) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let beside: &Path = &self.folder.join(format!(".{}.{}", self.name, std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(beside, self.file())
    }
}
