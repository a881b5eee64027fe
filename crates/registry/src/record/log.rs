//! The event log: one JSON line per change, append-only, bounded by size and age.
//!
//! Writing never waits: changes go through a queue, and when the disk is slower than the registry some are lost and
//! counted. A line that a crash cut short is taken off at the next start, and a full disk costs lines and nothing else.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeek, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wellspring_daemon::error_page;
use wellspring_wire::Millis;

use super::LogSettings;
use crate::Caller;
use crate::access::Names;
use crate::state::Change;

const QUEUE: usize = 8192;
/// Where the last line begins, at the latest, counted from the end.
const TAIL: u64 = 64 * 1024;
const NAME: &str = "events.jsonl";
const OLD_NAME: &str = "events.1.jsonl";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    id: u64,
    at: String,
    what: &'static str,
    app: &'a str,
    instance: &'a str,
    status: &'static str,
    overridden_status: &'static str,
    last_dirty_timestamp: Option<Millis>,
    /// `client`, `peer` or `registry`.
    by: &'static str,
    /// The user; absent where nobody is asked who he is.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<std::net::IpAddr>,
}

/// The registry's end of the queue.
#[derive(Debug)]
pub struct EventLog {
    queue: mpsc::Sender<Vec<u8>>,
    lost: Arc<AtomicU64>,
    names: Names,
}

impl EventLog {
    /// Opens the log in `directory`; says the id of its last line. The future writes until `ended`, and what is queued then.
    pub async fn open(
        directory: &Path,
        settings: LogSettings,
        names: Names,
        ended: CancellationToken,
    ) -> std::io::Result<(Self, u64, impl Future<Output = ()> + Send + 'static)> {
        fs::create_dir_all(directory).await?;
        let path = directory.join(NAME);
        let (file, size) = append(&path).await?;
        let old = directory.join(OLD_NAME);
        let last = last_id(&path).await.max(last_id(&old).await);
        let (queue, lines) = mpsc::channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { path, old, file, size, settings, lost: Arc::clone(&lost), failing: false };
        Ok((Self { queue, lost, names }, last, writer.run(lines, ended)))
    }

    pub fn record(&self, change: &Change, caller: Option<Caller>, at: Millis) {
        let instance = &change.instance;
        let line = Line {
            id: change.version,
            at: error_page::timestamp(at.0),
            what: change.kind.as_str(),
            app: &instance.app,
            instance: instance.id(),
            status: instance.status.as_str(),
            overridden_status: instance.overridden_status.as_str(),
            last_dirty_timestamp: instance.last_dirty,
            by: match caller {
                Some(Caller { peer: true, .. }) => "peer",
                Some(Caller { peer: false, .. }) => "client",
                None => "registry",
            },
            actor: caller.and_then(|caller| self.names.of(caller.user)),
            from: caller.and_then(|caller| caller.from),
        };
        let Ok(mut bytes) = serde_json::to_vec(&line) else { return };
        bytes.push(b'\n');
        if self.queue.try_send(bytes).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Writer {
    path: PathBuf,
    old: PathBuf,
    file: File,
    size: u64,
    settings: LogSettings,
    lost: Arc<AtomicU64>,
    /// The last attempt failed, and that has been said.
    failing: bool,
}

impl Writer {
    async fn run(mut self, mut lines: mpsc::Receiver<Vec<u8>>, ended: CancellationToken) {
        let mut batch: Vec<Vec<u8>> = Vec::new();
        loop {
            let count = tokio::select! {
                count = lines.recv_many(&mut batch, 1024) => count,
                () = ended.cancelled() => {
                    while let Ok(line) = lines.try_recv() {
                        batch.push(line);
                    }
                    self.write(&mut batch).await;
                    return;
                }
            };
            if count == 0 {
                return;
            }
            self.write(&mut batch).await;
        }
    }

    async fn write(&mut self, batch: &mut Vec<Vec<u8>>) {
        let bytes = batch.concat();
        let count = batch.len() as u64;
        batch.clear();
        let written = async {
            self.file.write_all(&bytes).await?;
            self.file.flush().await?;
            self.size += bytes.len() as u64;
            if self.size > self.settings.max_size / 2 {
                self.turn().await?;
            }
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = written.await {
            self.lost.fetch_add(count, Ordering::Relaxed);
            if !self.failing {
                tracing::error!(path = %self.path.display(), %error, "event log cannot be written: changes are served and not recorded");
            }
            self.failing = true;
            // What a full disk took of a line would spoil the next one.
            if let Err(error) = self.file.set_len(self.size).await {
                tracing::debug!(%error, "event log could not be cut");
            }
            return;
        }
        self.failing = false;
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "changes are missing in the event log");
        }
    }

    /// Begins a new file; the one before is kept, the one before that is not.
    async fn turn(&mut self) -> std::io::Result<()> {
        fs::rename(&self.path, &self.old).await?;
        (self.file, self.size) = append(&self.path).await?;
        Ok(())
    }
}

/// Opens for appending, without a last line that was cut short.
async fn append(path: &Path) -> std::io::Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).await?;
    let size = file.metadata().await?.len();
    let whole = whole_lines(&mut file, size).await?;
    if whole != size {
        tracing::warn!(path = %path.display(), "the last line of the event log was cut short and is gone");
        file.set_len(whole).await?;
    }
    Ok((file, whole))
}

