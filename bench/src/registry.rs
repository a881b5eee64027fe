//! The registry with 1,000 instances in 50 applications, beside nginx serving the same bytes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wellspring_test_support::port;

use crate::load::{self, Request};
use crate::process::{Server, program};
use crate::table::{Scenario, compare, say};
use crate::{Effort, process};

const JSON: [(&str, &str); 1] = [("Accept", "application/json")];
const GZIP: [(&str, &str); 2] = [("Accept", "application/json"), ("Accept-Encoding", "gzip")];

fn instance(app: usize, number: usize) -> (String, String) {
    let id = format!("host{app}-{number}:app{app}:8080");
    let body = format!(
        r#"{{"instance":{{"instanceId":"{id}","hostName":"host{app}-{number}","app":"APP{app}","ipAddr":"10.0.{app}.{number}","status":"UP","port":{{"$":8080,"@enabled":"true"}},"securePort":{{"$":443,"@enabled":"false"}},"dataCenterInfo":{{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}},"leaseInfo":{{"renewalIntervalInSecs":30,"durationInSecs":90}},"metadata":{{"management.port":"8080","zone":"z1"}},"homePageUrl":"http://host{app}-{number}:8080/","statusPageUrl":"http://host{app}-{number}:8080/actuator/info","healthCheckUrl":"http://host{app}-{number}:8080/actuator/health","vipAddress":"app{app}","secureVipAddress":"app{app}","lastDirtyTimestamp":"1700000000000"}}}}"#
    );
    (id, body)
}

pub(crate) async fn run(effort: Effort) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (ours_port, nginx_port) = (port::free(), port::free());
    let ours =
        Server::start("wellspring-registry", 0, ours_port, &[&program("wellspring-registry")], dir.path())?;
    let (idle, _) = ours.memory();
    let all: Vec<(usize, usize)> = (0..50).flat_map(|app| (0..20).map(move |number| (app, number))).collect();
    let registrations: Vec<Request> = all
        .iter()
        .map(|&(app, number)| {
            let (_, body) = instance(app, number);
            let json = [("Content-Type", "application/json")];
            Request::new("POST", &format!("/eureka/apps/APP{app}"), &json, body.as_bytes(), 204)
        })
        .collect();
    load::run(ours.port, &registrations, 1, registrations.len()).await?;
    let (filled, _) = ours.memory();
    say(&format!("Resident memory: {idle:.1} MiB idle, {filled:.1} MiB with 1,000 instances.\n"));
    let nginx = nginx(dir.path(), nginx_port, ours.port)?;
    let heartbeats: Vec<Request> = all
        .iter()
        .map(|&(app, number)| {
            let (id, _) = instance(app, number);
            let path = format!("/eureka/apps/APP{app}/{id}?status=UP&lastDirtyTimestamp=1700000000000");
            Request::new("PUT", &path, &JSON, b"", 200)
        })
        .collect();
    let fixed = |path: &str, headers: &[(&str, &str)]| Some(vec![Request::get(path, headers)]);
    let both =
        |path: &str, file: &str, headers: &[(&str, &str)]| vec![fixed(path, headers), fixed(file, headers)];
    let scenarios = [
        Scenario {
            name: "heartbeat",
            connections: 64,
            requests: vec![Some(heartbeats), fixed("/ok", &JSON)],
            share: 1.0,
        },
        Scenario {
            name: "/apps gzip",
            connections: 16,
            requests: both("/eureka/apps", "/apps.gz", &GZIP),
            share: 0.5,
        },
        Scenario {
            name: "/apps JSON",
            connections: 16,
            requests: both("/eureka/apps", "/apps.json", &JSON),
            share: 0.05,
        },
        Scenario {
            name: "/apps/delta gzip",
            connections: 16,
            requests: both("/eureka/apps/delta", "/delta.gz", &GZIP),
            share: 0.5,
        },
        Scenario {
            name: "one application",
            connections: 16,
            requests: both("/eureka/apps/APP7", "/app.json", &JSON),
            share: 0.5,
        },
        Scenario {
            name: "one instance",
            connections: 16,
            requests: both("/eureka/apps/APP7/host7-3:app7:8080", "/instance.json", &JSON),
            share: 1.0,
        },
        Scenario { name: "register", connections: 16, requests: vec![Some(registrations), None], share: 0.5 },
    ];
    compare(effort, &[&ours, &nginx], &scenarios).await
}

/// nginx with the very bytes that the registry answers with.
fn nginx(dir: &Path, port: u16, registry: u16) -> Result<Server> {
    let save = |path: &str, file: &str, gzip: bool| -> Result<()> {
        let mut request =
            wellspring_test_support::http1::Request::new("GET", path).header("Accept", "application/json");
        if gzip {
            request = request.header("Accept-Encoding", "gzip");
        }
        let reply = request.send(registry).with_context(|| path.to_owned())?;
        fs::write(dir.join(file), &reply.body)?;
        Ok(())
    };
    save("/eureka/apps", "apps.gz", true)?;
    save("/eureka/apps", "apps.json", false)?;
    save("/eureka/apps/delta", "delta.gz", true)?;
    save("/eureka/apps/APP7", "app.json", false)?;
    save("/eureka/apps/APP7/host7-3:app7:8080", "instance.json", false)?;
    let root = dir.display();
    let file = dir.join("nginx.conf");
    fs::write(
        &file,
        format!(
            "daemon off; worker_processes 1; pid {root}/nginx.pid; error_log /dev/null;\nuser root;\nevents {{ worker_connections 1024; }}\nhttp {{ access_log off; default_type application/json; sendfile on; open_file_cache max=100; keepalive_requests 10000000; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\nserver {{ listen 127.0.0.1:{port}; root {root}; location = /ok {{ return 200 ''; }} }} }}\n"
        ),
    )?;
    process::Server::start("nginx", 0, port, &["nginx", "-c", &file.display().to_string()], dir)
}
