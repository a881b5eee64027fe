//! Keeps a mirror's disk bounded: packs with what no branch, tag or pin reaches any more (force pushes, deleted branches, a replaced
//! repository) are removed, many small packs become one.
//!
//! A pack that is mostly needed stays as it is, so the cost follows what was pushed, not the size of the history. Readers go on
//! meanwhile: the new pack is there before an old one goes, and their handles are renewed in between.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};

use super::store::Store;

/// Packs beyond which they are put together.
const PACKS: usize = 30;
/// Bytes that may come in before it is looked what is still needed, beside as many again as were needed last time.
const SLACK: u64 = 16 << 20;
/// Objects below which a pack is put together with others.
const SMALL: usize = 5_000;

/// Whether it is worth while. `settled`: bytes after the last time.
pub(super) fn is_due(git: &Path, settled: u64) -> bool {
    let packs = packs(git);
    packs.len() > PACKS || bytes(&packs) > settled.saturating_mul(2).saturating_add(SLACK)
}

/// Removes what cannot be reached from `roots`; returns the bytes that are left.
pub(super) fn sweep(git: &Path, store: &Store, roots: &[Oid]) -> Result<u64, String> {
    let message = |error: git2::Error| error.message().to_owned();
    let repository = Repository::open(git).map_err(message)?;
    let needed = reachable(&repository, roots).map_err(message)?;
    let mut kept: HashSet<Oid> = HashSet::new();
    let (mut moved, mut old) = (Vec::new(), Vec::new());
    let mut all = packs(git);
    // The largest first: what it has need not be kept elsewhere.
    all.sort_by_key(|pack| std::cmp::Reverse(size(pack)));
    for pack in all {
        let objects = index(&pack.with_extension("idx")).map_err(|error| error.to_string())?;
        let alive: Vec<Oid> =
            objects.iter().copied().filter(|id| needed.contains(id) && !kept.contains(id)).collect();
        kept.extend(alive.iter().copied());
        if objects.len() >= SMALL && alive.len() * 2 >= objects.len() {
            continue;
        }
        moved.extend(alive);
        old.push(pack);
    }
    let made = if moved.is_empty() { None } else { write(&repository, git, &moved).map_err(message)? };
    drop(repository);
    // From here on handles see the new pack.
    store.renew();
    for pack in old.iter().filter(|pack| made.as_ref() != Some(pack)) {
        // The index goes first: without it nobody looks into the pack.
        for extension in ["idx", "rev", "pack"] {
            let file = pack.with_extension(extension);
            if file.exists() {
                fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
    }
    store.renew();
    Ok(bytes(&packs(git)))
}

fn packs(git: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(git.join("objects/pack")) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "pack")).collect()
}

fn size(pack: &Path) -> u64 {
    fs::metadata(pack).map_or(0, |metadata| metadata.len())
}

fn bytes(packs: &[PathBuf]) -> u64 {
    packs.iter().map(|pack| size(pack)).sum()
}

/// All that can be reached, submodules' commits too where they are in the same store.
fn reachable(repository: &Repository, roots: &[Oid]) -> Result<HashSet<Oid>, git2::Error> {
    let objects = repository.odb()?;
    let mut seen: HashSet<Oid> = HashSet::new();
    let mut open: Vec<Oid> = roots.to_vec();
    while let Some(id) = open.pop() {
        if !objects.exists(id) || !seen.insert(id) {
            continue;
        }
        let object = repository.find_object(id, None)?;
        match object.kind() {
            Some(ObjectType::Commit) => {
                let commit = object.peel_to_commit()?;
                open.extend(commit.parent_ids().chain([commit.tree_id()]));
            }
            Some(ObjectType::Tag) => open.extend(object.as_tag().map(git2::Tag::target_id)),
            Some(ObjectType::Tree) => {
                let Some(tree) = object.as_tree() else { continue };
                for entry in tree {
                    match entry.kind() {
                        // Files have nothing below them.
                        Some(ObjectType::Blob) => {
                            seen.insert(entry.id());
                        }
                        _ if !seen.contains(&entry.id()) => open.push(entry.id()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Ok(seen)
}

/// A pack of these objects; `None` when it is one that was there already.
fn write(repository: &Repository, git: &Path, objects: &[Oid]) -> Result<Option<PathBuf>, git2::Error> {
    let mut builder = repository.packbuilder()?;
    builder.set_threads(1);
    for id in objects {
        builder.insert_object(*id, None)?;
    }
    let folder = git.join("objects/pack");
    builder.write(&folder, 0o444)?;
    Ok(builder.name()?.map(|name| folder.join(format!("pack-{name}.pack"))))
}

/// The ids in a pack's index, version 2: a head of 8 bytes, 256 sums by first byte, then the ids in order.
fn index(file: &Path) -> std::io::Result<Vec<Oid>> {
    const IDS: usize = 8 + 256 * 4;
    let bytes = fs::read(file)?;
    let broken = || std::io::Error::other(format!("{} is no index of a pack", file.display()));
    let head = bytes.get(..IDS).filter(|head| head.starts_with(b"\xfftOc\0\0\0\x02")).ok_or_else(broken)?;
    let count = head.last_chunk::<4>().map_or(0, |sum| u32::from_be_bytes(*sum) as usize);
    let ids = bytes.get(IDS..IDS + count * 20).ok_or_else(broken)?;
    Ok(ids.chunks_exact(20).filter_map(|id| Oid::from_bytes(id).ok()).collect())
}