/// How much of a file of this size is lines that end.
async fn whole_lines(file: &mut (impl AsyncRead + AsyncSeek + Unpin), size: u64) -> std::io::Result<u64> {
    let mut whole = size;
    let mut buffer = vec![0; 4096];
    while whole > 0 {
        let from = whole.saturating_sub(buffer.len() as u64);
        file.seek(SeekFrom::Start(from)).await?;
        let length = usize::try_from(whole - from).unwrap_or_default();
        let Some(part) = buffer.get_mut(..length) else { break };
        file.read_exact(part).await?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            whole = from + at as u64 + 1;
            break;
        }
        whole = from;
    }
    Ok(whole)
}

/// The id of a log's last line; 0 when there is none.
async fn last_id(path: &Path) -> u64 {
    let tail = async {
        let mut file = File::open(path).await?;
        let size = file.metadata().await?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).await?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail).await?;
        Ok::<_, std::io::Error>(tail)
    };
    last_id_in(&tail.await.unwrap_or_default())
}

/// The id of the last line that is one; the first may be cut.
fn last_id_in(tail: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Id {
        id: u64,
    }
    let mut lines = tail.rsplit(|byte| *byte == b'\n');
    lines.find_map(|line| serde_json::from_slice::<Id>(line).ok()).map_or(0, |line| line.id)
}

/// Deletes the older file when nothing in it is young enough.
pub(super) async fn forget(directory: &Path, settings: &LogSettings) {
    let path = directory.join(OLD_NAME);
    let Ok(metadata) = fs::metadata(&path).await else { return };
    let old =
        metadata.modified().ok().and_then(|at| at.elapsed().ok()).is_some_and(|age| age > settings.max_age);
    if old && let Err(error) = fs::remove_file(&path).await {
        tracing::warn!(path = %path.display(), %error, "old event log could not be deleted");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use wellspring_wire::eureka::InstanceInfo;

    use super::*;
    use crate::state::ChangeKind;

    fn change(version: u64) -> Change {
        let instance = InstanceInfo { app: "A".into(), host_name: "h".into(), ..InstanceInfo::default() };
        Change { version, kind: ChangeKind::Registered, instance: Arc::new(instance) }
    }

    async fn written(directory: &Path, versions: std::ops::Range<u64>, max_size: u64) {
        let settings = LogSettings { max_size, max_age: Duration::from_secs(1) };
        let ended = CancellationToken::new();
        let (log, _, writer) =
            EventLog::open(directory, settings, Names::default(), ended.clone()).await.unwrap();
        for version in versions {
            log.record(&change(version), Some(Caller::CLIENT), Millis(1_700_000_000_000));
        }
        ended.cancel();
        writer.await;
    }

    fn ids(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap();
        let id =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap();
        text.lines().map(id).collect()
    }

    #[tokio::test]
    async fn a_line_cut_short_is_taken_off_and_the_log_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path(), 1..4, 1 << 20).await;
        let path = directory.path().join(NAME);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"id\":4,\"at\":\"20");
        std::fs::write(&path, text).unwrap();
        written(directory.path(), 5..7, 1 << 20).await;
        assert_eq!(ids(&path), [1, 2, 3, 5, 6]);
    }

    #[tokio::test]
    async fn the_last_id_is_known_also_right_after_a_new_file_was_begun() {
        let directory = tempfile::tempdir().unwrap();
        written(directory.path(), 1..30, 4000).await;
        std::fs::write(directory.path().join(NAME), "").unwrap();
        assert!(last_id(&directory.path().join(OLD_NAME)).await > 0);
        assert_eq!(last_id(&directory.path().join(NAME)).await, 0);
        assert_eq!(last_id(&directory.path().join("none")).await, 0);
    }

    #[tokio::test]
    async fn the_log_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..20 {
            written(directory.path(), round * 10..round * 10 + 10, 8000).await;
        }
        let size = |name: &str| std::fs::metadata(directory.path().join(name)).map_or(0, |file| file.len());
        assert!(size(NAME) + size(OLD_NAME) < 10_000);
        assert!(size(OLD_NAME) > 0);
        let last = ids(&directory.path().join(NAME)).last().copied().or(ids(&directory
            .path()
            .join(OLD_NAME))
        .last()
        .copied());
        assert_eq!(last, Some(199));
    }

    #[test]
    fn long_files() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let example = runtime.block_on(async {
            written(folder.path(), 1..4, 1 << 20).await;
            std::fs::read(folder.path().join(NAME)).unwrap()
        });
        let words = ["\n", "{", "}", "\"id\":", "18446744073709551615", "-1", "null", "\u{0}"];
        let last = last_id_in(&example);
        wellspring_test_support::fuzz::run("the registry's event log", &[&example], &words, |bytes, _| {
            let mut file = std::io::Cursor::new(bytes);
            let whole = runtime.block_on(whole_lines(&mut file, bytes.len() as u64)).unwrap();
            let kept = bytes.get(..usize::try_from(whole).unwrap()).unwrap();
            assert!(kept.is_empty() || kept.ends_with(b"\n"), "what was whole stays");
            assert!(!bytes.get(kept.len()..).unwrap().contains(&b'\n'), "and nothing else");
            // What follows a line that is whole is no reason to forget its id.
            if kept == example {
                assert_eq!(last_id_in(kept), last);
            } else {
                last_id_in(bytes);
            }
        });
    }
}
