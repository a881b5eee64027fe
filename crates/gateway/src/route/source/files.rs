//! Watches the files that the configuration came from: their times and sizes, every second.
//!
//! Looking is enough: a gateway has a handful of files, and editors, mounts and symlinks that are swapped all show up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use wellspring_properties::Environment;

const EVERY: Duration = Duration::from_secs(1);

type Seen = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

/// Calls `changed` after each change of a file, once it has stayed the same for a moment. The future never ends by itself;
/// what counts as a change is anything after this call, not after the future's first poll.
pub fn watch<F, Fut>(env: &Environment, changed: F) -> impl Future<Output = ()> + use<F, Fut>
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()>,
{
    let files = files(env);
    let mut known = look(&files);
    async move {
        let mut pending: Option<Seen> = None;
        while !files.is_empty() {
            tokio::time::sleep(EVERY).await;
            let now = look(&files);
            match &pending {
                // A file that is still being written is left alone until it rests.
                Some(before) if *before == now => {
                    pending = None;
                    known = now;
                    changed().await;
                }
                Some(_) => pending = Some(now),
                None if now != known => pending = Some(now),
                None => {}
            }
        }
    }
}

fn files(env: &Environment) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = env
        .sources()
        .iter()
        .flat_map(|source| source.entries.values())
        .filter_map(|entry| entry.origin.as_ref().filter(|origin| origin.line > 0))
        .map(|origin| PathBuf::from(&*origin.file))
        .collect();
    files.sort();
    files.dedup();
    files.retain(|file| file.is_file());
    files
}

fn look(files: &[PathBuf]) -> Seen {
    let state = |file: &PathBuf| {
        let found = std::fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    files.iter().map(|file| (file.clone(), state(file))).collect()
}
