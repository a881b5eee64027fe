//! What is asked: 1,000 instances in 50 applications, and each kind of request on them.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};
use wellspring_test_support::{http1, port};

use crate::load::Request;
use crate::process::Server;
use crate::table::Scenario;

pub(crate) const JSON: [(&str, &str); 1] = [("Accept", "application/json")];
pub(crate) const XML: [(&str, &str); 1] = [("Accept", "application/xml")];
pub(crate) const GZIP: [(&str, &str); 2] = [("Accept", "application/json"), ("Accept-Encoding", "gzip")];

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Registry,
    /// nginx: the same bytes from files, nothing for writes.
    Files,
}

pub(crate) fn instance(app: &str, host: &str) -> (String, String) {
    let vip = app.to_lowercase();
    let id = format!("{host}:{vip}:8080");
    let body = format!(
        r#"{{"instance":{{"instanceId":"{id}","hostName":"{host}","app":"{app}","ipAddr":"10.0.0.1","status":"UP","port":{{"$":8080,"@enabled":"true"}},"securePort":{{"$":443,"@enabled":"false"}},"dataCenterInfo":{{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}},"leaseInfo":{{"renewalIntervalInSecs":30,"durationInSecs":90}},"metadata":{{"management.port":"8080","zone":"z1"}},"homePageUrl":"http://{host}:8080/","statusPageUrl":"http://{host}:8080/actuator/info","healthCheckUrl":"http://{host}:8080/actuator/health","vipAddress":"{vip}","secureVipAddress":"{vip}","lastDirtyTimestamp":"1700000000000"}}}}"#
    );
    (id, body)
}

pub(crate) fn register(app: &str, body: &str) -> Request {
    let json = [("Content-Type", "application/json")];
    Request::new("POST", &format!("/eureka/apps/{app}"), &json, body.as_bytes(), 204)
}

/// These instances of each of the 50 applications.
pub(crate) fn registrations(numbers: Range<usize>) -> Vec<Request> {
    each(numbers, |app, host| register(app, &instance(app, host).1))
}

fn each(numbers: Range<usize>, make: impl Fn(&str, &str) -> Request) -> Vec<Request> {
    let all = (0..50).flat_map(|app| numbers.clone().map(move |number| (app, number)));
    all.map(|(app, number)| make(&format!("APP{app}"), &format!("host{app}-{number}"))).collect()
}

/// Each kind of request, for every server in the order given.
pub(crate) fn scenarios(servers: &[Who]) -> Vec<Scenario<'static>> {
    let write = |registry: &[Request], files: Option<Request>| -> Vec<Option<Vec<Request>>> {
        let asked = |who: &Who| match who {
            Who::Registry => Some(registry.to_vec()),
            Who::Files => files.clone().map(|request| vec![request]),
        };
        servers.iter().map(asked).collect()
    };
    let read = |path: &str, file: &str, headers: &[(&str, &str)]| {
        write(&[Request::get(path, headers)], Some(Request::get(file, headers)))
    };
    let heartbeats = each(0..20, |app, host| {
        let (id, _) = instance(app, host);
        let path = format!("/eureka/apps/{app}/{id}?status=UP&lastDirtyTimestamp=1700000000000");
        Request::new("PUT", &path, &JSON, b"", 200)
    });
    let one = "/eureka/apps/APP7/host7-3:app7:8080";
    let rows = [
        ("heartbeat", 64, write(&heartbeats, Some(Request::get("/ok", &JSON))), 1.0),
        ("/apps gzip", 16, read("/eureka/apps", "/apps.gz", &GZIP), 0.5),
        ("/apps JSON", 16, read("/eureka/apps", "/apps.json", &JSON), 0.05),
        ("/apps XML", 16, read("/eureka/apps", "/apps.xml", &XML), 0.05),
        ("/apps/delta gzip", 16, read("/eureka/apps/delta", "/delta.gz", &GZIP), 0.5),
        ("one application", 16, read("/eureka/apps/APP7", "/app.json", &JSON), 0.5),
        ("one instance", 16, read(one, "/instance.json", &JSON), 1.0),
        ("register", 16, write(&registrations(0..20), None), 0.5),
    ];
    let scenario = |(name, connections, requests, share)| Scenario { name, connections, requests, share };
    rows.into_iter().map(scenario).collect()
}

/// nginx with the very bytes that the registry answers with.
pub(crate) fn nginx(dir: &Path, registry: u16) -> Result<Server> {
    let port = port::free();
    let save = |path: &str, file: &str, headers: &[(&str, &str)]| -> Result<()> {
        let request = headers
            .iter()
            .fold(http1::Request::new("GET", path), |request, (name, value)| request.header(name, value));
        let reply = request.send(registry).with_context(|| path.to_owned())?;
        fs::write(dir.join(file), &reply.body)?;
        Ok(())
    };
    save("/eureka/apps", "apps.gz", &GZIP)?;
    save("/eureka/apps", "apps.json", &JSON)?;
    save("/eureka/apps", "apps.xml", &XML)?;
    save("/eureka/apps/delta", "delta.gz", &GZIP)?;
    save("/eureka/apps/APP7", "app.json", &JSON)?;
    save("/eureka/apps/APP7/host7-3:app7:8080", "instance.json", &JSON)?;
    let root = dir.display();
    let file = dir.join("nginx.conf");
    fs::write(
        &file,
        format!(
            "daemon off; worker_processes 1; pid {root}/nginx.pid; error_log /dev/null;\nuser root;\nevents {{ worker_connections 1024; }}\nhttp {{ access_log off; default_type application/json; sendfile on; open_file_cache max=100; keepalive_requests 10000000; client_body_temp_path {root}; proxy_temp_path {root}; fastcgi_temp_path {root}; uwsgi_temp_path {root}; scgi_temp_path {root};\nserver {{ listen 127.0.0.1:{port}; root {root}; location = /ok {{ return 200 ''; }} }} }}\n"
        ),
    )?;
    Server::start("nginx", 0, port, &["nginx", "-c", &file.display().to_string()], dir)
}
