//! How long threads were ready to run and did not get a core: the machine's share in a slow answer, told by the scheduler.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

const STEP: Duration = Duration::from_millis(5);

/// Waiting time of one thread so far.
pub(crate) struct Own(File);

impl Own {
    /// Of the thread that calls.
    pub(crate) fn new() -> Self {
        Self(File::open("/proc/thread-self/schedstat").unwrap())
    }

    pub(crate) fn waited(&self) -> Duration {
        waited(&self.0).unwrap_or_default()
    }
}

/// The second number: nanoseconds on a run queue.
fn waited(schedstat: &File) -> Option<Duration> {
    let mut text = [0; 64];
    let count = schedstat.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..count]).ok()?;
    text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
}

type Sample = (Instant, HashMap<u32, Duration>);

/// Looks at all threads of a process every few milliseconds.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Watch {
    pub(crate) fn start(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut files, mut samples) = (HashMap::new(), Vec::new());
            while !ends.load(Ordering::Relaxed) {
                samples.push((Instant::now(), sample(process, &mut files)));
                std::thread::sleep(STEP);
            }
            samples.push((Instant::now(), sample(process, &mut files)));
            samples
        });
        Self { stop, thread }
    }

    pub(crate) fn end(self) -> Queue {
        self.stop.store(true, Ordering::Relaxed);
        Queue(self.thread.join().unwrap())
    }
}

fn sample(process: u32, files: &mut HashMap<u32, File>) -> HashMap<u32, Duration> {
    let folder = format!("/proc/{process}/task");
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if !files.contains_key(&id)
            && let Ok(file) = File::open(entry.path().join("schedstat"))
        {
            files.insert(id, file);
        }
    }
    let mut times = HashMap::new();
    // A thread that has ended cannot be read any more.
    files.retain(|id, file| waited(file).map(|time| times.insert(*id, time)).is_some());
    times
}

/// What was seen.
pub(crate) struct Queue(Vec<Sample>);

impl Queue {
    /// The longest that any one thread waited for a core between two moments, rounded outwards to the samples.
    pub(crate) fn waited(&self, from: Instant, to: Instant) -> Duration {
        let before = self.0.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let after = self.0.partition_point(|(at, _)| *at < to).min(self.0.len() - 1);
        let (first, last) = (&self.0[before].1, &self.0[after].1);
        let waits = last.iter().map(|(id, time)| *time - *first.get(id).unwrap_or(&Duration::ZERO));
        waits.max().unwrap_or_default()
    }
}
