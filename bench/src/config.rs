//! The config server on a Git repository of 10 and of 1,000 files.

use std::fs;

use anyhow::{Result, ensure};
use wellspring_test_support::port;

use crate::Effort;
use crate::load::Request;
use crate::process::{Server, program};
use crate::table::{Scenario, compare};

pub(crate) async fn run(effort: Effort) -> Result<()> {
    for files in [10, 1_000] {
        let dir = tempfile::tempdir()?;
        let repository = dir.path().join("repository");
        fs::create_dir(&repository)?;
        for number in 0..files - 2 {
            fs::write(
                repository.join(format!("app{number}.yml")),
                format!("app: {{number: {number}, list: [a, b]}}\n"),
            )?;
        }
        fs::write(repository.join("application.yml"), "shared: {greeting: hello, retries: 3}\n")?;
        fs::write(repository.join("app1-dev.properties"), "app.number=100\n")?;
        let script = "git init -q -b main && git add -A && git -c user.name=bench -c user.email=bench@localhost commit -qm files";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(&repository).status()?;
        ensure!(made.success(), "git: {made}");
        for (refresh_rate, share) in [("30", 1.0), ("0", 0.25)] {
            let uri = format!("--spring.cloud.config.server.git.uri=file://{}", repository.display());
            let rate = format!("--spring.cloud.config.server.git.refresh-rate={refresh_rate}");
            let command = [&program("wellspring-config-server"), uri.as_str(), rate.as_str()];
            let ours = Server::start("wellspring-config-server", 0, port::free(), &command, dir.path())?;
            let ask = |path: &str| vec![Some(vec![Request::get(path, &[("Accept", "application/json")])])];
            let name = |what: &str| format!("{what}, {files} files, refresh-rate {refresh_rate}");
            let names = [name("/app1/dev"), name("/app1-dev.yml")];
            let scenarios: Vec<Scenario<'_>> = names
                .iter()
                .zip(["/app1/dev", "/app1-dev.yml"])
                .map(|(name, path)| {
                    let requests = if path.ends_with(".yml") {
                        vec![Some(vec![Request::get(path, &[])])]
                    } else {
                        ask(path)
                    };
                    Scenario { name, connections: 32, requests, share }
                })
                .collect();
            compare(effort, &[&ours], &scenarios).await?;
        }
    }
    Ok(())
}
