//! A steady load on a config server: so many requests a second over kept connections, each answer judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::queue::{Own, Queue};

const CONNECTIONS: u32 = 16;

/// A load that runs until it is asked for its result.
pub(crate) struct Load {
    began: Instant,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Outcome>>,
}

struct Answer {
    sent: Instant,
    took: Duration,
    /// The asking thread's own wait for a core.
    waited: Duration,
}

/// What became of the requests.
#[derive(Default)]
pub(crate) struct Outcome {
    answers: Vec<Answer>,
    failures: Vec<String>,
    lasted: Duration,
}

impl Load {
    /// Of all `paths` in turn.
    pub(crate) fn start(port: u16, per_second: u32, paths: &[&str]) -> Self {
        let requests: Arc<[Vec<u8>]> = paths.iter().map(|path| Client::request(path)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let began = Instant::now();
        let pause = Duration::from_secs(1) * CONNECTIONS / per_second;
        let thread = |nth| {
            let (requests, stop) = (Arc::clone(&requests), Arc::clone(&stop));
            std::thread::spawn(move || ask(port, &requests, began + pause * nth / CONNECTIONS, pause, &stop))
        };
        Self { began, threads: (0..CONNECTIONS).map(thread).collect(), stop }
    }

    pub(crate) fn end(self) -> Outcome {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Outcome { lasted: self.began.elapsed(), ..Outcome::default() };
        for thread in self.threads {
            let part = thread.join().unwrap();
            all.answers.extend(part.answers);
            all.failures.extend(part.failures);
        }
        all.answers.sort_unstable_by_key(|answer| answer.took);
        all
    }
}

/// One connection. What a busy machine has kept from being sent is sent late, and without pauses until it is made up for.
fn ask(port: u16, requests: &[Vec<u8>], first: Instant, pause: Duration, stop: &AtomicBool) -> Outcome {
    let (own, mut outcome) = (Own::new(), Outcome::default());
    let (mut client, mut due) = (None, first);
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += pause;
        let (sent, waited) = (Instant::now(), own.waited());
        let answer = match &mut client {
            Some(client) => Client::ask(client, request).map(<[u8]>::len),
            none => Client::open(port).and_then(|open| none.insert(open).ask(request).map(<[u8]>::len)),
        };
        match answer {
            Ok(_) => outcome.answers.push(Answer {
                sent,
                took: sent.elapsed(),
                waited: own.waited().saturating_sub(waited),
            }),
            Err(error) => {
                outcome.failures.push(error.to_string());
                client = None;
            }
        }
    }
    outcome
}

impl Outcome {
    pub(crate) fn per_second(&self) -> f64 {
        self.answers.len() as f64 / self.lasted.as_secs_f64()
    }

    /// `share` of the requests were answered within this time.
    pub(crate) fn within(&self, share: f64) -> Duration {
        #[expect(clippy::cast_sign_loss, reason = "a share")]
        let at = (self.answers.len() as f64 * share) as usize;
        let answer = self.answers.get(at.min(self.answers.len().saturating_sub(1)));
        answer.map(|answer| answer.took).unwrap_or_default()
    }

    /// The slowest answer, without the time in which server or asker waited for a core.
    pub(crate) fn slowest_without_waits(&self, queue: &Queue) -> Duration {
        let own = self.answers.iter().rev().take(2_000).map(|answer| {
            let waited = answer.waited + queue.waited(answer.sent, answer.sent + answer.took);
            answer.took.saturating_sub(waited)
        });
        own.max().unwrap_or_default()
    }

    pub(crate) fn slower_than(&self, limit: Duration) -> usize {
        self.answers.iter().filter(|answer| answer.took > limit).count()
    }

    pub(crate) fn told(&self, what: &str) {
        println!(
            "report: {what}: {} requests, {:.0}/s, {} failed, p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}, slowest {:.1?}",
            self.answers.len() + self.failures.len(),
            self.per_second(),
            self.failures.len(),
            self.within(0.5),
            self.within(0.99),
            self.within(0.999),
            self.within(1.0),
        );
    }

    #[track_caller]
    pub(crate) fn all_answered(&self) {
        assert!(self.failures.is_empty(), "{} failed, as {:?}", self.failures.len(), &self.failures[..1]);
        assert!(!self.answers.is_empty());
    }
}
