//! Vault: a stand-in for it, and Vault itself where it is in PATH.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use wellspring_test_support::http1::{Reply, Request};
use wellspring_test_support::process::Guard;
use wellspring_test_support::{long, poll, port, tools};

use crate::support::Server;
use crate::vault_server::{Contents, Token, Vault};
use crate::{SHOWN, has_no_files, health, names};

const PREFIX: &str = "spring.cloud.config.server.vault.";

fn contents(secrets: &[(&str, Value)]) -> Contents {
    let secrets = secrets.iter().map(|(path, data)| ((*path).to_owned(), data.clone())).collect();
    let mut contents = Contents { secrets, ..Contents::default() };
    contents.tokens.insert("good".to_owned(), Token { reads: "secret/".to_owned(), expires: None });
    contents
}

async fn server(vault: &Vault, more: &[(&str, &str)]) -> Server {
    let port = vault.port().to_string();
    let port_key = format!("{PREFIX}port");
    let named: Vec<(String, &str)> =
        more.iter().map(|(key, value)| (format!("{PREFIX}{key}"), *value)).collect();
    let mut all = vec![("spring.profiles.active", "vault"), (port_key.as_str(), port.as_str()), SHOWN];
    all.extend(named.iter().map(|(key, value)| (key.as_str(), *value)));
    Server::start(&all).await
}

