//! Settings before a start: are the ports free, do the files read, does what they name answer, which defaults are no good
//! for a production.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use wellspring_properties::{Environment, Loader, Problem};
use wellspring_wire::Millis;

use super::finding::Finding;
use super::reach;
use crate::codes;
use crate::commands::validate;

pub(super) async fn look(config: Option<PathBuf>, properties: Vec<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let importer = wellspring_lb_client::config::Importer::new();
    let loader = Loader::new()
        .config_path(config)
        .args(properties)
        .vars(std::env::vars().collect())
        .importer(&importer);
    let env = match loader.load().await {
        Ok(env) => env,
        Err(problem) => return vec![of(&problem)],
    };
    files(&env, &mut findings);
    ports(&env, &mut findings);
    repositories(&env, &mut findings).await;
    brokers(&env, &mut findings).await;
    clock(&mut findings);
    peers(&env, &mut findings).await;
    addresses(&env, &mut findings);
    defaults(&env, &mut findings);
    findings
}

fn of(problem: &Problem) -> Finding {
    let place = problem.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
    let found = problem.found.as_ref().map(|found| format!(", got \"{found}\"")).unwrap_or_default();
    let text = format!("{}{place}{found}", problem.message);
    let unknown = problem.code == wellspring_properties::codes::UNKNOWN_KEY;
    let finding = if unknown {
        Finding::warning("files", problem.code, text)
    } else {
        Finding::bad("files", problem.code, text)
    };
    match &problem.hint {
        Some(hint) => finding.hint(hint.clone()),
        None => finding,
    }
}

fn files(env: &Environment, findings: &mut Vec<Finding>) {
    let (routes, problems) = validate::problems(env);
    let from: Vec<&str> =
        env.sources().iter().filter(|source| !source.variables).map(|source| &*source.name).collect();
    if problems.is_empty() {
        let routes = if routes > 0 { format!(", {routes} routes compiled") } else { String::new() };
        findings.push(Finding::fine("files", format!("{} sources read{routes}", from.len())));
    }
    findings.extend(problems.iter().map(of));
    for key in [
        "wellspring.state-dir",
        "wellspring.registry.state-directory",
        "spring.cloud.config.server.git.basedir",
    ] {
        if let Some(directory) = env.get(key) {
            findings.push(writable(key, Path::new(&directory)));
        }
    }
}

/// The directory, or the nearest one above it that is there.
fn writable(key: &str, directory: &Path) -> Finding {
    let there = directory.ancestors().find(|above| above.is_dir()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".wellspring-check-{}", std::process::id()));
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => Finding::fine("files", format!("{key}: {} can be written", directory.display())),
        Err(error) => Finding::bad("files", codes::FILE, format!("{key}: {}: {error}", there.display()))
            .hint("rights of the user that the daemon runs as, or another directory"),
    }
}

fn ports(env: &Environment, findings: &mut Vec<Finding>) {
    for (port, address) in
        [("server.port", "server.address"), ("management.server.port", "management.server.address")]
    {
        let Some(number) =
            env.get(port).and_then(|text| text.trim().parse::<u16>().ok()).filter(|port| *port > 0)
        else {
            continue;
        };
        let ip = env
            .get(address)
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let finding = match TcpListener::bind(SocketAddr::new(ip, number)) {
            Ok(_) => Finding::fine("ports", format!("{port}: {number} is free")),
            Err(error) => Finding::bad(
                "ports",
                wellspring_daemon::codes::PORT_TAKEN,
                format!("{port}: {number}: {error}"),
            )
            .hint(format!("stop what listens there, or another {port}")),
        };
        findings.push(finding);
    }
}

