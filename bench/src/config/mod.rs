//! The config server beside the original Spring Cloud Config Server (where a JDK is): start with an existing clone, memory, CPU
//! time per request with 10, 1,000 and 10,000 files, with a fetch for every request, and of plain-text files.
//!
//! The original answers a hundredth as often, so it is asked less; it has answered some hundreds before it is measured.

mod news;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use tokio::time::Instant;
use wellspring_test_support::{http1, port, spring, tools};

use crate::Effort;
use crate::load::{self, Request};
use crate::process::{Server, program};
use crate::table::say;

const CONNECTIONS: usize = 32;
/// The original is asked so much less.
const FEWER: usize = 60;

pub(crate) async fn run(effort: Effort, words: &[String]) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let jdk = tools::tool("java").missing().is_empty();
    if !jdk {
        say("No JDK here: the original is left out.\n");
    }
    let repositories: Vec<PathBuf> =
        [10, 1_000, 10_000].into_iter().map(|files| repository(dir.path(), files)).collect::<Result<_>>()?;
    let [small, medium, large] = repositories.as_slice() else { bail!("three repositories") };
    if words.iter().any(|word| word == "news") {
        return news::run(dir.path(), small, jdk);
    }
    starts(dir.path(), medium, jdk)?;
    say("| request | server | CPU µs / request | original / ours | requests/s | p99 ms | MiB now, highest |");
    say("|---|---|---|---|---|---|---|");
    let file = |repository: &Path| format!("file://{}", repository.display());
    let beside = |uri: &str, rate: &str, original: bool| -> Result<Vec<Server>> {
        let mut servers = vec![ours(dir.path(), uri, rate, "0", None)?];
        if original {
            servers.push(theirs(dir.path(), uri, rate, None)?);
        }
        Ok(servers)
    };
    let servers = beside(&file(small), "30", jdk)?;
    for (name, path) in [
        ("`/app1/dev`, 10 files, refresh-rate 30", "/app1/dev"),
        ("`/app1-dev.yml`, 10 files, refresh-rate 30", "/app1-dev.yml"),
        ("plain text, 10 files, refresh-rate 30", "/app1/dev/main/note.txt"),
    ] {
        measure(effort, name, path, &servers, 1).await?;
    }
    drop(servers);
    let servers = beside(&small.display().to_string(), "30", jdk)?;
    measure(effort, "`/app1/dev`, 10 files, refresh-rate 30, a clone", "/app1/dev", &servers, 1).await?;
    drop(servers);
    let servers = beside(&file(medium), "30", jdk)?;
    measure(effort, "`/app1/dev`, 1,000 files, refresh-rate 30", "/app1/dev", &servers, 1).await?;
    drop(servers);
    // The original takes more than a tenth of a second of both cores for each.
    let servers = beside(&file(large), "30", false)?;
    measure(effort, "`/app1/dev`, 10,000 files, refresh-rate 30", "/app1/dev", &servers, 4).await?;
    drop(servers);
    let bare = dir.path().join("bare.git");
    git(dir.path(), &["clone", "-q", "--bare", &small.display().to_string(), &bare.display().to_string()])?;
    let servers = beside(&bare.display().to_string(), "0", jdk)?;
    measure(effort, "`/app1/dev`, 10 files, refresh-rate 0, bare remote", "/app1/dev", &servers, 4).await?;
    drop(servers);
    news::run(dir.path(), small, jdk)
}

