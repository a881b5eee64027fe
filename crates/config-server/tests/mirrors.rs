//! Repositories as they are in real life: with submodules, behind a proxy; and each setting of theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::path::Path;
use std::process::Command;

use support::Server;
use wellspring_properties::{Environment, PropertySource};
use wellspring_test_support::{HttpRemote, Repository};

const GIT: &str = "spring.cloud.config.server.git";

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .current_dir(folder)
        .args(["-c", "protocol.file.allow=always", "-c", "user.name=t", "-c", "user.email=t@example.org"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_are_read_when_the_settings_want_them() {
    let mut shared =
        Repository::with(&[("application.yml", "a: shared\n"), ("deep/x.txt", "deep\n")]).unwrap();
    let main = Repository::with(&[("orders.yml", "b: 1\n")]).unwrap();
    git(main.path(), &["submodule", "--quiet", "add", &shared.path().display().to_string(), "common"]);
    git(main.path(), &["commit", "-q", "-m", "with a submodule"]);
    let path = main.path().display().to_string();
    let with = |wanted: &'static str| {
        [
            (format!("{GIT}.uri"), path.clone()),
            (format!("{GIT}.search-paths"), "common".to_owned()),
            (format!("{GIT}.clone-submodules"), wanted.to_owned()),
        ]
    };
    let start = async |properties: [(String, String); 3]| {
        let properties: Vec<_> = properties.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        Server::start(&properties).await
    };
    let without = start(with("false")).await;
    assert_eq!(without.value("/orders/default", "a").await, serde_json::Value::Null);
    let server = start(with("true")).await;
    assert_eq!(server.value("/orders/default", "a").await, "shared");
    assert_eq!(server.get("/orders/default/main/common(_)deep(_)x.txt").await.text(), "deep\n");
    // The commit that the outer repository names counts, not what the inner one has since.
    shared.put("application.yml", "a: newer\n").unwrap();
    assert_eq!(server.value("/orders/default", "a").await, "shared");
    git(&main.path().join("common"), &["pull", "-q"]);
    git(main.path(), &["commit", "-q", "-a", "-m", "newer submodule"]);
    assert_eq!(server.value("/orders/default", "a").await, "newer");
    // Who can push to a remote repository does not read other repositories of this machine by that.
    let remote = HttpRemote::start(main.path().join(".git"), None);
    let mut properties = with("true");
    properties[0].1 = remote.url();
    let outside = start(properties).await;
    assert_eq!(outside.value("/orders/default", "b").await, 1);
    assert_eq!(outside.value("/orders/default", "a").await, serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_settings_is_used() {
    let repository = Repository::with(&[("application.yml", "a: 1\n")]).unwrap();
    let proxy = HttpRemote::start(repository.path().join(".git"), None);
    let uri = "http://config.invalid/team/config.git";
    let port = proxy.port().to_string();
    let server = Server::start(&[
        (&format!("{GIT}.uri"), uri),
        (&format!("{GIT}.proxy.http.host"), "127.0.0.1"),
        (&format!("{GIT}.proxy.http.port"), &port),
    ])
    .await;
    assert_eq!(server.value("/x/default", "a").await, 1);
    let direct = Server::start(&[
        (&format!("{GIT}.uri"), uri),
        (&format!("{GIT}.proxy.http.host"), "127.0.0.1"),
        (&format!("{GIT}.proxy.http.port"), &port),
        (&format!("{GIT}.proxy.http.non-proxy-hosts"), "*.invalid|localhost"),
    ])
    .await;
    assert_eq!(direct.get("/x/default").await.status, 404, "asked directly, where nobody is");
}

/// Every key that the original reads below `spring.cloud.config.server.git`, with a value of its type.
const KEYS: &[(&str, &str)] = &[
    ("uri", "https://h/x.git"),
    ("basedir", "/tmp/x"),
    ("default-label", "main"),
    ("try-master-branch", "false"),
    ("refresh-rate", "30"),
    ("timeout", "5"),
    ("clone-on-start", "true"),
    ("clone-submodules", "true"),
    ("force-pull", "true"),
    ("delete-untracked-branches", "true"),
    ("continue-on-multiple-label-failure", "true"),
    ("search-paths", "a,b"),
    ("order", "1"),
    ("username", "u"),
    ("password", "p"),
    ("passphrase", "p"),
    ("private-key", "k"),
    ("host-key", "k"),
    ("host-key-algorithm", "ssh-rsa"),
    ("known-hosts-file", "/k"),
    ("preferred-authentications", "publickey"),
    ("ignore-local-ssh-settings", "true"),
    ("strict-host-key-checking", "false"),
    ("skip-ssl-validation", "true"),
    ("proxy.https.host", "h"),
    ("proxy.https.port", "1"),
    ("proxy.https.username", "u"),
    ("proxy.https.password", "p"),
    ("proxy.https.non-proxy-hosts", "x|y"),
    ("proxy.https.nonProxyHosts", "x|y"),
    ("cloneOnStart", "true"),
    ("searchPaths[0]", "a"),
    ("repos.simple", "https://h/y"),
];

#[test]
fn each_key_of_a_git_repository_is_known() {
    let check = |key: &str, value: &str| {
        let source = PropertySource::of_pairs("test", [(key, value)]);
        wellspring_config_server::check(&Environment::new(vec![source], Vec::new()))
    };
    for (key, value) in KEYS {
        assert!(check(&format!("{GIT}.{key}"), value).is_empty(), "{key}");
        if !key.starts_with("repos") {
            let own = format!("{GIT}.repos.team.{key}");
            assert!(check(&own, value).is_empty(), "{own}");
        }
    }
    assert!(!check(&format!("{GIT}.refreshrat"), "1").is_empty(), "the test can fail");
    assert!(check(&format!("{GIT}.repos.team.pattern"), "a/*").is_empty());
}
