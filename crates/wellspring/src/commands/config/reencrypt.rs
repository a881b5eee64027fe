//! `config reencrypt`: every `{cipher}` value of a working tree under a new key, in all files or in none.
//!
//! Everything is read and encrypted before anything is written. New contents are laid beside the files and then moved in their
//! place; when one move fails, those before it are undone.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use wellspring_config_server::reencrypt::{Rekeying, Rewritten};
use wellspring_properties::{Environment, Problem, PropertySource};

use crate::commands::{output, validate};
use crate::server::{Outcome, Output, write};

pub(super) struct Wanted {
    pub(super) from: PathBuf,
    pub(super) to: PathBuf,
    pub(super) alias: Option<String>,
    pub(super) dry_run: bool,
    pub(super) keep_undecryptable: bool,
}

/// A file that holds cipher texts.
struct File {
    path: PathBuf,
    before: Vec<u8>,
    permissions: Permissions,
    after: Rewritten,
}

pub(super) fn run(paths: &[PathBuf], wanted: &Wanted, form: Output, out: &mut dyn Write) -> Outcome {
    let files = match found(paths, wanted) {
        Ok(files) => files,
        Err(problem) => {
            match form {
                Output::Table => writeln!(out, "{problem}")?,
                Output::Json | Output::Yaml | Output::Ndjson => {
                    write(form, &json!({"ok": false, "problems": [output::problem(&problem)]}), out)?;
                }
            }
            return Ok(false);
        }
    };
    let sum = |count: fn(&Rewritten) -> usize| files.iter().map(|file| count(&file.after)).sum::<usize>();
    let undecryptable = sum(|after| after.undecryptable.len());
    let refused = undecryptable > 0 && !wanted.keep_undecryptable;
    let changing = files.iter().filter(|file| file.after.changed > 0);
    let failure =
        if refused || wanted.dry_run { None } else { replace(&changing.clone().collect::<Vec<_>>()).err() };
    let written = !refused && !wanted.dry_run && failure.is_none();
    let places: Vec<String> = files
        .iter()
        .flat_map(|file| {
            file.after.undecryptable.iter().map(|line| format!("{}:{line}", file.path.display()))
        })
        .collect();
    match form {
        Output::Table => {
            for file in changing.clone() {
                writeln!(out, "{}: {} values", file.path.display(), file.after.changed)?;
            }
            for place in &places {
                writeln!(out, "{place}: neither the old nor the new key decrypts this value")?;
            }
            let state = match (&failure, written) {
                (Some(error), _) => format!("nothing was changed: {error}"),
                (None, true) => "written".to_owned(),
                (None, false) if refused => {
                    "nothing was changed: --keep-undecryptable leaves such values as they are".to_owned()
                }
                (None, false) => "nothing was written: --dry-run".to_owned(),
            };
            writeln!(
                out,
                "{} values in {} files to encrypt anew, {} have the new key already, {undecryptable} cannot be decrypted; {state}",
                sum(|after| after.changed),
                changing.count(),
                sum(|after| after.already),
            )?;
        }
        Output::Json | Output::Yaml | Output::Ndjson => {
            let answer = json!({
                "ok": failure.is_none() && !refused,
                "written": written,
                "failure": failure.as_ref().map(ToString::to_string),
                "values": sum(|after| after.changed),
                "already": sum(|after| after.already),
                "files": changing.map(|file| json!({"file": file.path.display().to_string(), "values": file.after.changed})).collect::<Vec<_>>(),
                "undecryptable": places,
            });
            write(form, &answer, out)?;
        }
    }
    Ok(failure.is_none() && !refused)
}

fn found(paths: &[PathBuf], wanted: &Wanted) -> Result<Vec<File>, Problem> {
    let rekeying =
        Rekeying::new(&environment(&wanted.from)?, &environment(&wanted.to)?, wanted.alias.clone())?;
    let mut files = Vec::new();
    for path in paths {
        collect(path, &rekeying, &mut files)?;
    }
    Ok(files)
}

/// Settings of a file, with the process's variables below them: a key that a variable holds is `${NAME}` there.
fn environment(file: &Path) -> Result<Environment, Problem> {
    let mut sources = validate::read(file, &file.display().to_string())?;
    sources.reverse();
    sources.push(PropertySource::of_variables("environment", std::env::vars()));
    Ok(Environment::new(sources, Vec::new()))
}

fn collect(path: &Path, rekeying: &Rekeying, files: &mut Vec<File>) -> Result<(), Problem> {
    let problem =
        |error: io::Error| Problem::new("WS-1482", format!("cannot read {}: {error}", path.display()));
    let kind = fs::symlink_metadata(path).map_err(problem)?;
    if kind.is_dir() {
        let mut inside: Vec<PathBuf> = fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
            .map_err(problem)?;
        inside.sort();
        if path.join("HEAD").is_file() && path.join("objects").is_dir() {
            return Err(Problem::new("WS-1482", format!("{} is a bare Git repository", path.display()))
                .hint("a clone of it: files are rewritten in a working tree, and committed by you"));
        }
        return inside
            .iter()
            .filter(|path| path.file_name().is_none_or(|name| name != ".git"))
            .try_for_each(|path| collect(path, rekeying, files));
    }
    if !kind.is_file() {
        return Ok(());
    }
    let before = fs::read(path).map_err(problem)?;
    if let Some(after) = rekeying.rewrite(&before) {
        files.push(File { path: path.to_owned(), before, permissions: kind.permissions(), after });
    }
    Ok(())
}

/// All files, or none.
fn replace(files: &[&File]) -> io::Result<()> {
    let staged = stage(files);
    let done = staged.and_then(|()| {
        for (at, file) in files.iter().enumerate() {
            let moved = unchanged(file).and_then(|()| fs::rename(beside(&file.path), &file.path));
            if let Err(error) = moved {
                let error = named(&file.path, &error);
                return Err(undo(files.get(..at).unwrap_or_default(), error));
            }
        }
        Ok(())
    });
    for file in files {
        // Those that were moved are not there any more.
        drop(fs::remove_file(beside(&file.path)));
    }
    done
}

/// Lays every new content beside its file.
fn stage(files: &[&File]) -> io::Result<()> {
    for file in files {
        let path = beside(&file.path);
        let laid = fs::OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut new| {
            new.set_permissions(file.permissions.clone())?;
            new.write_all(&file.after.bytes)?;
            new.sync_all()
        });
        laid.map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

fn unchanged(file: &File) -> io::Result<()> {
    if fs::read(&file.path)? == file.before {
        return Ok(());
    }
    Err(io::Error::other("the file was changed meanwhile"))
}

/// Puts the old contents back.
fn undo(files: &[&File], error: io::Error) -> io::Error {
    for file in files {
        if let Err(second) = fs::write(&file.path, &file.before) {
            return io::Error::other(format!(
                "{error}; and {} could not be put back: {second}",
                file.path.display()
            ));
        }
    }
    error
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    path.with_file_name(format!(".{name}.reencrypt"))
}

#[cfg(test)]
mod tests;
