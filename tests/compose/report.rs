//! What happened when each container died, as the table that the documentation shows.

use std::fmt;
use std::time::Duration;

use crate::load::Outcome;
use crate::stack::Image;

pub(crate) struct Episode {
    victim: String,
    requests: usize,
    /// Not answered well at the first attempt.
    failed: usize,
    lost: usize,
    /// The longest that a caller waited.
    slowest: Duration,
    recovery: Duration,
    cause: Option<String>,
}

impl Episode {
    pub(crate) fn new(victim: String, requests: usize, troubled: &[Outcome], recovery: Duration) -> Self {
        let attempts = troubled.iter().map(|outcome| outcome.attempts).max().unwrap_or(1);
        let first = troubled.iter().find_map(|outcome| outcome.first.clone());
        Self {
            victim,
            requests,
            failed: troubled.len(),
            lost: troubled.iter().filter(|outcome| outcome.lost.is_some()).count(),
            slowest: troubled.iter().map(|outcome| outcome.took).max().unwrap_or_default(),
            recovery,
            cause: first.map(|first| format!("{first}; at most {attempts} attempts")),
        }
    }
}

impl fmt::Display for Episode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { victim, requests, failed, lost, .. } = self;
        let recovery = self.recovery.as_secs_f64();
        write!(
            f,
            "{victim}: {requests} requests, {failed} tried again, {lost} lost, well again after {recovery:.1} s"
        )?;
        match &self.cause {
            Some(cause) => write!(f, "\n    {cause}, {:?} at the longest", self.slowest),
            None => Ok(()),
        }
    }
}

pub(crate) fn table(episodes: &[Episode], requests: usize, images: &[Image]) -> String {
    let mut text = String::from(
        "| container killed | requests meanwhile | failed at first | saved by a retry | lost | well again after |\n|---|---|---|---|---|---|\n",
    );
    for episode in episodes {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {:.1} s |\n",
            episode.victim,
            episode.requests,
            episode.failed,
            episode.failed - episode.lost,
            episode.lost,
            episode.recovery.as_secs_f64()
        ));
    }
    let lost: usize = episodes.iter().map(|episode| episode.lost).sum();
    text.push_str(&format!("\n{} containers killed, {requests} requests, {lost} lost.\n", episodes.len()));
    let sizes: Vec<String> =
        images.iter().map(|image| format!("{} {:.1} MB", image.name, image.own_mb)).collect();
    text.push_str(&format!("Images over their base: {}.\n", sizes.join(", ")));
    text
}
