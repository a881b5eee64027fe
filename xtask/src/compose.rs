//! `cargo xtask compose`: the compose file from a clean checkout, each of its containers killed under load, a report.
//!
//! In no other run: it needs Docker, the ports of the compose file and minutes.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{cargo, root, succeeds, target};

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The images compile the checkout, instead of taking this machine's release programs.
    source: bool,
    /// Nothing can be pulled: images of Debian's packages take the public ones' places.
    stand_ins: bool,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            match *word {
                "--source" => options.source = true,
                "--stand-ins" => options.stand_ins = true,
                word => return Err(word.to_owned()),
            }
        }
        Ok(options)
    }
}

/// True when everything healed and no request was lost.
pub(crate) fn run(options: &Options) -> bool {
    if options.stand_ins {
        let mut images = script("stand-ins.sh");
        if options.source {
            images.args(["debian", "redis", "rabbitmq", "prometheus", "zipkin", "rust"]);
        }
        let mut docker = script("docker.sh");
        docker.arg("up");
        if !(succeeds(docker) && succeeds(images)) {
            return false;
        }
    }
    let finished = std::env::var_os("WELLSPRING_BIN_DIR").map(PathBuf::from);
    let mut test = cargo(&["test", "--workspace", "--test", "compose", "--", "--nocapture"]);
    test.env("WELLSPRING_COMPOSE", "true").env_remove("WELLSPRING_BIN_DIR");
    if !options.source {
        if finished.is_none() && !succeeds(cargo(&["build", "--release", "--workspace", "--bins"])) {
            return false;
        }
        test.env("WELLSPRING_BIN_DIR", finished.unwrap_or_else(|| target().join("release")));
    }
    let ok = succeeds(test);
    println!("\nreport: {}", root().join("target/compose/report.md").display());
    ok
}

fn script(name: &str) -> Command {
    let mut bash = Command::new("bash");
    bash.arg(root().join("tests/compose").join(name));
    bash
}
