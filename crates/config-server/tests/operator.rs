//! What operators see and do: drift, history, effective values, pins, refused commits; all over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::Server;
use tokio::time::Instant;
use wellspring_test_support::{Echo, Repository, http1, port};

const URI: &str = "spring.cloud.config.server.git.uri";
const BASEDIR: &str = "spring.cloud.config.server.git.basedir";

struct Operated {
    server: Server,
    admin: u16,
}

impl Operated {
    async fn start(properties: &[(&str, &str)]) -> Self {
        let admin = port::free();
        let address = format!("127.0.0.1:{admin}");
        let mut all = vec![("wellspring.admin.address", address.as_str())];
        all.extend(properties);
        let server = Server::start(&all).await;
        Self { server, admin }
    }

    async fn send(&self, request: http1::Request) -> http1::Reply {
        let port = self.admin;
        tokio::task::spawn_blocking(move || request.send(port)).await.unwrap().unwrap()
    }

    async fn ask(&self, path: &str) -> Value {
        let reply = self.send(http1::Request::new("GET", &format!("/api/v1/{path}"))).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    async fn pin(&self, order: Value) -> http1::Reply {
        self.send(http1::Request::new("POST", "/api/v1/config/pins").header("x-wellspring", "1").json(&order))
            .await
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.ask("events?topics=config,admin").await;
        let events = events["items"].as_array().unwrap().clone();
        events.into_iter().filter(|event| event["kind"] == kind).collect()
    }
}

fn repository() -> Repository {
    Repository::with(&[("application.yml", "a: 1\nlist: [x, y]\n"), ("orders.yml", "b: 1\n")]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_shows_who_has_an_old_commit_and_who_never_asked() {
    let mut repository = repository();
    let simple = "spring.cloud.discovery.client.simple.instances";
    let server = Operated::start(&[
        (URI, &repository.path().display().to_string()),
        (&format!("{simple}.orders[0].uri"), "http://127.0.0.1:7001"),
        (&format!("{simple}.stock[0].uri"), "http://127.0.0.1:7002"),
    ])
    .await;
    let first = server.server.json("/orders/default").await["version"].clone();
    let all = server.ask("config/drift").await;
    assert_eq!((&all["current"], &all["behind"], &all["never"]), (&json!(1), &json!(0), &json!(1)), "{all}");
    let second = repository.put("orders.yml", "b: 2\n").unwrap();
    // Somebody else brings the news in.
    server.server.json("/nobody/default").await;
    let all = server.ask("config/drift?application=ORDERS").await;
    let orders = &all["items"][0];
    assert_eq!((&orders["version"], &orders["served"]), (&first, &json!(second)), "{all}");
    assert_eq!((&orders["state"], &orders["fetches"]), (&json!("behind"), &json!(1)));
    assert!(orders["instance"].as_str().is_some_and(|id| id.contains("7001")), "{orders}");
    assert!(orders["fetchedAt"].as_i64().is_some_and(|at| at > 0));
    let never = server.ask("config/drift?state=never").await;
    assert_eq!(never["items"][0]["application"], "stock");
    server.server.json("/orders/default").await;
    let all = server.ask("config/drift?application=orders").await;
    assert_eq!((&all["items"][0]["state"], &all["items"][0]["fetches"]), (&json!("current"), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_the_commits_that_matter_to_an_application() {
    let mut repository = repository();
    let second = repository.put("stock.yml", "c: 1\n").unwrap();
    let third = repository.put("orders-prod.yml", "b: 3\n").unwrap();
    let server = Operated::start(&[(URI, &repository.path().display().to_string())]).await;
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = server.ask("config/history").await;
    assert_eq!(ids(&all).len(), 3);
    assert_eq!(all["label"], "main");
    assert_eq!(all["items"][0]["served"], true);
    assert_eq!(all["items"][0]["message"], "put orders-prod.yml");
    let orders = server.ask("config/history?application=orders&profile=prod").await;
    assert_eq!(ids(&orders)[0], third);
    assert!(!ids(&orders).contains(&second), "{orders}");
    assert_eq!(orders["items"][0]["files"], json!(["orders-prod.yml"]));
    assert_eq!(ids(&server.ask("config/history?application=orders").await).len(), 1, "prod is not asked for");
    let page = server.ask("config/history?limit=2").await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(
        ids(&server.ask(&format!("config/history?limit=2&before={next}")).await),
        [ids(&all)[2].clone()]
    );
    let unknown = server.send(http1::Request::new("GET", "/api/v1/config/history?label=nope")).await;
    assert_eq!((unknown.status, unknown.json()["code"].clone()), (404, json!("WS-1611")));
}

#[tokio::test(flavor = "multi_thread")]
async fn effective_values_are_compared_and_secrets_are_not_shown() {
    let mut repository = repository();
    let key = "a-symmetric-key-of-some-length";
    let server =
        Operated::start(&[(URI, &repository.path().display().to_string()), ("encrypt.key", key)]).await;
    let encrypted = async |text: &str| {
        let request = http1::Request::new("POST", "/encrypt").header("content-type", "text/plain").body(text);
        server.server.send(request).await.text()
    };
    let (one, two, again) =
        (encrypted("hidden-1").await, encrypted("hidden-2").await, encrypted("hidden-3").await);
    let same = encrypted("hidden-3").await;
    let file = |b: &str, pin: &str, kept: &str| {
        format!(
            "b: {b}\nlist: [z]\npin: '{{cipher}}{pin}'\nkept: '{{cipher}}{kept}'\ndb.password: open-{b}\nurl: http://u:p{b}@h/x\n"
        )
    };
    let from = repository.put("orders.yml", &file("2", &one, &again)).unwrap();
    let to = repository.put("orders.yml", &file("3", &two, &same)).unwrap();
    let diff = server.ask(&format!("config/diff?application=orders&from={from}&to={to}")).await;
    let shown = diff.to_string();
    for secret in ["hidden", "open-", ":p2", &two, &one] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let keys: Vec<&str> =
        diff["items"].as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["b", "db.password", "pin", "url"], "what was encrypted anew is the same");
    let b = &diff["items"][0];
    assert_eq!(
        (&b["kind"], &b["from"]["value"], &b["to"]["value"]),
        (&json!("changed"), &json!(2), &json!(3))
    );
    assert_eq!(b["to"]["origin"], "1:4");
    assert!(b["to"]["source"].as_str().unwrap().ends_with("orders.yml"));
    assert_eq!(diff["items"][2]["to"]["value"], "******");
    let back = server.ask("config/diff?application=orders&from=main~2").await;
    let kinds: Vec<_> = back["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["key"].clone(), one["kind"].clone()))
        .collect();
    assert!(kinds.contains(&(json!("list[1]"), json!("removed"))), "lists replace one another: {back}");
    assert!(kinds.contains(&(json!("kept"), json!("added"))));
    let effective = server.ask("config/environment?application=orders").await;
    assert!(!effective.to_string().contains("hidden"));
    assert_eq!(effective["version"], to);
    let missing = server.send(http1::Request::new("GET", "/api/v1/config/diff?application=orders")).await;
    assert_eq!((missing.status, missing.json()["where"].clone()), (400, json!("?from=")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_label_is_rolled_back_without_a_push_and_stays_so() {
    let mut repository = repository();
    let path = repository.path().display().to_string();
    let first = repository.put("application.yml", "a: first\n").unwrap();
    let home = tempfile::tempdir().unwrap();
    let basedir = home.path().display().to_string();
    let properties = [(URI, path.as_str()), (BASEDIR, basedir.as_str())];
    let server = Operated::start(&properties).await;
    let second = repository.put("application.yml", "a: second\n").unwrap();
    assert_eq!(server.server.value("/x/default", "a").await, "second");
    let order = json!({"commit": "main~1", "actor": "somebody else", "reason": "second breaks orders"});
    let pin = server.pin(order).await;
    assert_eq!(pin.status, 200, "{}", pin.text());
    let pin = pin.json();
    assert_eq!(
        (&pin["label"], &pin["commit"], &pin["persistent"]),
        (&json!("main"), &json!(first), &json!(true))
    );
    for path in ["/x/default", "/x/default/main"] {
        assert_eq!(server.server.value(path, "a").await, "first");
    }
    assert_eq!(
        server.server.value(&format!("/x/default/{second}"), "a").await,
        "second",
        "by its id it is there"
    );
    let third = repository.put("application.yml", "a: third\n").unwrap();
    assert_eq!(server.server.value("/x/default", "a").await, "first", "a push does not move it");
    let drift = server.ask("config/drift?application=x").await;
    assert_eq!(drift["items"][0]["served"], first, "{drift}");
    let history = server.ask("config/history").await;
    assert_eq!((&history["served"], &history["pin"]["actor"]), (&json!(first), &json!("local")));
    assert_eq!(history["items"][0]["id"], third);
    let event = server.events("pinned").await.remove(0);
    assert_eq!(
        (&event["actor"], &event["data"]["reason"]),
        (&json!("local"), &json!("second breaks orders"))
    );
    // A restart does not undo it.
    drop(server);
    let server = Operated::start(&properties).await;
    assert_eq!(server.server.value("/x/default", "a").await, "first");
    assert_eq!(server.ask("config/pins").await["items"][0]["actor"], "local");
    let free =
        http1::Request::new("DELETE", "/api/v1/config/pins/main?reason=fixed").header("x-wellspring", "1");
    assert_eq!(server.send(free.clone()).await.status, 200);
    assert_eq!(server.server.value("/x/default", "a").await, "third");
    assert_eq!(server.events("unpinned").await[0]["data"]["reason"], "fixed");
    assert_eq!(server.send(free).await.status, 404, "nothing is held any more");
    for (order, status) in [
        (json!({"commit": "nope"}), 404),
        (json!({}), 400),
        (json!({"commit": "main", "repository": "x"}), 404),
    ] {
        assert_eq!(server.pin(order.clone()).await.status, status, "{order}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_told_to_refresh_without_a_bus() {
    let mut repository = repository();
    let (orders, stock) = (Echo::start(), Echo::start());
    let simple = "spring.cloud.discovery.client.simple.instances";
    let server = Operated::start(&[
        (URI, &repository.path().display().to_string()),
        ("wellspring.config.fan-out.enabled", "true"),
        (&format!("{simple}.orders[0].uri"), &orders.url("")),
        (&format!("{simple}.stock[0].uri"), &stock.url("")),
    ])
    .await;
    server.server.json("/orders/default").await;
    repository.put("application.yml", "a: 2\n").unwrap();
    let news = http1::Request::new("POST", "/monitor").json(&json!({"path": "application.yml"}));
    assert_eq!(server.server.send(news).await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(90);
    while orders.requests().is_empty() {
        assert!(Instant::now() < deadline, "nobody was told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let told = &orders.requests()[0];
    assert_eq!((&told["method"], &told["path"]), (&json!("POST"), &json!("/actuator/refresh")));
    assert!(stock.requests().is_empty(), "it never asked for configuration");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_commits_are_told_everywhere_with_all_their_places() {
    let mut repository = repository();
    let key = "a-symmetric-key-of-some-length";
    let junk = "{cipher}00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    // One value could never be decrypted: that keeps nothing else from being served.
    repository.put("old.yml", &format!("x: '{junk}'\n")).unwrap();
    let server = Operated::start(&[
        (URI, &repository.path().display().to_string()),
        ("encrypt.key", key),
        ("management.endpoints.web.exposure.include", "*"),
    ])
    .await;
    assert_eq!(server.server.value("/x/default", "a").await, 1);
    repository.put("old.yml", &format!("x: '{junk}'\ny: 1\n")).unwrap();
    assert_eq!(server.server.value("/old/default", "y").await, 1);

    repository.write("application.yml", "a: 2\n  b: [\n").unwrap();
    repository.write("orders.yml", "b: 1\nb: 2\n").unwrap();
    let broken = repository.put("stock.properties", &format!("ok=1\nkey={junk}\n")).unwrap();
    let reply = server.server.get("/x/default").await;
    assert_eq!(reply.header("x-wellspring-rejected-commit"), Some(broken.as_str()));
    let told = server.ask("config/repositories").await["items"][0]["rejected"][0].clone();
    assert_eq!((&told["label"], &told["commit"]), (&json!("main"), &json!(broken)));
    let problems = told["problems"].to_string();
    for place in ["application.yml:2:", "orders.yml:2:1", "stock.properties:2:5", "key` cannot be decrypted"]
    {
        assert!(problems.contains(place), "{place} in {problems}");
    }
    assert!(!problems.contains("00112233"), "{problems}");
    let event = server.events("commit-rejected").await.remove(0);
    assert_eq!(event["data"]["commit"], broken);
    let metrics = server.server.get("/actuator/prometheus").await.text();
    assert!(metrics.contains("wellspring_config_commits_rejected_commits_total 1"), "{metrics}");
    let history = server.ask("config/history").await;
    assert_eq!(history["rejected"]["commit"], broken);
    assert_ne!(history["served"], broken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_keeps_schemas_of_its_applications() {
    let mut repository = repository();
    let schema = json!({
        "type": "object",
        "properties": {
            "pool": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 50}}, "required": ["size"]},
            "mode": {"enum": ["fast", "safe"]},
        },
        "required": ["pool"],
    });
    repository.write(".wellspring/schema/orders.json", schema.to_string()).unwrap();
    repository.write("orders.yml", "pool:\n  size: ${most}\nmode: fast\nmost: 10\n").unwrap();
    repository.put("orders-prod.properties", "most=20\n").unwrap();
    let server = Operated::start(&[(URI, &repository.path().display().to_string())]).await;
    let served = async |application: &str, key: &str| server.server.value(application, key).await;
    assert_eq!(served("/orders/prod", "most").await, "20");
    let refused = async || {
        server.server.json("/orders/prod").await;
        let repositories = server.ask("config/repositories").await;
        repositories["items"][0]["rejected"][0]["problems"].to_string()
    };
    for (file, text, complaint) in [
        ("orders-prod.properties", "most=20\nmode=quick\n", "orders-prod.properties:2:6"),
        ("orders-prod.yml", "pool:\n  size: many\n", "orders-prod.yml:2:9"),
        ("orders.yml", "mode: fast\n", "pool is missing"),
        (".wellspring/schema/orders.json", "{", "orders.json:1:1"),
        (".wellspring/schema/orders.json", "{\"$ref\": \"http://127.0.0.1:1/x\"}", "schema cannot be used"),
    ] {
        let good = repository.put("good.txt", complaint).unwrap();
        assert_eq!(server.server.json("/orders/prod").await["version"], good);
        repository.put(file, text).unwrap();
        let problems = refused().await;
        assert!(problems.contains(complaint), "{complaint} in {problems}");
        assert!(!problems.contains("quick") && !problems.contains("many"), "no values: {problems}");
        assert_eq!(server.server.json("/orders/prod").await["version"], good);
        repository.reset(&good).unwrap();
    }
}
