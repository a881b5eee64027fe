//! The registry beside the original Eureka server (where a JDK is) and nginx serving the same bytes: start, memory, CPU
//! time per request, and how soon a registration is known elsewhere.

mod propagation;
mod requests;
mod servers;

use std::path::Path;

use anyhow::Result;
use tokio::time::Instant;
use wellspring_test_support::tools;

use crate::Effort;
use crate::load;
use crate::process::Server;
use crate::table::{compare, say};
use requests::{GZIP, Who};

/// The original compiles what is asked often while it answers; before that its figures say little.
const WARM_UP: f64 = 25_000.0;

/// All parts, or those that are named.
pub(crate) async fn run(effort: Effort, words: &[String]) -> Result<()> {
    let parts = ["start", "load", "propagation"];
    let all = !words.iter().any(|word| parts.contains(&word.as_str()));
    let wanted = |part: &str| all || words.iter().any(|word| word == part);
    let dir = tempfile::tempdir()?;
    let jdk = tools::tool("java").missing().is_empty();
    if !jdk {
        say("No JDK here: the original is left out.\n");
    }
    if wanted("start") {
        starts(dir.path(), jdk)?;
    }
    if wanted("load") {
        under_load(effort, dir.path(), jdk).await?;
    }
    if wanted("propagation") {
        propagation::run(dir.path(), jdk).await?;
    }
    Ok(())
}

/// From the call to the program until lists are answered, on both cores; the best of five, for the original of two.
fn starts(dir: &Path, jdk: bool) -> Result<()> {
    say("| server | first answer after | resident then |");
    say("|---|---|---|");
    let report = |name: &str, starts: usize, start: &dyn Fn() -> Result<Server>| -> Result<()> {
        let mut best = None;
        for _ in 0..starts {
            let begun = Instant::now();
            let server = start()?;
            servers::first_answer(server.port)?;
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
    report("wellspring-registry", 5, &|| servers::ours("0,1", dir, &[]))?;
    if jdk {
        report("original", 2, &|| servers::original("0,1", dir, &[]))?;
    }
    say("");
    Ok(())
}

/// Memory with 0, 1,000 and 10,000 instances and after load; between them the CPU time of each kind of request.
async fn under_load(effort: Effort, dir: &Path, jdk: bool) -> Result<()> {
    let ours = servers::ours("0", dir, &[])?;
    let original = if jdk { Some(servers::original("0,1", dir, &[])?) } else { None };
    let registries: Vec<&Server> = std::iter::once(&ours).chain(&original).collect();
    let mut memory: Vec<Vec<f64>> = registries.iter().map(|server| vec![server.memory().0]).collect();
    let thousand = requests::registrations(0..20);
    for (server, memory) in registries.iter().zip(&mut memory) {
        servers::first_answer(server.port)?;
        load::run(server.port, &thousand, 1, thousand.len()).await?;
        memory.push(server.memory().0);
    }
    let nginx = requests::nginx(dir, ours.port)?;
    let mut servers = vec![&ours];
    let mut who = vec![Who::Registry];
    if let Some(original) = &original {
        servers.push(original);
        who.push(Who::Registry);
    }
    servers.push(&nginx);
    who.push(Who::Files);
    let scenarios = requests::scenarios(&who);
    if let Some(original) = &original {
        // With both cores, so that its compiler does not compete with what it compiles.
        for scenario in &scenarios {
            if let Some(asked) = scenario.requests.get(1).and_then(Option::as_ref) {
                load::run(original.port, asked, scenario.connections, share(WARM_UP, scenario.share)).await?;
            }
        }
        original.pin(0)?;
    }
    compare(effort, &servers, &scenarios).await?;

    let rest = requests::registrations(20..200);
    let lists = [load::Request::get("/eureka/apps/", &GZIP)];
    for (server, memory) in registries.iter().zip(&mut memory) {
        memory.push(server.memory().0);
        load::run(server.port, &rest, 1, rest.len()).await?;
        memory.push(server.memory().0);
        load::run(server.port, &lists, 16, 500).await?;
        load::run(server.port, &rest, 16, rest.len()).await?;
        load::run(server.port, &lists, 16, 500).await?;
        memory.push(server.memory().0);
    }
    say(
        "\n| resident, MiB | empty | 1,000 instances | after the load above | 10,000 instances | after lists and registrations |",
    );
    say("|---|---|---|---|---|---|");
    for (server, memory) in registries.iter().zip(&memory) {
        let figures: Vec<String> = memory.iter().map(|figure| format!("{figure:.1}")).collect();
        say(&format!("| {} | {} |", server.name, figures.join(" | ")));
    }
    say("");
    Ok(())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn share(of: f64, share: f64) -> usize {
    (of * share) as usize
}