async fn repositories(env: &Environment, findings: &mut Vec<Finding>) {
    let mut addresses = vec![
        "spring.cloud.config.server.git.uri".to_owned(),
        "spring.cloud.config.server.svn.uri".to_owned(),
    ];
    addresses.extend((0..16).map(|at| format!("spring.cloud.config.server.composite[{at}].uri")));
    for key in addresses {
        let Some(uri) = env.get(&key) else { continue };
        if let Some((host, port)) = reach::endpoint(&uri) {
            findings.push(answers("git", &key, &reach::shown(&uri), &host, port).await);
            continue;
        }
        let path = uri.strip_prefix("file://").unwrap_or(&uri);
        let finding = match git2::Repository::open(path) {
            Ok(repository) if repository.is_empty().unwrap_or(true) => {
                Finding::warning("git", codes::REMOTE, format!("{key}: {path} has no commit"))
                    .hint("commit a file")
            }
            Ok(_) => Finding::fine("git", format!("{key}: {path} is a repository")),
            Err(error) => Finding::bad("git", codes::REMOTE, format!("{key}: {path}: {}", error.message()))
                .hint("the path of a repository, or a URL"),
        };
        findings.push(finding);
    }
}

async fn answers(group: &'static str, key: &str, shown: &str, host: &str, port: u16) -> Finding {
    match reach::connect(host, port).await {
        Ok(()) => Finding::fine(group, format!("{key}: {shown} answers")),
        Err(reason) => Finding::bad(group, codes::REMOTE, format!("{key}: {shown}: {reason}"))
            .hint(format!("is {host}:{port} right, does it run, is a firewall between?")),
    }
}

async fn brokers(env: &Environment, findings: &mut Vec<Finding>) {
    let mut wanted = Vec::new();
    if let Some(addresses) = env.get("spring.rabbitmq.addresses") {
        for address in addresses.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            let with_scheme =
                if address.contains("://") { address.to_owned() } else { format!("amqp://{address}") };
            wanted.extend(reach::endpoint(&with_scheme).map(|at| ("spring.rabbitmq.addresses", at)));
        }
    } else if env.contains("spring.rabbitmq") {
        let port =
            if env.get("spring.rabbitmq.ssl.enabled").is_some_and(|on| on == "true") { 5671 } else { 5672 };
        wanted.push(("spring.rabbitmq.host", at(env, "spring.rabbitmq", port)));
    }
    if let Some(servers) = env.get("spring.kafka.bootstrap-servers") {
        let servers =
            servers.split(',').filter_map(|server| reach::endpoint(&format!("kafka://{}", server.trim())));
        wanted.extend(servers.map(|at| ("spring.kafka.bootstrap-servers", at)));
    }
    if let Some(at) = env.get("spring.data.redis.url").and_then(|url| reach::endpoint(&url)) {
        wanted.push(("spring.data.redis.url", at));
    } else if env.contains("spring.data.redis.host") || env.contains("spring.data.redis.port") {
        wanted.push(("spring.data.redis.host", at(env, "spring.data.redis", 6379)));
    }
    for (key, (host, port)) in wanted {
        findings.push(answers("broker", key, &format!("{host}:{port}"), &host, port).await);
    }
}

fn at(env: &Environment, prefix: &str, usual: u16) -> (String, u16) {
    let host = env.get(&format!("{prefix}.host")).unwrap_or_else(|| "localhost".to_owned());
    let port = env.get(&format!("{prefix}.port")).and_then(|port| port.trim().parse().ok()).unwrap_or(usual);
    (host, port)
}

fn clock(findings: &mut Vec<Finding>) {
    // Leases and certificates are wrong together with the clock; this program is younger than 2025.
    const BEGAN: i64 = 1_735_689_600_000;
    let now = Millis::now().0;
    findings.push(if now < BEGAN {
        Finding::bad("clock", codes::CLOCK, "the clock of this machine is years behind")
            .hint("time synchronisation (NTP)")
    } else {
        Finding::fine("clock", "the clock of this machine is not in the past")
    });
}

