//! Locations to files to documents: which files a location means, in which order, and what stands in them.

use std::path::{Path, PathBuf};

use crate::{Problem, PropertySource, codes, flatten, java_properties, yaml};

/// Lowest precedence first, as Boot ranks them.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "properties"];

/// A place to look: one file, or a directory with `<name>.*`.
#[derive(Clone, Debug)]
pub(super) struct Location {
    path: PathBuf,
    /// As written, for names and complaints.
    written: String,
    optional: bool,
    directory: bool,
    /// How to read a file whose name does not say (`secrets[.yaml]`).
    extension: Option<String>,
}

/// A file to read.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    written: String,
    extension: String,
}

impl Location {
    /// Reads one location: `file:` is relative to the working directory, a bare path to the importing file.
    pub(super) fn parse(written: &str, working: &Path, parent: Option<&Path>) -> Self {
        let (optional, rest) =
            written.strip_prefix("optional:").map_or((false, written), |rest| (true, rest));
        let (base, rest) = match rest.strip_prefix("file:") {
            Some(rest) => (working, rest.strip_prefix("//").unwrap_or(rest)),
            None => (parent.unwrap_or(working), rest),
        };
        let (rest, extension) = match rest.strip_suffix(']').and_then(|rest| rest.rsplit_once("[.")) {
            Some((rest, extension)) => (rest, Some(extension.to_owned())),
            None => (rest, None),
        };
        let clean = rest.strip_prefix("./").unwrap_or(rest);
        let directory = rest.ends_with('/') || rest.is_empty() || rest == ".";
        Self { path: base.join(clean), written: written.to_owned(), optional, directory, extension }
    }

    /// A location ending in `*/` is every directory in it, in name order.
    pub(super) fn expanded(self) -> Vec<Self> {
        let Some(parent) = self.path.to_str().and_then(|path| path.strip_suffix("*/")).map(PathBuf::from)
        else {
            return vec![self];
        };
        let entries = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok().map(|entry| entry.path()));
        let mut directories: Vec<_> = entries.filter(|path| path.is_dir()).collect();
        directories.sort();
        directories.into_iter().map(|path| Self { path, ..self.clone() }).collect()
    }

    /// The files of this location, lowest first; the profile's variants when one is given. Only what exists.
    pub(super) fn files(&self, names: &[String], profile: Option<&str>) -> Result<Vec<File>, Problem> {
        let suffix = profile.map(|profile| format!("-{profile}")).unwrap_or_default();
        if !self.directory {
            let name = self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let (stem, extension) = match (&self.extension, name.rsplit_once('.')) {
                (Some(extension), _) => (name, extension.clone()),
                (None, Some((stem, extension))) if EXTENSIONS.contains(&extension) => {
                    (stem, extension.to_owned())
                }
                (None, _) => {
                    return Err(Problem::new(
                        codes::IMPORT_UNKNOWN,
                        "file extension is not known to any reader",
                    )
                    .found(&*self.written)
                    .hint("a name ending in .yml, .yaml or .properties, or a hint such as secrets[.yaml]"));
                }
            };
            let file_name = if self.extension.is_some() {
                format!("{stem}{suffix}")
            } else {
                format!("{stem}{suffix}.{extension}")
            };
            let file =
                File { path: self.path.with_file_name(file_name), written: self.written.clone(), extension };
            return Ok(Some(file).filter(|file| file.path.is_file()).into_iter().collect());
        }
        let file = |name: &String, extension: &&str| File {
            path: self.path.join(format!("{name}{suffix}.{extension}")),
            written: self.written.clone(),
            extension: (*extension).to_owned(),
        };
        let all = names.iter().flat_map(|name| EXTENSIONS.iter().map(move |extension| file(name, extension)));
        Ok(all.filter(|file| file.path.is_file()).collect())
    }

    /// A location that must be there and is not.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let there = if self.directory { self.path.is_dir() } else { self.path.is_file() };
        if there || self.optional {
            return Ok(());
        }
        let kind = if self.directory { "directory" } else { "file" };
        Err(Problem::new(codes::FILE_MISSING, format!("no {kind} {}", self.path.display()))
            .found(&*self.written)
            .hint("optional: before a location that may be absent"))
    }
}

impl File {
    /// The documents of the file, in order.
    pub(super) fn documents(&self) -> Result<Vec<PropertySource>, Problem> {
        let bytes = std::fs::read(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let shown = self.path.display().to_string();
        let documents: Vec<_> = match self.extension.as_str() {
            "properties" => java_properties::parse(&bytes, &shown)?,
            _ => yaml::parse_bytes(&bytes, &shown)?.iter().map(flatten::document).collect(),
        };
        let name = format!("Config resource 'file [{shown}]' via location '{}'", self.written);
        let many = documents.len() > 1;
        let named = documents.into_iter().enumerate().map(|(at, entries)| {
            let name = if many { format!("{name} (document #{at})") } else { name.clone() };
            PropertySource::new(name, entries)
        });
        Ok(named.collect())
    }
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(codes::FILE_UNREADABLE, format!("cannot read {}: {error}", path.display()))
}
