//! The pack protocol, first version: what the remote has, what we want and have, and the pack that closes the gap.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use git2::Oid;
use tokio::sync::mpsc;

use super::packet::{FLUSH, Packet, Packets, line};
use crate::repository::git::refs::Refs;

/// Commits that we tell the remote we have: enough to find common ground after a force push.
const HAVES: usize = 256;
/// Pieces of a pack between the network and the disk.
const AHEAD: usize = 16;
const SIDE_BAND: &str = "side-band-64k";

/// What the remote says first.
#[derive(Debug, Default)]
pub(super) struct Advertisement {
    pub(super) refs: Refs,
    capabilities: String,
}

pub(super) async fn advertisement(packets: &mut Packets) -> Result<Advertisement, String> {
    let mut said = Advertisement::default();
    loop {
        let Packet::Line(bytes) = packets.next().await? else { return Ok(said) };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches('\n');
        let (text, capabilities) = text.split_once('\0').unwrap_or((text, ""));
        if !capabilities.is_empty() {
            capabilities.clone_into(&mut said.capabilities);
            let head = capabilities.split(' ').find_map(|capability| capability.strip_prefix("symref=HEAD:"));
            said.refs.head = head.map(str::to_owned);
        }
        // Anything else is a version, or shallow commits.
        if let Some((id, name)) = text.split_once(' ')
            && Refs::is_mirrored(name)
            && let Ok(id) = Oid::from_str(id)
        {
            said.refs.names.insert(name.to_owned(), id);
        }
    }
}

impl Advertisement {
    /// The request for what is missing; `None`: nothing is.
    pub(super) async fn request(&self, mirror: &Path, known: &Refs) -> Result<Option<Vec<u8>>, String> {
        // The common case costs nothing.
        if self.refs.names.iter().all(|(name, id)| known.names.get(name) == Some(id)) {
            return Ok(None);
        }
        let (mirror, news, known) = (mirror.to_owned(), self.refs.clone(), known.clone());
        let (wants, haves) = tokio::task::spawn_blocking(move || difference(&mirror, &news, &known))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.message().to_owned())?;
        if wants.is_empty() {
            return Ok(None);
        }
        if !self.has(SIDE_BAND) {
            return Err(format!("the server does not offer {SIDE_BAND}"));
        }
        let mut capabilities = String::from(SIDE_BAND);
        for capability in ["ofs-delta", "no-progress"].into_iter().filter(|capability| self.has(capability)) {
            capabilities.push(' ');
            capabilities.push_str(capability);
        }
        let mut out = Vec::new();
        for (at, want) in wants.iter().enumerate() {
            let capabilities = if at == 0 { format!(" {capabilities}") } else { String::new() };
            line(&mut out, &format!("want {want}{capabilities}\n"));
        }
        out.extend_from_slice(FLUSH);
        for have in haves {
            line(&mut out, &format!("have {have}\n"));
        }
        line(&mut out, "done\n");
        Ok(Some(out))
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.split(' ').any(|known| known == capability)
    }
}

/// Tips that we lack, and commits that we have.
fn difference(mirror: &Path, news: &Refs, known: &Refs) -> Result<(Vec<Oid>, Vec<Oid>), git2::Error> {
    let repository = git2::Repository::open(mirror)?;
    let objects = repository.odb()?;
    let mut wants: Vec<Oid> = news.names.values().copied().filter(|id| !objects.exists(*id)).collect();
    wants.sort_unstable();
    wants.dedup();
    let mut walk = repository.revwalk()?;
    walk.set_sorting(git2::Sort::TIME)?;
    for id in known.names.values() {
        // A tag may name something that is no commit.
        if let Ok(commit) = repository.find_object(*id, None).and_then(|object| object.peel_to_commit()) {
            walk.push(commit.id())?;
        }
    }
    let haves = walk.take(HAVES).collect::<Result<_, _>>()?;
    Ok((wants, haves))
}

/// Takes the pack that answers a request.
pub(super) async fn receive(packets: &mut Packets, mirror: &Path) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let mirror = mirror.to_owned();
    let writer = tokio::task::spawn_blocking(move || {
        let written = write(&mirror, receiver);
        give_back();
        written
    });
    let read = pass_on(packets, &sender).await;
    // A pack that broke off must not be taken for a whole one: the writer sees an end only when reading went well.
    let last = read.as_ref().map(|()| Piece::End).unwrap_or(Piece::Broken);
    let told = sender.send(last).await;
    drop(sender);
    let written = writer.await.map_err(|error| error.to_string())?;
    read?;
    written?;
    told.map_err(|_| "the pack could not be written".to_owned())
}

enum Piece {
    Data(Bytes),
    End,
    Broken,
}

async fn pass_on(packets: &mut Packets, sender: &mpsc::Sender<Piece>) -> Result<(), String> {
    let mut started = false;
    loop {
        let line = match packets.next().await? {
            Packet::Line(line) => line,
            Packet::Flush if started => return Ok(()),
            Packet::Flush => continue,
        };
        match line.first() {
            Some(1) => {
                started = true;
                if sender.send(Piece::Data(line.slice(1..))).await.is_err() {
                    // The writer says why.
                    return Ok(());
                }
            }
            // Progress, and what we have in common.
            Some(2 | b'N' | b'A') | None => {}
            Some(3) => return Err(String::from_utf8_lossy(&line.slice(1..)).trim().to_owned()),
            Some(_) => return Err("the answer is not of a Git server".to_owned()),
        }
    }
}

/// What a large pack took in small pieces, and has let go of, glibc keeps until something large is freed by the same thread.
fn give_back() {
    const LARGE: usize = 100 * 1024;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
}

fn write(mirror: &PathBuf, mut pieces: mpsc::Receiver<Piece>) -> Result<(), String> {
    let message = |error: git2::Error| error.message().to_owned();
    let repository = git2::Repository::open(mirror).map_err(message)?;
    let objects = repository.odb().map_err(message)?;
    let mut writer = objects.packwriter().map_err(message)?;
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Data(bytes) => writer.write_all(&bytes).map_err(|error| error.to_string())?,
            Piece::End => return writer.commit().map(|_| ()).map_err(message),
            Piece::Broken => break,
        }
    }
    Err("the pack is incomplete".to_owned())
}