async fn peers(env: &Environment, findings: &mut Vec<Finding>) {
    let zones = ["defaultZone", "default-zone", "defaultzone"];
    let urls = zones
        .iter()
        .find_map(|zone| env.get(&format!("eureka.client.service-url.{zone}")))
        .unwrap_or_default();
    let own = env.get("server.port");
    for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let Some((host, port)) = reach::endpoint(url) else {
            let text = format!("eureka.client.service-url: {} is no address", reach::shown(url));
            findings.push(Finding::bad("peers", codes::REMOTE, text).hint("http://host:8761/eureka/"));
            continue;
        };
        // A registry that names itself is not there before its start.
        let itself = own.as_deref() == Some(&port.to_string()) && env.contains("eureka.server");
        match reach::connect(&host, port).await {
            Ok(()) => findings.push(Finding::fine("peers", format!("{} answers", reach::shown(url)))),
            Err(_) if itself => {}
            Err(reason) => {
                let text = format!("{}: {reason}", reach::shown(url));
                findings.push(
                    Finding::warning("peers", codes::REMOTE, text)
                        .hint("start it; until then there are no instances of others"),
                );
            }
        }
    }
}

fn addresses(env: &Environment, findings: &mut Vec<Finding>) {
    let remote = env
        .get("eureka.client.service-url.defaultZone")
        .is_some_and(|urls| !["localhost", "127.0.0.1", "[::1]"].iter().any(|here| urls.contains(here)));
    for key in ["eureka.instance.ip-address", "eureka.instance.hostname"] {
        let Some(value) = env.get(key) else { continue };
        let loopback = value == "localhost" || value.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        findings.push(if loopback && remote {
            Finding::bad(
                "addresses",
                codes::ADDRESS,
                format!("{key}: {value} leads callers on other machines to themselves"),
            )
            .hint("an address of this machine that the others reach")
        } else {
            Finding::fine("addresses", format!("{key}: {value}"))
        });
    }
}

fn defaults(env: &Environment, findings: &mut Vec<Finding>) {
    let group = "defaults";
    let before = findings.len();
    let is = |key: &str, value: &str| env.get(key).is_some_and(|found| found.eq_ignore_ascii_case(value));
    let mut warn =
        |text: &str, hint: &str| findings.push(Finding::warning(group, codes::DEFAULT, text).hint(hint));
    if is("eureka.server.enable-self-preservation", "false") {
        warn(
            "eureka.server.enable-self-preservation: false empties the registry when the network breaks",
            "true, but for development",
        );
    }
    if env.contains("spring.rabbitmq.host")
        && env.get("spring.rabbitmq.username").is_none_or(|user| user == "guest")
        && !is("spring.rabbitmq.host", "localhost")
    {
        warn(
            "spring.rabbitmq: user guest is only let in on the broker's own machine",
            "spring.rabbitmq.username and password",
        );
    }
    if is("management.endpoints.web.exposure.include", "*")
        && !env.contains("spring.security.user.password")
        && !env.contains("management.server.address")
    {
        warn(
            "management.endpoints.web.exposure.include: * shows and changes everything for whoever reaches the port",
            "name the endpoints, or management.server.address: 127.0.0.1",
        );
    }
    if ["management.endpoint.env.show-values", "management.endpoint.configprops.show-values"]
        .iter()
        .any(|key| is(key, "always"))
    {
        warn("show-values: always shows secrets", "never, or when-authorized");
    }
    if env.get("encrypt.key").is_some_and(|key| key.chars().count() < 12) {
        warn("encrypt.key is short", "a long random one: openssl rand -hex 32");
    }
    if is("spring.cloud.gateway.httpclient.ssl.use-insecure-trust-manager", "true")
        || is("spring.cloud.gateway.server.webflux.httpclient.ssl.use-insecure-trust-manager", "true")
    {
        warn(
            "httpclient.ssl.use-insecure-trust-manager: true believes every certificate",
            "httpclient.ssl.trusted-x509-certificates",
        );
    }
    if findings.len() == before {
        findings.push(Finding::fine(group, "nothing that is only for development"));
    }
}
