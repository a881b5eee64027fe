//! The streams of other daemons, for one reader: each process is followed from where it was last read, and again when it has
//! been away. One that is lost ends nothing; one that is new says `reset`, because nobody knows what it did before.

use std::collections::{BTreeMap, HashSet};
use std::future::ready;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, SelectAll, StreamExt};
use http::Method;
use tokio::time::{Duration, sleep, timeout};
use wellspring_lb_client::sse::{Event as Frame, Lines};

use super::State;
use crate::access::Actor;
use crate::events::Topic;
use crate::federation::{self, Other};

/// How often is looked who is there, while somebody reads.
const LOOK: Duration = Duration::from_secs(5);
/// Until another's stream begins.
const PATIENCE: Duration = Duration::from_secs(3);
/// Three signs of life that did not come.
const SILENCE: Duration = Duration::from_secs(45);

/// What the reader is told.
pub(super) enum Said {
    /// Something happened elsewhere.
    Event { name: String, data: String },
    /// Somebody else has been read further, to nothing that is wanted.
    Place,
    /// Something was missed for good.
    Reset,
}

/// What comes in.
enum Heard {
    There(federation::Others),
    Frame(String, Frame),
    Lost(String),
}

/// Everybody else.
pub(super) struct Others {
    state: State,
    actor: Actor,
    topics: String,
    /// How far each process has been read.
    places: BTreeMap<String, u64>,
    /// Those that are followed now.
    followed: HashSet<String>,
    running: SelectAll<BoxStream<'static, Heard>>,
    /// Whoever is not known yet has come later, and is new.
    settled: bool,
}

impl Others {
    /// `places`: where a reader goes on; `None`: he begins.
    pub(super) fn new(
        state: &State,
        actor: &Actor,
        topics: &[Topic],
        places: Option<BTreeMap<String, u64>>,
    ) -> Self {
        let topics: Vec<&str> = topics.iter().map(|topic| topic.as_str()).collect();
        let mut others = Self {
            state: state.clone(),
            actor: actor.clone(),
            topics: topics.join(","),
            settled: places.is_some(),
            places: places.unwrap_or_default(),
            followed: HashSet::new(),
            running: SelectAll::new(),
        };
        others.look(Duration::ZERO);
        others
    }

    pub(super) fn places(&self) -> &BTreeMap<String, u64> {
        &self.places
    }

    /// Waits for what is worth telling. Nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Said {
        loop {
            let said = match self.running.next().await {
                Some(Heard::There(others)) => self.follow(&others),
                Some(Heard::Frame(process, frame)) => self.read(process, frame),
                Some(Heard::Lost(process)) => {
                    self.followed.remove(&process);
                    None
                }
                // There is always a look to come.
                None => std::future::pending().await,
            };
            if let Some(said) = said {
                return said;
            }
        }
    }

    fn look(&mut self, later: Duration) {
        let admin = self.state.admin.clone();
        let look = async move {
            sleep(later).await;
            Heard::There(admin.federation().others(&admin).await)
        };
        self.running.push(stream::once(look).boxed());
    }

    /// Follows whoever is there and not followed yet.
    fn follow(&mut self, others: &federation::Others) -> Option<Said> {
        self.look(LOOK);
        let mut unknown = false;
        for other in &others.there {
            if self.followed.insert(other.id.clone()) {
                let last = self.places.get(&other.id).copied();
                unknown |= last.is_none();
                self.running.push(self.stream_of(other, last));
            }
        }
        // A process that has ended does not come back under this id.
        let missing: Vec<&str> = others.missing.iter().filter_map(federation::Missing::id).collect();
        let followed = &self.followed;
        self.places.retain(|process, _| followed.contains(process) || missing.contains(&process.as_str()));
        let settled = std::mem::replace(&mut self.settled, true);
        (settled && unknown).then_some(Said::Reset)
    }

    fn stream_of(&self, other: &Other, last: Option<u64>) -> BoxStream<'static, Heard> {
        let last = last.map_or_else(String::new, |last| format!("&last={last}"));
        let path = format!("/api/v1/stream?topics={}{last}", self.topics);
        let opened = opened(self.state.clone(), other.url.clone(), self.actor.clone(), path);
        let (frames, process) = (other.id.clone(), other.id.clone());
        stream::once(opened)
            .filter_map(ready)
            .flat_map(|response| stream::unfold((response, Lines::default()), heard))
            .map(move |frame| Heard::Frame(frames.clone(), frame))
            .chain(stream::once(ready(Heard::Lost(process))))
            .boxed()
    }

    fn read(&mut self, process: String, Frame { id, name, data }: Frame) -> Option<Said> {
        if name == "reset" {
            return Some(Said::Reset);
        }
        let id = id.parse().ok()?;
        self.places.insert(process, id);
        Some(if data.is_empty() { Said::Place } else { Said::Event { name, data } })
    }
}

fn opened(
    state: State,
    url: String,
    actor: Actor,
    path: String,
) -> BoxFuture<'static, Option<reqwest::Response>> {
    Box::pin(async move {
        let federation = state.admin.federation();
        let sent = federation.send(&state.admin, &url, &actor, &Method::GET, &path, Vec::new());
        let response = timeout(PATIENCE, sent).await.ok()?.ok()?;
        response.status().is_success().then_some(response)
    })
}

/// The next frame of a stream, until it ends, breaks or falls silent.
async fn heard(
    (mut response, mut lines): (reqwest::Response, Lines),
) -> Option<(Frame, (reqwest::Response, Lines))> {
    loop {
        if let Some(frame) = lines.next_event() {
            return Some((frame, (response, lines)));
        }
        match timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(chunk))) if lines.feed(&chunk) => {}
            _ => return None,
        }
    }
}
