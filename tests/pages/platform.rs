//! `wellspring` as a reader of the pages starts it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wellspring_test_support::process::Guard;
use wellspring_test_support::{binaries, http1, poll};

use crate::ports::Ports;

const PARTS: [(&str, u16); 6] = [
    ("registry", 8761),
    ("config-server", 8888),
    ("gateway", 8080),
    ("bus", 8889),
    ("inventory", 8081),
    ("orders", 8082),
];
pub(crate) const ADMIN: u16 = 9770;

#[derive(Debug)]
pub(crate) struct Platform {
    output: PathBuf,
    _guard: Guard,
}

impl Platform {
    /// In `folder`, with `more` settings.
    pub(crate) fn start(folder: &Path, ports: &mut Ports, more: &[&str]) -> Self {
        let output = folder.join("platform.log");
        let sink = File::create(&output).unwrap();
        let mut command = Command::new(binaries::path("wellspring"));
        for (part, port) in PARTS {
            command.arg(format!("--wellspring.{part}.server.port={}", ports.of(port)));
        }
        command.arg(format!("--wellspring.admin.address=127.0.0.1:{}", ports.of(ADMIN))).args(more);
        command.current_dir(folder).stdin(Stdio::null()).stdout(sink.try_clone().unwrap()).stderr(sink);
        let platform = Self { output, _guard: Guard::spawn(&mut command).unwrap() };
        let gateway = ports.of(8080);
        let answers = poll::within(Duration::from_secs(120), || {
            http1::get(gateway, "/orders/7").is_ok_and(|reply| reply.status == 200)
        });
        assert!(answers, "{}", platform.said());
        platform
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

/// What programs that pages start find in their environment: the platform's addresses, and themselves on loopback.
pub(crate) fn at_home(command: &mut Command, ports: &mut Ports) {
    let registry = format!("http://localhost:{}/eureka/", ports.of(8761));
    command
        .env("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry)
        .env("EUREKA_INSTANCE_PREFERIPADDRESS", "true")
        .env("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .env("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .env("WELLSPRING_SERVER", format!("http://127.0.0.1:{}", ports.of(ADMIN)))
        .env("SPRING_CLOUD_CONFIG_URI", format!("http://localhost:{}", ports.of(8888)));
}
