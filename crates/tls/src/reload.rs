//! Whether files have changed since the last look. Polled: mounted secrets are replaced by links, which watchers miss.

use std::path::PathBuf;
use std::time::SystemTime;

type Seen = Option<(SystemTime, u64)>;

/// Files and how they looked.
#[derive(Debug)]
pub struct Watched {
    files: Vec<(PathBuf, Seen)>,
}

impl Watched {
    pub fn new(files: &[PathBuf]) -> Self {
        Self { files: files.iter().map(|file| (file.clone(), look(file))).collect() }
    }

    /// Looks again; a file that is gone for the moment has not changed yet.
    pub fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.files {
            let now = look(file);
            if now.is_some() && now != *seen {
                *seen = now;
                changed = true;
            }
        }
        changed
    }
}

fn look(file: &PathBuf) -> Seen {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
