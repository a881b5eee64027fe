//! The ack board across restarts: a file of records, one in a line.
//!
//! Records are appended as they come and the file is written anew when it has grown to several times what the board holds.
//! A line that a crash has cut is passed over. Writing never holds up the bus: when the disk cannot follow, records are left
//! out and that is logged.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::ack_log::{AckLog, Record};
use crate::bus::Bus;

const QUEUE: usize = 10_000;
/// Lines per event of a full board before the file is written anew: the event, its acks, its resends.
const LINES_PER_EVENT: usize = 64;

/// Restores the board of `bus` from `path`; the journal keeps it there.
pub(crate) async fn keep(bus: &Bus, path: &Path, capacity: usize) -> io::Result<Journal> {
    let mut log = AckLog::new(capacity);
    let (mut lines, broken) = read(path, &mut log).await?;
    let limit = capacity.saturating_mul(LINES_PER_EVENT);
    if broken > 0 {
        warn!(file = %path.display(), broken, "lines of the ack board passed over");
        // Nothing may be appended to half a line: the file is written anew with the first record.
        lines = limit;
    }
    let records: Vec<_> = log.records().collect();
    info!(file = %path.display(), events = records.len(), "ack board restored");
    let (sender, receiver) = mpsc::channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&lost);
    bus.remember(records, move |record| {
        if sender.try_send(record.clone()).is_err() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(Journal { path: path.to_owned(), lines, limit, receiver, lost })
}

/// The writing side.
pub(crate) struct Journal {
    path: PathBuf,
    lines: usize,
    limit: usize,
    receiver: mpsc::Receiver<Record>,
    lost: Arc<AtomicU64>,
}

impl Journal {
    /// Writes until `end`, and then what is left.
    pub(crate) async fn run(mut self, bus: Bus, end: CancellationToken) {
        let mut batch = Vec::new();
        let mut file = None;
        loop {
            batch.clear();
            tokio::select! {
                biased;
                _ = self.receiver.recv_many(&mut batch, 256) => {}
                () = end.cancelled() => return,
            }
            if let Err(error) = self.write(&mut file, &batch, &bus).await {
                warn!(file = %self.path.display(), %error, "ack board could not be kept");
                file = None;
            }
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                warn!(file = %self.path.display(), lost, "disk too slow for the ack board");
            }
        }
    }

    async fn write(&mut self, file: &mut Option<File>, batch: &[Record], bus: &Bus) -> io::Result<()> {
        self.lines += batch.len();
        if self.lines > self.limit {
            *file = None;
            return self.rewrite(bus).await;
        }
        if file.is_none() {
            *file = Some(OpenOptions::new().create(true).append(true).open(&self.path).await?);
        }
        let Some(file) = file else { return Ok(()) };
        file.write_all(&lines(batch.iter())?).await?;
        file.flush().await
    }

    /// The batch at hand is in the board already, and so in the new file.
    async fn rewrite(&mut self, bus: &Bus) -> io::Result<()> {
        let records: Vec<_> = bus.ack_log(|log| log.records().collect());
        let new = self.path.with_extension("new");
        fs::write(&new, lines(records.iter())?).await?;
        fs::rename(&new, &self.path).await?;
        self.lines = records.len();
        Ok(())
    }
}

fn lines<'a>(records: impl Iterator<Item = &'a Record>) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Applies the file's records; how many lines it has, and how many of them cannot be read.
async fn read(path: &Path, log: &mut AckLog) -> io::Result<(usize, usize)> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await?;
    }
    let file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    replay(BufReader::new(file), log).await
}

/// Puts the lines of a board's file on it; gives how many there are, and how many are none.
async fn replay(mut reader: impl AsyncBufRead + Unpin, log: &mut AckLog) -> io::Result<(usize, usize)> {
    let (mut line, mut count, mut broken) = (Vec::new(), 0, 0);
    while reader.read_until(b'\n', &mut line).await? > 0 {
        count += 1;
        match serde_json::from_slice(&line) {
            Ok(record) => log.apply(record),
            Err(_) => broken += 1,
        }
        line.clear();
    }
    Ok((count, broken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Options, Scope};
    use crate::transport::memory::Exchange;
    use crate::{Event, Payload};

    fn bus() -> Bus {
        let options = Options { ack_log: Scope::Everyone(10), ..Options::new("bus:8889:x") };
        Bus::start(options, Arc::new(Exchange::new()))
    }

    async fn kept(path: &Path) -> Bus {
        let bus = bus();
        let journal = keep(&bus, path, 10).await.unwrap();
        tokio::spawn(journal.run(bus.clone(), CancellationToken::new()));
        bus
    }

    async fn until_on_disk(path: &Path, text: &str) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while !fs::read_to_string(path).await.unwrap_or_default().contains(text) {
            assert!(tokio::time::Instant::now() < deadline, "{text} is not on disk");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn the_board_survives_a_restart_and_a_cut_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/acks.jsonl");
        let first = kept(&path).await;
        let event = first.publish("", Payload::Refresh).await.unwrap();
        until_on_disk(&path, "acknowledged").await;
        until_on_disk(&path, "bus:8889:x").await;
        let mut text = fs::read_to_string(&path).await.unwrap();
        text.push_str("{\"record\":\"sent\",\"id\":\"cut");
        fs::write(&path, text).await.unwrap();
        let second = kept(&path).await;
        let next = second.publish("", Payload::Refresh).await.unwrap();
        until_on_disk(&path, &next.id).await;
        let third = kept(&path).await;
        for event in [event, next] {
            assert!(third.ack_log(|log| log.entry(&event.id).is_some()));
        }
    }

    #[tokio::test]
    async fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks.jsonl");
        let bus = bus();
        let mut journal = keep(&bus, &path, 10).await.unwrap();
        let mut file = None;
        for _ in 0..10 * LINES_PER_EVENT + 100 {
            let event = Event::new("a:1:x", "**", Payload::Refresh);
            bus.inner.note(&event, true);
            let record = journal.receiver.recv().await.unwrap();
            journal.write(&mut file, &[record], &bus).await.unwrap();
        }
        let lines = fs::read_to_string(&path).await.unwrap().lines().count();
        assert!(lines < 10 * LINES_PER_EVENT, "{lines} lines");
    }

    #[tokio::test]
    async fn an_unusable_path_is_told_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        assert!(keep(&bus(), folder.path(), 10).await.is_err());
    }

    #[test]
    fn long_files() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board");
        let example = runtime.block_on(async {
            let bus = kept(&path).await;
            bus.publish("**", Payload::Refresh).await.unwrap();
            until_on_disk(&path, "Refresh").await;
            std::fs::read(&path).unwrap()
        });
        let words = ["\n", "{", "}", "[", "]", "\"id\":", "null", "\"", ",", "9223372036854775807", "\u{0}"];
        wellspring_test_support::fuzz::run("the board's file", &[&example], &words, |bytes, _| {
            let mut log = AckLog::new(10);
            let (lines, broken) = runtime.block_on(replay(bytes, &mut log)).unwrap();
            assert!(broken <= lines);
        });
    }
}
