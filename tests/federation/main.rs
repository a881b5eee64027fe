//! Four daemons as four processes: one admin API sees and does everything, in the name of whoever asks, and nobody learns the
//! token on the way. Every write of the description leaves one event that names the actor, whichever daemon did it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod stream;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_test_support::{Daemon, Launch, Repository, http1, poll, port};

const SOON: Duration = Duration::from_secs(90);
const TOKEN: &str = "shared-admin-token-marker";
const ROUTES: &str = "
spring.cloud.gateway.routes:
  - id: stock
    uri: lb://inventory
    predicates: [ Path=/stock/** ]
    filters:
      - name: CircuitBreaker
        args: { name: stock }
";

struct Platform {
    registry: Daemon,
    config: Option<Daemon>,
    _gateway: Daemon,
    _bus: Daemon,
    _inventory: Daemon,
    /// Admin ports of registry and gateway.
    admin: u16,
    gateway_admin: u16,
    _repository: Repository,
    _state: tempfile::TempDir,
}

fn launch(program: &str, name: &str, admin: u16) -> Launch {
    Launch::new(program)
        .var("SPRING_APPLICATION_NAME", name)
        .var("SERVER_ADDRESS", "127.0.0.1")
        .var("WELLSPRING_ADMIN_ADDRESS", format!("127.0.0.1:{admin}"))
        .var("WELLSPRING_ADMIN_TOKEN", TOKEN)
        .var("MANAGEMENT_ENDPOINTS_WEB_EXPOSURE_INCLUDE", "*")
}

fn member(program: &str, name: &str, admin: u16, registry: &Daemon) -> Launch {
    launch(program, name, admin)
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", registry.url("/eureka/"))
        .var("EUREKA_INSTANCE_HOSTNAME", "127.0.0.1")
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS", "1")
}

impl Platform {
    fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let (admin, gateway_admin) = (port::free(), port::free());
        let registry = launch("wellspring-registry", "registry", admin)
            .var("WELLSPRING_ADMIN_ACCESSFILE", state.path().join("access.json"))
            .var("WELLSPRING_REGISTRY_STATEDIRECTORY", state.path().join("registry"))
            .var("EUREKA_CLIENT_REGISTERWITHEUREKA", "false")
            .var("EUREKA_CLIENT_FETCHREGISTRY", "false")
            .start();
        let repository = Repository::with(&[("application.yml", "stock.limit: 1\n")]).unwrap();
        let config = member("wellspring-config-server", "config-server", port::free(), &registry)
            .var("SPRING_CLOUD_CONFIG_SERVER_GIT_URI", repository.path())
            .var("ENCRYPT_KEY", "a-key-of-some-length")
            .start();
        let bus = member("wellspring-bus", "bus", port::free(), &registry).start();
        let gateway = member("wellspring-gateway", "gateway", gateway_admin, &registry)
            .var("WELLSPRING_ADMIN_DAEMONS", format!("http://127.0.0.1:{admin}"))
            .yaml(ROUTES)
            .start();
        let inventory = member("inventory", "inventory", port::free(), &registry)
            .var("WELLSPRING_BUS_URL", bus.url(""))
            .start();
        Self {
            registry,
            config: Some(config),
            _gateway: gateway,
            _bus: bus,
            _inventory: inventory,
            admin,
            gateway_admin,
            _repository: repository,
            _state: state,
        }
    }

    fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        ask(self.admin, token, method, path, body)
    }

    fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(TOKEN, "GET", path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Until all four have found one another.
    fn settled(&self) {
        let wanted = ["bus", "config-server", "gateway", "registry"];
        for port in [self.admin, self.gateway_admin] {
            let get = |path| {
                let (status, answer) = ask(port, TOKEN, "GET", path, None);
                (status == 200).then_some(answer)
            };
            poll::until("the console sees all daemons, and what each of them knows", SOON, || {
                let seen = get("/daemons").map(|daemons| names(&daemons)).unwrap_or_default();
                let all = ["/routes", "/config/repositories", "/bus", "/cluster"];
                wanted.iter().all(|name| seen.contains(*name))
                    && all.iter().all(|path| get(path).is_some())
                    && get("/services/inventory").is_some_and(|one| one["instances"][0]["evictAt"].is_i64())
                    && get("/overview").is_some_and(|all| all["services"]["up"] == 4)
            });
        }
    }

    fn instance(&self) -> Option<String> {
        let (_, service) = self.ask(TOKEN, "GET", "/services/inventory", None);
        Some(service["instances"][0]["id"].as_str()?.to_owned())
    }

    fn token(&self, name: &str, role: &str, applications: &[&str]) -> String {
        let order = json!({"name": name, "role": role, "applications": applications});
        let (status, made) = self.ask(TOKEN, "POST", "/access/tokens", Some(&order));
        assert_eq!(status, 200, "{made}");
        made["token"].as_str().unwrap().to_owned()
    }
}

fn ask(port: u16, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let mut request = http1::Request::new(method, &format!("/api/v1{path}")).header("x-wellspring", "1");
    if !token.is_empty() {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let reply = request.send(port).unwrap();
    (reply.status, serde_json::from_str(&reply.text()).unwrap_or_default())
}

/// Kind and link of what a search finds.
fn found(port: u16, token: &str, text: &str) -> BTreeSet<(String, String)> {
    let (status, answer) = ask(port, token, "GET", &format!("/search?q={text}"), None);
    assert_eq!(status, 200, "{answer}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer["items"].as_array().unwrap().iter().map(|hit| (text(&hit["kind"]), text(&hit["url"]))).collect()
}

fn names(daemons: &Value) -> BTreeSet<String> {
    let items = daemons["items"].as_array().unwrap().iter();
    items.filter(|one| one["status"] == "UP").map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// What each write is tried with, in this order: method and path as the description has them, the path with its parts filled
/// in, the body. `{instance}`: the one of inventory; `{event}`: the bus event sent before.
fn orders() -> Vec<(&'static str, String, Value)> {
    let of = |what, path: &str, body| (what, path.to_owned(), body);
    let instance = "/services/inventory/instances/{instance}";
    vec![
        of(
            "POST /access/users",
            "/access/users",
            json!({"name": "ben", "role": "viewer", "password": "long enough"}),
        ),
        of("POST /session", "/session", json!({"name": "ben", "password": "long enough", "bearer": true})),
        of("DELETE /session", "/session", Value::Null),
        of("DELETE /access/users/{name}", "/access/users/ben", Value::Null),
        of("POST /access/tokens", "/access/tokens", json!({"name": "ci"})),
        of("DELETE /access/tokens/{name}", "/access/tokens/ci", Value::Null),
        of("POST /services/{name}/instances/{id}/drain", &format!("{instance}/drain"), json!({"minutes": 5})),
        of("POST /services/{name}/instances/{id}/undrain", &format!("{instance}/undrain"), json!({})),
        of(
            "POST /services/{name}/instances/{id}/metadata",
            &format!("{instance}/metadata"),
            json!({"key": "a", "value": "b"}),
        ),
        of(
            "POST /services/{name}/instances/{id}/actuator/loggers",
            &format!("{instance}/actuator/loggers"),
            json!({"logger": "ROOT", "level": "debug"}),
        ),
        of(
            "POST /services/{name}/instances/{id}/actuator/refresh",
            &format!("{instance}/actuator/refresh"),
            json!({}),
        ),
        of("POST /config/refresh", "/config/refresh", json!({"instances": ["{instance}"]})),
        of("POST /cluster/resync", "/cluster/resync", json!({})),
        of("POST /cluster/accept", "/cluster/accept", json!({})),
        of("POST /config/decrypt", "/config/decrypt", json!({"value": "{encrypted}"})),
        of("POST /config/pins", "/config/pins", json!({"commit": "main"})),
        of("DELETE /config/pins/{label}", "/config/pins/main", Value::Null),
        of("POST /routes/{id}/enabled", "/routes/stock/enabled", json!({"enabled": false})),
        of("POST /routes/apply", "/routes/apply", json!({"routes": ""})),
        of(
            "POST /breakers/{name}/state",
            "/breakers/stock/state?daemon=gateway",
            json!({"state": "FORCED_OPEN", "minutes": 1}),
        ),
        of("POST /bus/refresh", "/bus/refresh", json!({"destination": "inventory:**"})),
        of("POST /bus/{id}/resend", "/bus/{event}/resend", json!({})),
        of("POST /bus/env", "/bus/env", json!({"name": "x.y", "value": "1", "destination": "inventory:**"})),
        of("DELETE /services/{name}/instances/{id}", instance, Value::Null),
    ]
}

/// Every write of the description is tried through the registry's API, wherever it is done.
fn every_write_is_an_event(platform: &Platform, ana: &str) {
    let description = platform.get("/openapi.json");
    let mut writes = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, about) in methods.as_object().unwrap() {
            if about["x-write"] == true {
                writes.insert(format!("{} {}", method.to_uppercase(), path.trim_start_matches("/api/v1")));
            }
        }
    }
    let (mut sent, mut bens) = (String::new(), String::new());
    let (_, encrypted) = platform.ask(ana, "POST", "/config/encrypt", Some(&json!({"value": "a secret"})));
    let encrypted = encrypted["value"].as_str().unwrap();
    // The breaker is there from its first call on.
    drop(http1::get(platform._gateway.port(), "/stock/1"));
    for (what, path, body) in orders() {
        assert!(writes.remove(what), "{what} is no write of the description, or tried twice");
        let fill = |text: &str| {
            let id = platform.instance().unwrap_or_default();
            text.replace("{instance}", &id.replace('/', "%2F"))
                .replace("{event}", &sent)
                .replace("{encrypted}", encrypted)
        };
        let reason = format!("because of {what}");
        let (token, actor) = match what {
            "POST /session" => ("", "ben"),
            "DELETE /session" => (bens.as_str(), "ben"),
            _ => (ana, "ana"),
        };
        let method = what.split(' ').next().unwrap();
        let answer = if body.is_null() {
            let separator = if path.contains('?') { '&' } else { '?' };
            let path = format!("{}{separator}reason={}", fill(&path), reason.replace(' ', "%20"));
            platform.ask(token, method, &path, None)
        } else {
            let mut body: Value = serde_json::from_str(&fill(&body.to_string())).unwrap();
            body["reason"] = reason.clone().into();
            platform.ask(token, method, &fill(&path), Some(&body))
        };
        let (status, answer) = answer;
        assert_eq!(status, 200, "{what}: {answer}");
        let events = platform.get("/events?topics=admin&limit=1000");
        let events = events["items"].as_array().unwrap();
        let noted: Vec<_> = events.iter().filter(|event| event["data"]["reason"] == *reason).collect();
        assert_eq!(noted.len(), 1, "{what}: {noted:?}");
        assert_eq!(
            (&noted[0]["actor"], &noted[0]["id"]),
            (&json!(actor), &answer["event"]),
            "{what}: {noted:?}"
        );
        match what {
            "POST /config/decrypt" => {
                assert_eq!(answer["value"], "a secret");
                assert!(!noted[0].to_string().contains("a secret"), "{noted:?}");
            }
            "POST /session" => bens = answer["token"].as_str().unwrap().to_owned(),
            "POST /bus/refresh" => {
                let id = answer["item"]["id"].as_str();
                sent = id.unwrap_or_else(|| panic!("{answer}")).to_owned();
            }
            _ => {}
        }
    }
    assert!(writes.is_empty(), "writes that are not tried: {writes:?}");
}

/// Somebody registers an address of his own as an admin API, to be shown the token.
fn thief(platform: &Platform) -> Arc<Mutex<Vec<u8>>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = vec![0; 64 * 1024];
            let read = stream.read(&mut bytes).unwrap_or(0);
            all.lock().extend_from_slice(&bytes[..read]);
            let body = r#"{"id":"x","names":["thief"],"domains":["config server"],"version":"1"}"#;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
            drop(write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    let instance = json!({"instance": {
        "instanceId": "thief", "hostName": "thief", "app": "THIEF", "ipAddr": "127.0.0.1", "status": "UP",
        "port": {"$": 1, "@enabled": "true"}, "metadata": {"wellspring.admin": format!("http://{address}")},
        "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"},
    }});
    let request = http1::Request::new("POST", "/eureka/apps/THIEF").json(&instance);
    assert_eq!(request.send(platform.registry.port()).unwrap().status, 204);
    heard
}

#[test]
fn one_console_sees_and_does_everything_and_every_write_names_its_actor() {
    let mut platform = Platform::start();
    platform.settled();
    let daemons = platform.get("/overview");
    assert_eq!(daemons["services"]["up"], 4, "{daemons}");
    // What each knows is asked of the registry's process, and of the gateway's.
    for port in [platform.admin, platform.gateway_admin] {
        for (path, has) in [
            ("/routes", "items"),
            ("/config/repositories", "items"),
            ("/bus", "members"),
            ("/cluster", "peers"),
        ] {
            let (status, answer) = ask(port, TOKEN, "GET", path, None);
            assert_eq!((status, answer[has].is_array()), (200, true), "{port} {path}: {answer}");
        }
        let (_, leased) = ask(port, TOKEN, "GET", "/services/inventory", None);
        assert!(leased["instances"][0]["evictAt"].is_i64(), "the registry's own word: {leased}");
        let key = "/#/config?application=inventory&key=stock.limit";
        let wanted = [("route", "/#/routes/stock"), ("key", key)];
        poll::until("the search finds the route and the key", SOON, || {
            let found = found(port, TOKEN, "STOCK");
            wanted.iter().all(|(kind, link)| found.contains(&((*kind).to_owned(), (*link).to_owned())))
        });
    }
    poll::until("the starts of all are in the log", SOON, || {
        let health = platform.get("/events?topics=daemon&limit=1000");
        let all = health["items"].as_array().unwrap();
        let started: BTreeSet<_> = all.iter().map(|event| event["daemon"].as_str().unwrap()).collect();
        ["registry", "gateway", "bus", "config-server"].iter().all(|name| started.contains(name))
    });

    let (ana, looker) = (platform.token("ana", "admin", &[]), platform.token("looker", "viewer", &[]));
    let confined = platform.token("confined", "operator", &["orders"]);
    for (token, method, path, status) in [
        (looker.as_str(), "GET", "/config/pins", 200),
        (&looker, "POST", "/config/pins", 403),
        (&confined, "GET", "/config/environment?application=inventory", 403),
        (&confined, "GET", "/config/environment?application=orders", 200),
        (&confined, "POST", "/routes/apply", 403),
        ("wrong", "GET", "/routes", 401),
        (TOKEN, "GET", "/daemons?daemon=nobody", 404),
        (TOKEN, "GET", "/routes?daemon=gateway", 200),
    ] {
        let body = (method == "POST").then(|| json!({}));
        let (found, answer) = platform.ask(token, method, path, body.as_ref());
        assert_eq!(found, status, "{method} {path}: {answer}");
    }
    let within = found(platform.admin, &confined, "stock");
    assert!(within.iter().all(|(kind, _)| kind == "route"), "keys of others are not found: {within:?}");
    every_write_is_an_event(&platform, &ana);
    // Who is on the bus is known to the bus alone, who is registered to the registry.
    for port in [platform.admin, platform.gateway_admin] {
        poll::until("the member of the bus is drawn", SOON, || {
            let (_, topology) = ask(port, TOKEN, "GET", "/topology", None);
            let edges = topology["edges"].as_array().unwrap();
            let bus = edges.iter().find(|edge| edge["from"] == "inventory" && edge["to"] == "bus");
            bus.is_some_and(|edge| edge["source"] == "bus" && edge["at"].is_i64())
        });
    }

    let heard = thief(&platform);
    poll::until("the thief is told apart", SOON, || {
        let problems = platform.get("/problems");
        let problems = problems["items"].as_array().unwrap().clone();
        problems.iter().any(|one| one["daemon"] == "thief" && one["status"] == "DOWN")
    });
    assert_eq!(platform.get("/config/pins")["items"], json!([]), "the config server answers, not the thief");
    let text = String::from_utf8_lossy(&heard.lock()).into_owned();
    assert!(text.contains("/api/v1/introduction") && !text.contains("/config/"), "{text}");
    assert!(!text.contains(TOKEN), "{text}");

    stream::one_stream_tells_of_everybody(&mut platform);
    poll::until("the missing one is a problem", SOON, || {
        let problems = platform.get("/problems");
        problems["items"].as_array().unwrap().iter().any(|one| one["daemon"] == "config-server")
    });
    let (status, refused) = platform.ask(TOKEN, "GET", "/config/pins", None);
    let said = refused["message"].as_str().unwrap_or_default();
    // The thief does not answer either, and never had anything to say about it.
    assert_eq!((status, said.starts_with("config-server cannot be asked")), (502, true), "{refused}");
    for path in ["/routes", "/bus", "/cluster", "/overview", "/events", "/topology"] {
        assert_eq!(platform.ask(TOKEN, "GET", path, None).0, 200, "{path}");
    }
}