async fn ask(server: &Server, path: &str, token: &str) -> Reply {
    server.send(Request::new("GET", path).header("X-Config-Token", token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_profiles_and_applications_are_sources() {
    let own = json!({"zz": "z", "a.b": "1", "n": 5, "f": 1.5, "t": true, "nested": {"x": [1, {"y": null}]}, "nul": null,
        "big": 12_345_678_901_234_567_890_u64, "d": "2024-01-02", "yes": "yes", "c": "{cipher}zz"});
    let vault = Vault::start(contents(&[
        ("secret/data/orders", own.clone()),
        ("secret/data/orders,dev", json!({"a.b": "dev"})),
        ("secret/data/application", json!({"shared": "all"})),
        ("secret/data/application,dev", json!({"shared": "dev"})),
        ("secret/data/empty", json!({})),
        ("secret/data/deleted", Value::Null),
        ("secret/data/team/orders", json!({"k": "team"})),
    ]))
    .await;
    let two = server(&vault, &[("kv-version", "2")]).await;
    let flat = json!({"a.b": "1", "big": 12_345_678_901_234_567_890_u64, "d": "2024-01-02", "f": 1.5, "n": 5, "nested.x[0]": 1,
        "nested.x[1].y": "", "nul": "", "t": true, "yes": "yes", "zz": "z", "invalid.c": "<n/a>"});
    let found = ask(&two, "/orders/dev", "good").await.json();
    assert_eq!(
        found,
        json!({"name": "orders", "profiles": ["dev"], "label": null, "version": null, "state": null, "propertySources": [
            {"name": "vault:orders,dev", "source": {"a.b": "dev"}}, {"name": "vault:application,dev", "source": {"shared": "dev"}},
            {"name": "vault:orders", "source": flat}, {"name": "vault:application", "source": {"shared": "all"}},
        ]})
    );
    let keys: Vec<&String> = found["propertySources"][2]["source"].as_object().unwrap().keys().collect();
    assert_eq!(keys, flat.as_object().unwrap().keys().collect::<Vec<_>>(), "in the order of their texts");
    for (path, expected) in [
        (
            "/orders,empty,deleted/dev,prod/lab",
            &["vault:orders,dev", "vault:application,dev", "vault:orders", "vault:application"][..],
        ),
        ("/application/default", &["vault:application"]),
        ("/team(_)orders/default", &["vault:team/orders", "vault:application"]),
        ("/nobody/default", &["vault:application"]),
    ] {
        assert_eq!(names(&ask(&two, path, "good").await.json()), expected, "{path}");
    }
    assert_eq!(ask(&two, "/orders-dev.yml", "good").await.status, 200);
    has_no_files(&two).await;

    // No token, no answer; a bad one is the server's failure, as in the original.
    let reply = two.get("/orders/dev").await;
    assert_eq!((reply.status, &reply.json()["error"]), (400, &json!("Bad Request")));
    assert_eq!(ask(&two, "/orders/dev", "bad").await.status, 500);
    assert_eq!(ask(&two, "/orders/dev", "").await.status, 400);
    let (status, component) = health(&two, "configServer").await;
    assert!(status == "DOWN" && component["details"]["error"].as_str().unwrap().contains("X-Config-Token"));

    with_labels(&vault).await;
}

/// Version 1, labels, the mount in the names, another separator.
async fn with_labels(vault: &Vault) {
    vault.state.lock().secrets.insert("secret/orders-dev-main".into(), json!({"l": 1}));
    let one = server(
        vault,
        &[("token", "good"), ("enable-label", "true"), ("full-key-path", "true"), ("profile-separator", "-")],
    )
    .await;
    let found = one.json("/orders/dev").await;
    assert_eq!(
        found["propertySources"],
        json!([{"name": "vault:secret/orders-dev-main", "source": {"l": 1}}])
    );
    let asked: Vec<String> = vault
        .state
        .lock()
        .asked
        .iter()
        .rev()
        .map(|(path, _)| path.clone())
        .filter(|path| path.starts_with("secret/"))
        .take(4)
        .collect();
    assert_eq!(
        asked,
        [
            "secret/application-default-main",
            "secret/orders-default-main",
            "secret/application-dev-main",
            "secret/orders-dev-main"
        ]
    );
    // Nothing that a client writes leads out of the engine.
    for path in ["/..%252F..%252Fsys(_)raw/dev", "/orders/..%252Fx", "/a%3Fb/dev", "/orders%2523/dev"] {
        one.get(path).await;
    }
    assert!(
        vault
            .state
            .lock()
            .asked
            .iter()
            .all(|(path, _)| path.starts_with("secret/") || path.starts_with("auth/token/"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2025_22232_no_request_is_answered_with_the_token_of_another() {
    const CLIENTS: usize = 40;
    let mut contents = contents(&[]);
    contents.pause = Duration::from_millis(2);
    for n in 0..CLIENTS {
        contents.secrets.insert(format!("secret/app{n}"), json!({"of": n}));
        let token = Token { reads: format!("secret/app{n}"), expires: None };
        contents.tokens.insert(format!("token-{n}"), token);
    }
    // Each token reads its own application and nothing else, not even what all share.
    let vault = Vault::start(contents).await;
    let server = server(&vault, &[("default-key", "")]).await;
    let rounds = (0..CLIENTS * 10).map(|round| {
        let server = &server;
        async move {
            let n = round % CLIENTS;
            // `app1` may not read `app2`; `app1…` is left out because it is a beginning of `app10`.
            let other = (n + 7) % CLIENTS;
            let own = ask(server, &format!("/app{n}/default"), &format!("token-{n}")).await;
            assert_eq!((own.status, &own.json()["propertySources"][0]["source"]["of"]), (200, &json!(n)));
            if !other.to_string().starts_with(&n.to_string()) {
                let foreign = ask(server, &format!("/app{other}/default"), &format!("token-{n}")).await;
                assert_eq!(foreign.status, 500, "token-{n} read app{other}");
            }
            assert_eq!(server.get(&format!("/app{n}/default")).await.status, 400);
        }
    });
    futures_util::future::join_all(rounds).await;
    for (path, token) in &vault.state.lock().asked {
        assert!(token.starts_with("token-"), "{path} was asked for with {token:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn this_server_signs_in_by_role_and_renews_its_token() {
    let mut contents = contents(&[("secret/orders", json!({"a": 1}))]);
    contents.role = Some(("role".into(), "hunter2".into(), Duration::from_secs(4)));
    contents.namespace = Some("team".into());
    let vault = Vault::start(contents).await;
    let settings = [
        ("authentication", "APPROLE"),
        ("app-role.role-id", "role"),
        ("app-role.secret-id", "hunter2"),
        ("namespace", "team"),
    ];
    let server = server(&vault, &settings).await;
    let found = async || server.get("/orders/default").await;
    assert_eq!(found().await.json()["propertySources"][0]["source"], json!({"a": 1}));
    // The token that the client sends along has no part in this.
    assert_eq!(ask(&server, "/orders/default", "bad").await.status, 200);
    let renewed = async || (vault.state.lock().renewals >= 2).then_some(());
    poll::until_some("the token outlives its lease", Duration::from_secs(90), renewed).await;
    assert_eq!(found().await.status, 200);
    assert_eq!(vault.state.lock().logins, 1);
    // A token that was revoked is replaced within the request.
    vault.state.lock().tokens.clear();
    let asked: Vec<_> = (0..10).map(|_| found()).collect();
    assert!(futures_util::future::join_all(asked).await.iter().all(|reply| reply.status == 200));
    assert_eq!(vault.state.lock().logins, 2, "one signs in for all who wait");
    vault.state.lock().role = Some(("role".into(), "changed".into(), Duration::from_secs(60)));
    vault.state.lock().tokens.clear();
    let reply = found().await;
    assert!(reply.status == 500 && !reply.text().contains("hunter2"), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_settings_is_renewed_and_a_vault_that_is_away_costs_no_wait() {
    let mut contents = contents(&[("secret/orders", json!({"a": 1}))]);
    let life = Duration::from_secs(4);
    contents.tokens.insert(
        "short".into(),
        Token { reads: "secret/".into(), expires: Some((Instant::now() + life, life)) },
    );
    let vault = Vault::start(contents).await;
    let server = server(&vault, &[("token", "short"), ("timeout", "1")]).await;
    assert_eq!(server.value("/orders/default", "a").await, 1);
    let renewed = async || (vault.state.lock().renewals >= 2).then_some(());
    poll::until_some("the token is renewed", Duration::from_secs(90), renewed).await;
    assert_eq!(server.value("/orders/default", "a").await, 1);
    vault.state.lock().pause = Duration::from_secs(60);
    let began = Instant::now();
    assert_eq!(server.get("/orders/default").await.status, 500);
    assert!(!long::wanted() || began.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_vault_that_cannot_be_used_stop_the_start() {
    for (key, value, said) in [
        ("kv-version", "3", "neither 1 nor 2"),
        ("authentication", "AWS_IAM", "is not offered"),
        ("authentication", "APPROLE", "app-role.role-id is missing"),
        ("authentication", "TOKEN", "token is missing"),
        ("scheme", "ftp", "are no address"),
    ] {
        let key = format!("{PREFIX}{key}");
        let settings = [("spring.profiles.active", "vault"), (key.as_str(), value)];
        let error = Server::try_start(&settings).await.err().unwrap();
        assert!(error.contains("WS-1432") && error.contains(said), "{error}");
    }
}

/// A Vault in PATH in its development mode: nothing on disk, root token `root`.
struct Real {
    _guard: Guard,
    _home: tempfile::TempDir,
    port: u16,
}

impl Real {
    async fn start() -> Option<Self> {
        let program = tools::find("vault")?;
        let home = tempfile::tempdir().unwrap();
        let port = port::free();
        let mut command = std::process::Command::new(program);
        command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root"]);
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}")).env("HOME", home.path());
        // Old ones carry a certificate that Go has learned to refuse.
        command.env("GODEBUG", "x509negativeserial=1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let real = Self { _guard: Guard::spawn(&mut command).unwrap(), _home: home, port };
        poll::until_some("vault answers", Duration::from_secs(120), async || {
            let mounted = Request::new("GET", "/v1/sys/mounts").header("X-Vault-Token", "root").send(port);
            mounted.is_ok_and(|reply| reply.text().contains("secret/")).then_some(())
        })
        .await;
        Some(real)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, &format!("/v1/{path}")).header("X-Vault-Token", "root").json(body);
        let reply = request.send(self.port).unwrap();
        assert!(reply.status < 300, "{path}: {}", reply.text());
        if reply.status == 204 { Value::Null } else { reply.json() }
    }
}

/// What the stand-in is believed for, on Vault itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_vault_is_understood_where_there_is_one() {
    let Some(real) = Real::start().await else { return };
    real.call("POST", "sys/mounts/old", &json!({"type": "kv", "options": {"version": "1"}}));
    real.call(
        "POST",
        "old/orders",
        &json!({"z": 1, "a": {"b": [true, null]}, "big": 12_345_678_901_234_567_890_u64}),
    );
    real.call("POST", "secret/data/team/orders,dev", &json!({"data": {"of": "two <&>"}}));
    real.call("POST", "secret/data/team/gone", &json!({"data": {"of": "nobody"}}));
    real.call("DELETE", "secret/data/team/gone", &json!({}));
    let rule = |path: &str| format!("path \"{path}\" {{ capabilities = [\"read\"] }}");
    real.call("PUT", "sys/policies/acl/old", &json!({"policy": rule("old/*")}));
    real.call("PUT", "sys/policies/acl/new", &json!({"policy": rule("secret/data/team/*")}));
    let token = |policy: &str| {
        let made = real.call("POST", "auth/token/create", &json!({"policies": [policy], "ttl": "1h"}));
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (old, new) = (token("old"), token("new"));
    let port = real.port.to_string();
    let config = async |more: &[(&str, &str)]| {
        let owned: Vec<_> = more.iter().map(|(key, value)| (format!("{PREFIX}{key}"), *value)).collect();
        let key = format!("{PREFIX}port");
        let mut all = vec![("spring.profiles.active", "vault"), (key.as_str(), port.as_str()), SHOWN];
        all.extend(owned.iter().map(|(key, value)| (key.as_str(), *value)));
        Server::start(&all).await
    };
    let one = config(&[("backend", "old")]).await;
    let found = ask(&one, "/orders/default", &old).await;
    assert_eq!(
        found.json()["propertySources"],
        json!([{"name": "vault:orders", "source": {"a.b[0]": true, "a.b[1]": "", "big": 12_345_678_901_234_567_890_u64, "z": 1}}])
    );
    for (token, status) in [(new.as_str(), 500), ("nonsense", 500), ("", 400), (old.as_str(), 200)] {
        assert_eq!(ask(&one, "/orders/default", token).await.status, status, "{token}");
    }
    let two = [("kv-version", "2"), ("path-to-key", "team")];
    let second = config(&two).await;
    let found = ask(&second, "/orders,gone/dev", &new).await;
    assert_eq!(
        found.json()["propertySources"],
        json!([{"name": "vault:orders,dev", "source": {"of": "two <&>"}}])
    );

    // A role whose tokens live for two seconds, and may be renewed.
    real.call("POST", "sys/auth/approle", &json!({"type": "approle"}));
    let rule = json!({"token_policies": ["new"], "token_ttl": "2s", "token_max_ttl": "1h"});
    real.call("POST", "auth/approle/role/config", &rule);
    let role = real.call("GET", "auth/approle/role/config/role-id", &json!({}))["data"]["role_id"].clone();
    let secret =
        real.call("POST", "auth/approle/role/config/secret-id", &json!({}))["data"]["secret_id"].clone();
    let login = [
        ("authentication", "APPROLE"),
        ("app-role.role-id", role.as_str().unwrap()),
        ("app-role.secret-id", secret.as_str().unwrap()),
    ];
    let third = config(&[&two[..], &login].concat()).await;
    assert_eq!(third.value("/orders/dev", "of").await, "two <&>");
    let began = Instant::now();
    let lived = async || (began.elapsed() > Duration::from_secs(5)).then_some(());
    poll::until_some("more than two lives of a token", Duration::from_secs(10), lived).await;
    assert_eq!(third.value("/orders/dev", "of").await, "two <&>");
}