/// A repository of so many files; one in a thousand belongs to the application that is asked for.
fn repository(dir: &Path, files: usize) -> Result<PathBuf> {
    let path = dir.join(format!("repository-{files}"));
    fs::create_dir(&path)?;
    for number in 0..files - 3 {
        let text = format!("app: {{number: {number}, list: [a, b]}}\n");
        fs::write(path.join(format!("app{number}.yml")), text)?;
    }
    fs::write(path.join("application.yml"), "shared: {greeting: hello, retries: 3}\n")?;
    fs::write(path.join("app1-dev.properties"), "app.number=100\n")?;
    fs::write(path.join("note.txt"), "greeting ${shared.greeting}\n")?;
    git(&path, &["init", "-q", "-b", "main"])?;
    git(&path, &["add", "-A"])?;
    git(&path, &["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "-qm", "files"])?;
    Ok(path)
}

fn git(dir: &Path, words: &[&str]) -> Result<()> {
    let status = Command::new("git").args(words).current_dir(dir).status()?;
    ensure!(status.success(), "git {words:?}: {status}");
    Ok(())
}

fn settings(uri: &str, rate: &str, basedir: Option<&Path>) -> Vec<String> {
    let mut settings = vec![format!("uri={uri}"), format!("refresh-rate={rate}")];
    settings.extend(basedir.map(|basedir| format!("basedir={}", basedir.display())));
    settings.iter().map(|setting| format!("--spring.cloud.config.server.git.{setting}")).collect()
}

fn ours(dir: &Path, uri: &str, rate: &str, cores: &str, basedir: Option<&Path>) -> Result<Server> {
    let (program, mut settings) = (program("wellspring-config-server"), settings(uri, rate, basedir));
    settings.push("--spring.cloud.bus.enabled=false".to_owned());
    let command: Vec<&str> = std::iter::once(&program).chain(&settings).map(String::as_str).collect();
    Server::start_on("wellspring-config-server", cores, port::free(), &command, dir)
}

/// With the flags that `java -jar` gives it.
fn theirs(dir: &Path, uri: &str, rate: &str, basedir: Option<&Path>) -> Result<Server> {
    let jar = spring::jar_of("tests/originals/config", "config").display().to_string();
    let settings = settings(uri, rate, basedir);
    // Tomcat closes a connection after a hundred requests otherwise, and connecting is not what is measured.
    let kept = "--server.tomcat.max-keep-alive-requests=-1";
    let command: Vec<&str> =
        ["java", "-jar", jar.as_str(), kept].into_iter().chain(settings.iter().map(String::as_str)).collect();
    Server::start_on("original", "0,1", port::free(), &command, dir)
}

/// From the call to the program until an environment is answered, with a clone on disk; the best of five, for the original of two.
fn starts(dir: &Path, repository: &Path, jdk: bool) -> Result<()> {
    say("| server, clone of 1,000 files on disk | first answer after | resident then |");
    say("|---|---|---|");
    let uri = repository.display().to_string();
    let report = |name: &str, times: usize, start: &dyn Fn() -> Result<Server>| -> Result<()> {
        // Makes the clone.
        first_answer(start()?.port)?;
        let mut best = None;
        for _ in 0..times {
            let begun = Instant::now();
            let server = start()?;
            first_answer(server.port)?;
            let (took, (memory, _)) = (begun.elapsed(), server.memory());
            if best.is_none_or(|(known, _)| took < known) {
                best = Some((took, memory));
            }
        }
        if let Some((took, memory)) = best {
            say(&format!("| {name} | {:.0} ms | {memory:.1} MiB |", took.as_secs_f64() * 1e3));
        }
        Ok(())
    };
    let (mirror, clone) = (dir.join("mirror"), dir.join("clone"));
    report("wellspring-config-server", 5, &|| ours(dir, &uri, "30", "0,1", Some(&mirror)))?;
    if jdk {
        report("original", 2, &|| theirs(dir, &uri, "30", Some(&clone)))?;
    }
    say("");
    Ok(())
}

fn first_answer(port: u16) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(120) {
        if http1::get(port, "/app1/dev").is_ok_and(|reply| reply.status == 200) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("no answer on {port}")
}

/// Rounds by turns; medians of each figure. Each server is kept to one core.
async fn measure(effort: Effort, name: &str, path: &str, servers: &[Server], fewer: usize) -> Result<()> {
    let asked = [Request::get(path, &[("Accept", "*/*")])];
    let mut rounds: Vec<Vec<(Duration, f64, Duration)>> = vec![Vec::new(); servers.len()];
    for round in 0..=effort.rounds {
        for (at, server) in servers.iter().enumerate() {
            let requests = (effort.requests / fewer / if at == 0 { 1 } else { FEWER }).max(CONNECTIONS * 2);
            first_answer(server.port)?;
            // The first round warms up, the original with both cores: its compiler needs one.
            if round == 1 {
                server.pin(0)?;
            }
            let before = server.cpu();
            let outcome =
                load::run(server.port, &asked, CONNECTIONS, if round == 0 { requests * 3 } else { requests })
                    .await?;
            let spent = server.cpu().saturating_sub(before);
            if round > 0
                && let Some(rounds) = rounds.get_mut(at)
            {
                rounds.push((spent / u32::try_from(requests)?, outcome.per_second(), outcome.percentile(99)));
            }
        }
    }
    let median = |rounds: &[(Duration, f64, Duration)]| {
        let mut cpu: Vec<_> = rounds.iter().map(|round| round.0).collect();
        let mut rate: Vec<_> = rounds.iter().map(|round| round.1).collect();
        let mut p99: Vec<_> = rounds.iter().map(|round| round.2).collect();
        cpu.sort_unstable();
        rate.sort_by(f64::total_cmp);
        p99.sort_unstable();
        let middle = rounds.len() / 2;
        Some((*cpu.get(middle)?, *rate.get(middle)?, *p99.get(middle)?))
    };
    let base = rounds.first().and_then(|rounds| median(rounds)).map_or(0.0, |(cpu, ..)| cpu.as_secs_f64());
    for (server, rounds) in servers.iter().zip(&rounds) {
        let Some((cpu, rate, p99)) = median(rounds) else { continue };
        let (now, highest) = server.memory();
        say(&format!(
            "| {name} | {} | {:.1} | {:.1} | {rate:.0} | {:.2} | {now:.1}, {highest:.1} |",
            server.name,
            cpu.as_secs_f64() * 1e6,
            cpu.as_secs_f64() / base.max(1e-9),
            p99.as_secs_f64() * 1e3,
        ));
    }
    Ok(())
}
