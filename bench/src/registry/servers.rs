//! The registries under measurement: ours, and the original with the flags that `java -jar` gives it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;
use wellspring_test_support::{eureka, http1, port};

use crate::process::{Server, program};

/// Neither registers itself anywhere.
const ALONE: [&str; 2] =
    ["--eureka.client.register-with-eureka=false", "--eureka.client.fetch-registry=false"];

pub(crate) fn ours(cores: &str, dir: &Path, settings: &[&str]) -> Result<Server> {
    ours_at(port::free(), cores, dir, settings)
}

pub(crate) fn ours_at(port: u16, cores: &str, dir: &Path, settings: &[&str]) -> Result<Server> {
    let program = program("wellspring-registry");
    let command = [&[program.as_str()], &ALONE[..], settings].concat();
    Server::start_on("wellspring-registry", cores, port, &command, dir)
}

pub(crate) fn original(cores: &str, dir: &Path, settings: &[&str]) -> Result<Server> {
    original_at(port::free(), cores, dir, settings)
}

pub(crate) fn original_at(port: u16, cores: &str, dir: &Path, settings: &[&str]) -> Result<Server> {
    let jar = eureka::jar().display().to_string();
    // Tomcat closes a connection after a hundred requests otherwise, and connecting is not what is measured.
    let kept = "--server.tomcat.max-keep-alive-requests=-1";
    let command = [&["java", "-jar", jar.as_str(), kept], &ALONE[..], settings].concat();
    Server::start_on("original", cores, port, &command, dir)
}

/// A stock application that polls with the stock intervals.
pub(crate) fn poller(dir: &Path, registry: u16) -> Result<Server> {
    let jar = eureka::jar().display().to_string();
    let url = format!("--eureka.client.service-url.defaultZone={}", eureka::urls(&[registry]));
    let command = ["java", "-Xmx192m", "-XX:TieredStopAtLevel=1", "-jar", &jar, "poller", &url];
    Server::start_on("poller", "0,1", port::free(), &command, dir)
}

/// Blocks until lists are answered.
pub(crate) fn first_answer(port: u16) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if http1::get(port, "/eureka/apps").is_ok_and(|reply| reply.status == 200) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    bail!("no answer on {port}")
}
