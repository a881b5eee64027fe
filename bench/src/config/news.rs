//! From a push to the answer with the new value: told by webhook, asked for at each request, and what `git fetch` alone takes.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;
use wellspring_test_support::http1;

use super::{first_answer, git, ours, theirs};
use crate::process::Server;
use crate::table::say;

const PUSHES: usize = 100;
const LIMIT: Duration = Duration::from_secs(20);
const PATH: &str = "/app1/dev";

/// Each push is taken in by all of them, one after the other.
pub(super) fn run(dir: &Path, repository: &Path, jdk: bool) -> Result<()> {
    let (bare, author, plain) = (dir.join("news.git"), dir.join("author"), dir.join("plain"));
    let path = |path: &Path| path.display().to_string();
    git(dir, &["clone", "-q", "--bare", &path(repository), &path(&bare)])?;
    git(dir, &["clone", "-q", &path(&bare), &path(&author)])?;
    git(dir, &["clone", "-q", "--mirror", &path(&bare), &path(&plain)])?;
    let told = ours(dir, &path(&bare), "3600", "0", None)?;
    let asked = ours(dir, &path(&bare), "0", "0", None)?;
    let original = jdk.then(|| theirs(dir, &path(&bare), "0", None)).transpose()?;
    let servers: Vec<&Server> = [&told, &asked].into_iter().chain(&original).collect();
    for server in &servers {
        first_answer(server.port)?;
    }
    let mut times: Vec<(&str, Vec<Duration>)> = [
        "`git fetch` alone",
        "ours, webhook and then the request",
        "ours, a request with refresh-rate 0",
        "original, a request with refresh-rate 0",
    ]
    .map(|name| (name, Vec::new()))
    .into();
    for number in 0..PUSHES {
        std::fs::write(author.join("application.yml"), format!("news: n{number}\n"))?;
        let as_someone = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        git(&author, &[&as_someone[..], &["commit", "-qam", "news"]].concat())?;
        git(&author, &["push", "-q"])?;
        for (at, (_, times)) in times.iter_mut().enumerate() {
            let begun = Instant::now();
            let server = match at {
                0 => {
                    git(&plain, &["fetch", "-q"])?;
                    times.push(begun.elapsed());
                    continue;
                }
                1 => {
                    let hook =
                        http1::Request::new("POST", "/monitor").header("Content-Type", "application/json");
                    let reply = hook.body("{\"path\":\"application.yml\"}").send(told.port)?;
                    ensure!(reply.status == 200, "webhook: {}", reply.status);
                    &told
                }
                2 => &asked,
                _ => match &original {
                    Some(original) => original,
                    None => continue,
                },
            };
            let news = format!("\"n{number}\"");
            while !http1::get(server.port, PATH)?.text().contains(&news) {
                ensure!(begun.elapsed() < LIMIT, "{}: still an old value", server.name);
            }
            times.push(begun.elapsed());
        }
    }
    say("");
    say(&format!("| push → new value served, {PUSHES} pushes | median ms | p99 ms |"));
    say("|---|---|---|");
    for (name, mut times) in times {
        times.sort_unstable();
        let at = |share: usize| times.get(times.len() * share / 100).map(|time| time.as_secs_f64() * 1e3);
        if let (Some(median), Some(most)) = (at(50), at(99)) {
            say(&format!("| {name} | {median:.1} | {most:.1} |"));
        }
    }
    Ok(())
}
