//! The gateway over the admin API: routes with figures, the route lab, changes while it runs, and the event log of it all.

use std::time::Duration;

use serde_json::{Value, json};
use wellspring_test_support::http1::{self, Reply, Request};
use wellspring_test_support::{Echo, poll};

use crate::support::{Gateway, one_route};

/// A gateway with its admin API.
struct Operated {
    gateway: Gateway,
    admin: u16,
}

impl Operated {
    async fn start(yaml: &str) -> Self {
        let gateway = Gateway::start(&format!("wellspring.admin.address: 127.0.0.1:0\n{yaml}")).await;
        let admin = gateway.running.admin_addr().unwrap().port();
        Self { gateway, admin }
    }

    fn get(&self, path: &str) -> Value {
        let reply = http1::get(self.admin, &format!("/api/v1{path}")).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        let request = Request::new("POST", &format!("/api/v1{path}")).header("X-Wellspring", "1").json(body);
        request.send(self.admin).unwrap()
    }

    fn done(&self, path: &str, body: &Value) -> Value {
        let reply = self.post(path, body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    fn status(&self, path: &str) -> u16 {
        http1::get(self.gateway.port(), path).unwrap().status
    }

    fn route(&self, id: &str) -> Value {
        self.get(&format!("/routes/{id}"))
    }

    /// Events of a topic, oldest first.
    fn events(&self, topic: &str) -> Vec<Value> {
        let mut items = self.get(&format!("/events?topics={topic}"))["items"].as_array().unwrap().clone();
        items.reverse();
        items
    }
}

const BREAKER: &str =
    "resilience4j.circuitbreaker.instances.orders: {slidingWindowSize: 4, minimumNumberOfCalls: 4}\n";

#[tokio::test(flavor = "multi_thread")]
async fn routes_come_with_their_place_and_their_figures() {
    let upstream = Echo::start();
    let operated = Operated::start(&one_route(&upstream.url(""), &["PrefixPath=/status"])).await;
    let before = operated.route("all");
    assert_eq!((&before["requests"], &before["lastHit"]), (&json!(0), &Value::Null));
    for path in ["/200", "/200", "/404", "/503"] {
        operated.status(path);
    }
    let route = operated.route("all");
    assert_eq!((&route["requests"], &route["errors"]), (&json!(4), &json!(1)), "{route}");
    assert!(route["p99Ms"].as_f64().unwrap() > 0.0 && route["rps"].as_f64().unwrap() > 0.0, "{route}");
    let age = wellspring_wire::Millis::now().0 - route["lastHit"].as_i64().unwrap();
    assert!((-5..60_000).contains(&age), "{age}");
    assert_eq!(route["filters"], json!(["PrefixPath prefix = '/status'"]));
    let source = route["source"].as_str().unwrap();
    assert!(source.contains("application.yml:6:"), "{source}");
    let table = operated.get("/routes");
    assert_eq!((&table["revision"], &table["source"]), (&json!(1), &json!("configuration")));
    assert_eq!(table["recording"]["on"], false);
    let started = operated.events("routes");
    assert_eq!((&started[0]["kind"], &started[0]["data"]["cause"]), (&json!("in force"), &json!("start")));
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_switched_off_and_on_and_the_log_says_who_and_why() {
    let upstream = Echo::start();
    let operated = Operated::start(&one_route(&upstream.url(""), &[])).await;
    let switch = |enabled: bool| json!({"enabled": enabled, "reason": "too loud"});
    let done = operated.done("/routes/all/enabled", &switch(false));
    assert_eq!((&done["route"]["enabled"], &done["route"]["switched"]), (&json!(false), &json!(true)));
    assert_eq!(operated.status("/a"), 404);
    assert_eq!(operated.route("all")["predicates"], json!(["Path=/**"]));
    let noted = operated.get(&format!("/events/{}", done["event"]));
    assert_eq!(
        (&noted["topic"], &noted["kind"], &noted["actor"], &noted["data"]["reason"]),
        (&json!("admin"), &json!("route disabled"), &json!("local"), &json!("too loud"))
    );
    assert_eq!(noted["data"]["before"], json!({"enabled": true}));
    assert_eq!(operated.events("routes").last().unwrap()["data"]["removed"], json!(["all"]));
    operated.done("/routes/all/enabled", &switch(true));
    assert_eq!(operated.status("/a"), 200);
    assert_eq!(operated.post("/routes/none/enabled", &switch(true)).status, 404);
    assert_eq!(operated.post("/routes/all/enabled", &json!({})).status, 400);
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_routes_are_checked_first_and_yield_to_a_changed_configuration() {
    let upstream = Echo::start();
    let operated = Operated::start(&one_route(&upstream.url(""), &[])).await;
    let other = format!(
        "spring.cloud.gateway.routes:\n- id: new\n  uri: {}\n  predicates: [Path=/new/**]\nserver.port: 1\n",
        upstream.url("")
    );
    let bad = operated.post("/routes/apply", &json!({"routes": other.replace("Path=", "Pfad=")}));
    let refused = bad.json();
    assert_eq!((bad.status, &refused["code"]), (400, &json!("WS-1701")), "{refused}");
    assert!(refused["where"].as_str().unwrap().starts_with("proposed:4:"), "{refused}");
    let table = operated.get("/routes");
    assert_eq!((&table["revision"], table["items"].as_array().unwrap().len()), (&json!(1), 1));
    assert!(table["refused"]["problem"].as_str().unwrap().contains("Pfad"), "{table}");
    assert_eq!(operated.events("routes").last().unwrap()["kind"], "refused");
    assert_eq!(operated.status("/old"), 200, "nothing has changed");

    let diff = operated.done("/routes/diff", &json!({"routes": other}));
    assert_eq!((&diff["added"], &diff["removed"]), (&json!(["new"]), &json!(["all"])));
    let applied = operated.done("/routes/apply", &json!({"routes": other, "reason": "try"}));
    assert_eq!((&applied["revision"], &applied["before"]), (&json!(2), &json!(1)));
    assert_eq!(applied["ignored"], json!(["server.port"]));
    assert_eq!((operated.status("/old"), operated.status("/new/x")), (404, 200));
    assert_eq!(operated.get("/routes")["source"], "applied by local");
    // A list of routes alone will do.
    let list = format!("- id: short\n  uri: {}\n  predicates: [Path=/short]\n", upstream.url(""));
    operated.done("/routes/apply", &json!({"routes": list}));
    assert_eq!((operated.status("/new/x"), operated.status("/short")), (404, 200));

    operated.gateway.save(&format!(
        "wellspring.admin.address: 127.0.0.1:0\n{}",
        one_route(&upstream.url(""), &["PrefixPath=/p"])
    ));
    poll::until("the saved file counts", Duration::from_secs(90), || operated.status("/old") == 200);
    operated.done("/routes/apply", &json!({"routes": list}));
    operated.done("/routes/apply", &json!({"routes": "", "reason": "enough"}));
    assert_eq!((operated.status("/old"), operated.status("/short")), (200, 200));
    assert_eq!(operated.get("/routes")["source"], "configuration");
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_compared_beside_the_routes_that_no_file_has() {
    let upstream = Echo::start();
    let instances = format!(
        "spring.cloud.discovery.client.simple.instances.stock[0].uri: {}\nspring.cloud.gateway.discovery.locator.enabled: true\n",
        upstream.url("")
    );
    let operated = Operated::start(&format!("{instances}{}", one_route(&upstream.url(""), &[]))).await;
    let located = "ReactiveCompositeDiscoveryClient_stock";
    assert_eq!(operated.route(located)["source"], "discovery");
    operated.done("/routes/all/enabled", &json!({"enabled": false}));
    let list = format!("- id: new\n  uri: {}\n  predicates: [Path=/new]\n", upstream.url(""));
    let diff = operated.done("/routes/diff", &json!({"routes": list}));
    assert_eq!((&diff["added"], &diff["removed"]), (&json!(["new"]), &json!([])), "{diff}");
    let order = json!({"routes": list, "requests": "GET /stock/tea\nGET /new\n"});
    let report = operated.done("/routes/replay", &order);
    assert_eq!((&report["same"], &report["different"]), (&json!(1), &json!(1)), "{report}");
    let trace = operated.done("/routes/trace", &json!({"routes": list, "path": "/stock/tea"}));
    assert_eq!(trace["route"], located, "{trace}");
    operated.done("/routes/apply", &json!({"routes": list}));
    assert_eq!(operated.status("/stock/tea"), 200);
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_changed_is_in_force_after_a_restart_and_can_be_undone() {
    let (upstream, folder) = (Echo::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("state/changes.json");
    let configured = |filter: &[&str]| {
        let kept = format!("wellspring.gateway.changes-file: {}", file.display());
        format!("{kept}\n{}", one_route(&upstream.url(""), filter))
    };
    let other = format!(
        "routes:\n- {{id: new, uri: '{0}', predicates: [Path=/new/**]}}\n- {{id: old, uri: '{0}', predicates: [Path=/old/**]}}\n",
        upstream.url("")
    );
    let first = Operated::start(&configured(&[])).await;
    assert_eq!(first.get("/routes")["kept"], true, "whatever comes");
    let applied = first.done("/routes/apply", &json!({"routes": other, "reason": "try"}));
    let switched = first.done("/routes/old/enabled", &json!({"enabled": false, "reason": "too old"}));
    assert_eq!((&applied["kept"], &switched["kept"]), (&json!(true), &json!(true)));
    let before = first.get("/routes");
    first.gateway.running.stop().await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "routes may hold secrets");

    let second = Operated::start(&configured(&[])).await;
    let again = second.get("/routes");
    for name in ["source", "appliedAt", "kept"] {
        assert_eq!(again[name], before[name], "{name}");
    }
    assert_eq!((&again["source"], again["appliedAt"].is_i64()), (&json!("applied by local"), true));
    let old = second.route("old");
    assert_eq!((&old["enabled"], &old["switchedBy"]), (&json!(false), &json!("local")), "{old}");
    assert_eq!((second.status("/new/x"), second.status("/old/x")), (200, 404));
    second.done("/routes/old/enabled", &json!({"enabled": true}));
    assert_eq!(second.status("/old/x"), 200);
    second.gateway.running.stop().await;

    // Another configuration is newer than what was applied.
    let third = Operated::start(&configured(&["PrefixPath=/p"])).await;
    let table = third.get("/routes");
    assert_eq!((&table["source"], &table["kept"]), (&json!("configuration"), &json!(true)), "{table}");
    let told = third.events("routes");
    assert!(
        told[0]["kind"] == "not kept" && told[0]["text"].as_str().unwrap().contains("are others since"),
        "{told:?}"
    );
    third.done("/routes/apply", &json!({"routes": other}));
    third.done("/routes/apply", &json!({"routes": ""}));
    third.gateway.running.stop().await;
    let fourth = Operated::start(&configured(&["PrefixPath=/p"])).await;
    assert_eq!(
        (&fourth.get("/routes")["source"], fourth.status("/x")),
        (&json!("configuration"), 200),
        "undone"
    );
    fourth.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limiters_of_routes_tell_how_they_judged_and_never_whom() {
    let upstream = Echo::start();
    let limiter = |key: &str| {
        format!(
            "{{name: RequestRateLimiter, args: {{key-resolver: '#{{@{key}}}', redis-rate-limiter.replenishRate: 1, redis-rate-limiter.burstCapacity: 2}}}}"
        )
    };
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: keyed\n  uri: {0}\n  predicates: [Path=/keyed]\n  filters: [{1}]\n- id: plain\n  uri: {0}\n  predicates: [Path=/plain]\n",
        upstream.url(""),
        limiter("apiKeyResolver")
    );
    let operated = Operated::start(&yaml).await;
    let ask = |key: Option<&str>| {
        let request = Request::new("GET", "/keyed");
        let request = match key {
            Some(key) => request.header("X-Api-Key", key),
            None => request,
        };
        request.send(operated.gateway.port()).unwrap().status
    };
    let shown = || operated.get("/resilience")["requestLimiters"].clone();
    let unused = shown();
    assert_eq!((unused.as_array().unwrap().len(), &unused[0]["lastRefused"]), (1, &Value::Null), "{unused}");
    let one = |name: &str| unused[0][name].clone();
    assert_eq!(
        [
            one("daemon"),
            one("route"),
            one("keptIn"),
            one("key"),
            one("replenish"),
            one("burst"),
            one("requested")
        ],
        [json!("gateway"), json!("keyed"), json!("local"), json!("API key"), json!(1), json!(2), json!(1)]
    );
    let mut allowed = 0;
    poll::until("the bucket is empty", Duration::from_secs(20), || {
        let status = ask(Some("marker-of-a-secret"));
        allowed += u64::from(status == 200);
        status == 429
    });
    assert_eq!(ask(None), 403);
    let told = shown();
    assert_eq!(
        (&told[0]["allowed"], &told[0]["refused"], &told[0]["nameless"]),
        (&json!(allowed), &json!(1), &json!(1)),
        "{told}"
    );
    assert!(told[0]["lastRefused"].is_i64() && !told.to_string().contains("marker"), "{told}");
    operated.done("/routes/plain/enabled", &json!({"enabled": false}));
    assert_eq!(shown(), told, "other routes have changed, not this one");
    operated.done("/routes/keyed/enabled", &json!({"enabled": false}));
    poll::until("the route is gone, and its limiter with it", Duration::from_secs(10), || {
        operated.status("/nowhere") == 404 && shown() == json!([])
    });
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_names_the_line_of_the_condition_and_of_each_filter() {
    let upstream = Echo::start();
    let yaml = format!(
        "spring.cloud.gateway.routes:\n- id: posts\n  uri: {0}\n  predicates:\n  - Path=/a/**\n  - Method=POST\n- id: gets\n  uri: {0}\n  predicates: [Path=/a/**]\n  filters:\n  - StripPrefix=1\n  - AddRequestHeader=X-A, b\n",
        upstream.url("")
    );
    let operated = Operated::start(&yaml).await;
    let order = json!({"path": "/a/b?c=d", "headers": {"Authorization": "Bearer secret"}, "remoteAddress": "10.0.0.7"});
    let trace = operated.done("/routes/trace", &order);
    let posts = &trace["tried"][0];
    assert_eq!((&posts["id"], &posts["failed"]), (&json!("posts"), &json!("Methods: [POST]")));
    // One line of the admin listener stands above.
    assert!(posts["place"].as_str().unwrap().contains("application.yml:7:"), "{posts}");
    assert_eq!(posts["conditions"].as_array().unwrap().len(), 2);
    let filters = trace["filters"].as_array().unwrap();
    let strip = filters.iter().find(|filter| filter["name"] == "StripPrefix").unwrap();
    assert_eq!(strip["changes"], json!(["path /a/b?c=d → /b?c=d"]));
    assert!(strip["place"].as_str().unwrap().contains("application.yml:12:"), "{strip}");
    assert_eq!(trace["target"], upstream.url("/b?c=d"));
    assert_eq!(trace["sent"]["headers"]["x-a"], json!(["b"]));
    assert_eq!(trace["sent"]["headers"]["authorization"], json!(["******"]));
    assert!(trace["micros"].as_f64().unwrap() > 0.0);
    assert!(upstream.requests().is_empty(), "nothing is sent");
    let proposed = json!({"path": "/a/b", "routes": format!("- {{id: all, uri: '{}', predicates: [Path=/**]}}", upstream.url(""))});
    assert_eq!(operated.done("/routes/trace", &proposed)["route"], "all");
    let nowhere = operated.done("/routes/trace", &json!({"path": "/z"}));
    assert_eq!((&nowhere["route"], &nowhere["endsWith"]), (&Value::Null, &json!("404: no route")));
    for wrong in [
        json!({"path": "no path"}),
        json!({"path": "/", "remoteAddress": "me"}),
        json!({"path": "/", "routes": "a: b"}),
    ] {
        assert_eq!(operated.post("/routes/trace", &wrong).status, 400, "{wrong}");
    }
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_requests_are_replayed_once_somebody_has_asked() {
    let upstream = Echo::start();
    let operated = Operated::start(&one_route(&upstream.url(""), &[])).await;
    let proposed = json!({"routes": format!(
        "routes:\n- {{id: orders, uri: '{0}', predicates: [Path=/orders/**, 'Header=X-Kind, new']}}\n- {{id: all, uri: '{0}', predicates: [Path=/**]}}\n",
        upstream.url("")
    )});
    operated.status("/before");
    let first = operated.done("/routes/replay", &proposed);
    assert_eq!((&first["requests"], &first["recording"]["on"]), (&json!(0), &json!(true)));
    for (path, kind) in [("/orders/1?token=s3cret", "new"), ("/orders/2", "old"), ("/x", "new")] {
        let request = Request::new("GET", path).header("X-Kind", kind).header("Cookie", "s3cret");
        assert_eq!(request.send(operated.gateway.port()).unwrap().status, 200);
    }
    let kept = || operated.get("/routes")["recording"]["requests"].as_u64();
    poll::until("the requests are kept", Duration::from_secs(90), || kept() == Some(3));
    let report = operated.done("/routes/replay", &proposed);
    assert_eq!(
        (&report["requests"], &report["same"], &report["different"]),
        (&json!(3), &json!(2), &json!(1)),
        "{report}"
    );
    assert_eq!(report["differences"][0]["example"], "GET /orders/1?token=******");
    assert!(!report.to_string().contains("s3cret"), "{report}");
    operated.gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_is_forced_open_by_hand_and_its_changes_are_events() {
    let upstream = Echo::start();
    let filter = "{name: CircuitBreaker, args: {name: orders, statusCodes: [500]}}";
    let unnamed = "{name: CircuitBreaker, args: {name: other}}";
    let operated =
        Operated::start(&format!("{BREAKER}{}", one_route(&upstream.url(""), &[filter, unnamed]))).await;
    let breaker = |name: &str| {
        let all = operated.get("/resilience")["breakers"].as_array().unwrap().clone();
        let named: Vec<Value> = all.into_iter().filter(|one| one["name"] == name).collect();
        assert_eq!(named.len(), 1, "each breaker is there once: {named:?}");
        named[0].clone()
    };
    assert_eq!(
        (&breaker("orders")["state"], &breaker("orders")["routes"]),
        (&json!("CLOSED"), &json!(["all"]))
    );
    assert_eq!(breaker("other")["state"], "CLOSED");
    let order = json!({"state": "FORCED_OPEN", "minutes": 5, "reason": "maintenance"});
    let done = operated.done("/breakers/orders/state", &order);
    assert_eq!(operated.status("/a"), 503);
    let open = breaker("orders");
    assert_eq!(
        (&open["state"], &open["setBy"], &open["reason"]),
        (&json!("FORCED_OPEN"), &json!("local"), &json!("maintenance"))
    );
    assert!(open["until"].as_i64().unwrap() > open["since"].as_i64().unwrap() + 290_000, "{open}");
    let noted = operated.get(&format!("/events/{}", done["event"]));
    assert_eq!((&noted["actor"], &noted["data"]["reason"]), (&json!("local"), &json!("maintenance")));
    operated.done("/breakers/orders/state", &json!({"state": "CLOSED"}));
    assert_eq!((operated.status("/a"), breaker("orders")["until"].is_null()), (200, true));
    for _ in 0..4 {
        operated.status("/status/500");
    }
    assert_eq!(breaker("orders")["state"], "OPEN");
    assert!(breaker("orders")["nextProbe"].is_i64());
    let turns: Vec<String> =
        operated.events("breakers").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        turns,
        ["orders: CLOSED to FORCED_OPEN", "orders: FORCED_OPEN to CLOSED", "orders: CLOSED to OPEN"]
    );
    assert_eq!(operated.post("/breakers/orders/state", &json!({"state": "AJAR"})).status, 400);
    assert_eq!(operated.post("/breakers/none/state", &json!({"state": "CLOSED"})).status, 404);
    operated.gateway.running.stop().await;
}
