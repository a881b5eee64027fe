//! Several backends at once: by profiles and `order`, by list, with overrides, and with one that fails.

use serde_json::json;
use wellspring_test_support::Repository;
use wellspring_test_support::broker::Redis;
use wellspring_test_support::http1::Request;
use wellspring_test_support::port;

use crate::support::Server;
use crate::vault_server::{Contents, Token, Vault};
use crate::{SHOWN, health, names};

async fn vault() -> Vault {
    let mut contents = Contents::default();
    contents.secrets.insert("secret/orders".into(), json!({"of": "vault", "password": "s3cret"}));
    contents.secrets.insert("kv/data/team/orders".into(), json!({"of": "kv"}));
    contents.tokens.insert("good".into(), Token { reads: "secret/".into(), expires: None });
    Vault::start(contents).await
}

fn repository() -> Repository {
    Repository::with(&[("application.yml", "of: git\nshared: git\n"), ("note.txt", "from git\n")]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_by_profile_rank_by_order() {
    let (repository, vault) = (repository(), vault().await);
    let port = vault.port().to_string();
    let settings = [
        ("spring.profiles.active", "git,vault"),
        ("spring.cloud.config.server.git.uri", &*repository.uri()),
        ("spring.cloud.config.server.vault.port", &port),
        ("spring.cloud.config.server.overrides.forced", "by server"),
        SHOWN,
    ];
    let git = format!("{}/application.yml", repository.uri());
    // Without an order vault comes before git, whatever the order of the profiles.
    for (order, expected) in [
        (&[][..], ["overrides", "vault:orders", &git]),
        (&[("spring.cloud.config.server.git.order", "1")][..], ["overrides", &git, "vault:orders"]),
        (
            &[("spring.cloud.config.server.git.order", "2"), ("spring.cloud.config.server.vault.order", "1")]
                [..],
            ["overrides", "vault:orders", &git],
        ),
    ] {
        let all: Vec<_> = settings.iter().chain(order).copied().collect();
        let server = Server::start(&all).await;
        let asked = Request::new("GET", "/orders/default").header("X-Config-Token", "good");
        let found = server.send(asked).await.json();
        assert_eq!(names(&found), expected);
        assert_eq!((&found["version"], &found["state"]), (&json!(null), &json!(null)));
        // Without the token the whole is refused, not only a part of it.
        assert_eq!(server.get("/orders/default").await.status, 400);
        // Files need no token, but what is put into their placeholders does.
        let bytes = ("Accept", "application/octet-stream");
        for (name, value) in [("X-Config-Token", "good"), bytes] {
            let file = Request::new("GET", "/orders/default/main/note.txt").header(name, value);
            assert_eq!(server.send(file).await.text(), "from git\n", "{name}");
        }
        let (status, component) = health(&server, "configServer").await;
        let failing = &component["details"]["repository"];
        assert_eq!(
            (status.as_str(), failing),
            ("DOWN", &json!({"application": "app", "profiles": "default"}))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backends_by_list_have_settings_of_their_own() {
    let Some(redis) = Redis::start("backends_by_list_have_settings_of_their_own") else { return };
    let (repository, vault) = (repository(), vault().await);
    vault.state.lock().tokens.insert("kv-token".into(), Token { reads: "kv/".into(), expires: None });
    let (vault_port, redis_port) = (vault.port().to_string(), redis.port().to_string());
    let away = port::free().to_string();
    let list = "spring.cloud.config.server.composite";
    let named = |at: usize, key: &str| format!("{list}[{at}].{key}");
    let owned = [
        (named(0, "type"), "vault".to_owned()),
        (named(0, "port"), vault_port.clone()),
        (named(0, "token"), "good".into()),
        (named(1, "type"), "redis".into()),
        (named(2, "type"), "vault".into()),
        (named(2, "port"), vault_port),
        (named(2, "backend"), "kv".into()),
        (named(2, "kv-version"), "2".into()),
        (named(2, "path-to-key"), "team".into()),
        (named(2, "token"), "kv-token".into()),
        (named(3, "type"), "git".into()),
        (named(3, "uri"), repository.uri()),
        ("spring.data.redis.port".into(), redis_port),
        ("spring.cloud.config.server.accept-empty".into(), "false".into()),
    ];
    let mut settings: Vec<(&str, &str)> =
        owned.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    settings.extend([("spring.profiles.active", "composite"), SHOWN]);
    let server = Server::start(&settings).await;
    let git = format!("{}/application.yml", repository.uri());
    let expected = ["vault:orders", "redis:orders-default", "redis:orders", "vault:orders", &git];
    let found = server.json("/orders/default").await;
    assert_eq!(names(&found), expected);
    assert_eq!(found["propertySources"][3]["source"], json!({"of": "kv"}));
    assert_eq!(health(&server, "configServer").await.0, "UP");
    assert_eq!(health(&server, "redis").await.0, "UP");

    // One that fails is the whole's failure, or is left out when the settings say so.
    let key = named(0, "port");
    let mut broken = settings.clone();
    broken.push((&key, &away));
    let strict = Server::start(&broken).await;
    assert_eq!(strict.get("/orders/default").await.status, 500);
    let file =
        Request::new("GET", "/orders/default/main/note.txt").header("Accept", "application/octet-stream");
    assert_eq!(strict.send(file).await.status, 200, "it has no part in files");
    broken.push(("spring.cloud.config.server.fail-on-composite-error", "false"));
    let lenient = Server::start(&broken).await;
    assert_eq!(names(&lenient.json("/orders/default").await), expected[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_found_is_404_only_where_the_settings_want_that() {
    let vault = vault().await;
    let port = vault.port().to_string();
    let settings = [
        ("spring.profiles.active", "vault"),
        ("spring.cloud.config.server.vault.port", port.as_str()),
        ("spring.cloud.config.server.vault.token", "good"),
        ("spring.cloud.config.server.accept-empty", "false"),
        SHOWN,
    ];
    let server = Server::start(&settings).await;
    assert_eq!(server.get("/orders/default").await.status, 200);
    assert_eq!(server.get("/nobody/default").await.status, 404);
    let (status, component) = health(&server, "configServer").await;
    let found =
        (status.as_str(), &component["details"]["acceptEmpty"], &component["details"]["repositories"]);
    let nothing = json!([{"name": "app", "profiles": ["default"], "label": null}]);
    assert_eq!(found, ("DOWN", &json!(false), &nothing));
    let unknown = [
        ("spring.profiles.active", "composite"),
        ("spring.cloud.config.server.composite[0].type", "credhub"),
    ];
    let error = Server::try_start(&unknown).await.err().unwrap();
    for kind in ["jdbc", "vault", "svn", "native", "git", "redis"] {
        assert!(error.contains("WS-1410") && error.contains(kind), "{error}");
    }
}
