//! `run`: a program that knows nothing of registries and config servers, as a service.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use wellspring_test_support::http1;
use wellspring_test_support::process::{Guard, terminate};
use wellspring_test_support::{poll, port, tools};

use super::{command, said};

const SOON: Duration = Duration::from_secs(120);

fn daemon(folder: &Path, words: &[&str], port: u16) -> Guard {
    let mut program = command(words);
    program
        .arg(format!("--server.port={port}"))
        .args(["--server.address=127.0.0.1", "--wellspring.admin.address=off"]);
    let log = std::fs::File::create(folder.join(format!("{}.log", words[0]))).unwrap();
    program.current_dir(folder).stdout(log.try_clone().unwrap()).stderr(log);
    let guard = Guard::spawn(&mut program).unwrap();
    poll::until(words[0], SOON, || {
        http1::get(port, "/actuator/health").is_ok_and(|reply| reply.status == 200)
    });
    guard
}

fn registered(registry: u16, status: &str) -> bool {
    http1::get(registry, "/eureka/apps/SHOP").is_ok_and(|reply| {
        reply.status == 200 && reply.text().contains(&format!("<status>{status}</status>"))
    })
}

#[test]
fn a_plain_program_is_registered_configured_and_drained() {
    if !tools::present("wellspring run", &["python"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("shop.yml"), "shop:\n  greeting: hello there\n  max-items: 3\n").unwrap();
    let (registry, config, shop) = (port::free(), port::free(), port::free());
    let _registry =
        daemon(folder.path(), &["registry", "--eureka.client.register-with-eureka=false"], registry);
    let locations = format!("--spring.cloud.config.server.native.search-locations=file:{}/", files.display());
    let _config =
        daemon(folder.path(), &["config-server", "--spring.profiles.active=native", &locations], config);

    let (registry_url, config_url) =
        (format!("http://127.0.0.1:{registry}/eureka/"), format!("http://127.0.0.1:{config}"));
    let (port_text, export) = (shop.to_string(), folder.path().join("shop.properties"));
    let script = "echo \"$SHOP_GREETING $SHOP_MAXITEMS $PORT\" > seen.txt; exec python3 -m http.server $PORT --bind 127.0.0.1";
    let mut program = command(&[
        "run",
        "--app",
        "shop",
        "--port",
        &port_text,
        "--registry",
        &registry_url,
        "--config-server",
        &config_url,
        "--every",
        "200ms",
        "--drain",
        "6s",
        "--health",
        "/",
        "--export",
        export.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        script,
    ]);
    let log = folder.path().join("run.log");
    let sink = std::fs::File::create(&log).unwrap();
    program.current_dir(folder.path()).stdout(Stdio::null()).stderr(sink);
    let mut program = Guard::spawn(&mut program).unwrap();
    let said = || std::fs::read_to_string(&log).unwrap();
    let up = poll::within(SOON, || registered(registry, "UP"));
    assert!(up, "{}", said());
    assert_eq!(
        std::fs::read_to_string(folder.path().join("seen.txt")).unwrap(),
        format!("hello there 3 {shop}\n")
    );
    let exported = std::fs::read_to_string(&export).unwrap();
    assert!(
        exported.contains("shop.greeting=hello there\n") && exported.contains("shop.max-items=3\n"),
        "{exported}"
    );

    // Asked to stop: nobody finds it any more while it still answers those who had found it.
    terminate(i32::try_from(program.id()).unwrap());
    poll::until("it left the registry", SOON, || !registered(registry, "UP"));
    assert_eq!(http1::get(shop, "/").unwrap().status, 200, "it serves on after it left: {}", said());
    poll::until("it ends", SOON, || program.ended().is_some());
    let status = program.ended();
    assert!(status.is_some_and(|status| status.success()), "{status:?} {}", said());
    assert!(http1::get(shop, "/").is_err(), "the program does not outlive us");
}

#[test]
fn what_a_program_ends_with_is_told_and_one_that_never_serves_is_given_up() {
    let registry = format!("http://127.0.0.1:{}/eureka/", port::free());
    let free = port::free().to_string();
    let run = |more: &[&str]| {
        said(&mut command(
            &[&["run", "--app", "x", "--port", &free, "--registry", &registry][..], more].concat(),
        ))
    };
    assert_eq!(run(&["--", "sh", "-c", "exit 7"]).code, 7);
    let missing = run(&["--", "/no/such/program"]);
    assert!(missing.code == 1 && missing.err.contains("cannot be started"), "{}", missing.err);
    let silent = run(&["--patience", "300ms", "--", "sleep", "60"]);
    assert!(silent.code == 1 && silent.err.contains("does not serve port"), "{}", silent.err);
    let nowhere = said(&mut command(&["run", "--app", "x", "--port", &free, "--", "true"]));
    assert!(nowhere.code == 2 && nowhere.err.contains("--registry"), "{}", nowhere.err);
}
