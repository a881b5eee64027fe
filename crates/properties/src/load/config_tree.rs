//! `configtree:/etc/secrets/`: a directory whose files are keys and whose contents are values (mounted secrets).

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::{Entry, Origin, Problem, PropertySource, Scalar, codes};

const DEPTH: usize = 100;

/// The sources of a location; `/*/` at its end means each directory in it, the last in name order winning.
pub(super) fn read(location: &str, optional: bool, base: &Path) -> Result<Vec<PropertySource>, Problem> {
    if let Some(parent) = location.strip_suffix("/*/") {
        let mut directories: Vec<_> =
            entries(&base.join(parent), optional)?.into_iter().filter(|path| path.is_dir()).collect();
        directories.sort();
        return directories.iter().rev().map(|directory| source(directory)).collect();
    }
    let directory = base.join(location);
    if optional && !directory.is_dir() {
        return Ok(Vec::new());
    }
    Ok(vec![source(&directory)?])
}

fn source(directory: &Path) -> Result<PropertySource, Problem> {
    let mut out = IndexMap::new();
    collect(directory, "", 0, &mut out)?;
    Ok(PropertySource::new(format!("Config tree '{}'", directory.display()), out))
}

fn collect(
    directory: &Path,
    prefix: &str,
    depth: usize,
    out: &mut IndexMap<String, Entry>,
) -> Result<(), Problem> {
    let mut paths = entries(directory, false)?;
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // Kubernetes keeps the versions of a mounted volume in `..data` and the like.
        if name.starts_with("..") {
            continue;
        }
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        if path.is_dir() {
            if depth < DEPTH {
                collect(&path, &key, depth + 1, out)?;
            }
            continue;
        }
        let text = std::fs::read(&path).map_err(|error| super::files::unreadable(&path, &error))?;
        let text = String::from_utf8_lossy(&text);
        let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
        let file: Arc<str> = Arc::from(path.display().to_string());
        out.insert(
            key,
            Entry { value: Scalar::Text(text.to_owned()), origin: Some(Origin::new(&file, 1, 1)) },
        );
    }
    Ok(())
}

fn entries(directory: &Path, optional: bool) -> Result<Vec<std::path::PathBuf>, Problem> {
    match std::fs::read_dir(directory) {
        Ok(entries) => Ok(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()),
        Err(_) if optional => Ok(Vec::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Problem::new(codes::FILE_MISSING, format!("no directory {}", directory.display())))
        }
        Err(error) => Err(super::files::unreadable(directory, &error)),
    }
}
