//! Requests that must be refused: one test per published weakness of the original, and memory that made-up names cannot fill.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use support::Server;
use wellspring_test_support::http1::Request;
use wellspring_test_support::{HttpRemote, Repository, poll};

const URI: &str = "spring.cloud.config.server.git.uri";

fn repository() -> Repository {
    let files = [("application.yml", "a: 1\n"), ("sub/note.txt", "hello\n"), ("nginx.conf", "x\n")];
    Repository::with(&files).unwrap()
}

/// Each server has a file `secret.txt` beside the directory that it serves.
async fn git_and_native(home: &tempfile::TempDir) -> [Server; 2] {
    let served = home.path().join("served");
    std::fs::create_dir_all(served.join("dev")).unwrap();
    std::fs::write(served.join("application.yml"), "a: 1\n").unwrap();
    std::fs::write(home.path().join("secret.txt"), "root:secret\n").unwrap();
    std::fs::write(home.path().join("secret.yml"), "stolen: root:secret\n").unwrap();
    for arguments in [
        &["init", "-q", "-b", "main"][..],
        &["add", "-A"],
        &["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", "t"],
    ] {
        let done = std::process::Command::new("git").current_dir(&served).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    let git = Server::start(&[(URI, &format!("file://{}", served.display()))]).await;
    let location = format!(
        "file:{0},file:{0}/{{profile}},file:{0}/{{application}},file:{0}/{{label}}",
        served.display()
    );
    let native = Server::start(&[
        ("spring.profiles.active", "native"),
        ("spring.cloud.config.server.native.search-locations", &location),
    ])
    .await;
    [git, native]
}

async fn refused(paths: &[&str], statuses: &[u16]) {
    let home = tempfile::tempdir().unwrap();
    for server in git_and_native(&home).await {
        for path in paths {
            for accept in ["*/*", "application/octet-stream", "text/plain", "application/json"] {
                let reply = server.send(Request::new("GET", path).header("Accept", accept)).await;
                assert!(!reply.text().contains("root:"), "{path} ({accept}): {}", reply.text());
                assert!(statuses.contains(&reply.status), "{path} ({accept}): {}", reply.status);
            }
        }
        assert_eq!(server.value("/x/default", "a").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2019_3799_double_encoded_paths() {
    refused(
        &[
            "/a/b/main/..%252F..%252Fetc%252Fpasswd",
            "/a/b/main/%252E%252E/secret.txt",
            "/a/b/main/..%252Fsecret.txt",
            "/a/b/master/..%25252Fsecret.txt",
        ],
        &[404],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2020_5405_slashes_written_as_underscores() {
    refused(
        &["/a/b/main/..(_)..(_)etc(_)passwd", "/a/b/main/..(_)secret.txt", "/a/b/..(_)..(_)etc/passwd"],
        &[404, 400],
    )
    .await;
    refused(&["/..(_)secret/default", "/(_)etc(_)passwd/default", "/x,..(_)secret/default"], &[400, 406])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2020_5410_dots_and_hashes_in_names_and_labels() {
    refused(
        &["/..%252F..%252Fetc%252Fpasswd%23/b", "/x%23/default", "/x%2523/default", "/%252E%252E/default"],
        &[400, 406],
    )
    .await;
    refused(&["/a/b/..%252F..%252Fetc%252Fpasswd%2523/x", "/a/b/%2523/x.txt"], &[404]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_22739_profiles_that_are_paths() {
    refused(&["/secret/..", "/x/../secret", "/"], &[404, 406]).await;
    refused(
        &[
            "/secret/..(_)",
            "/x/..%252f",
            "/x/file:%252f%252fetc",
            "/x/-dev",
            "/x/dev%23",
            "/x/http:%252f%252fevil",
        ],
        &[404, 500, 406],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_40982_more_spellings_of_traversing_paths() {
    refused(
        &[
            "/a/b/main/..%2fsecret.txt",
            "/a/b/main/..%5csecret.txt",
            "/a/b/main/%2e%2e%2fsecret.txt",
            "/a/b/main/sub%2f..%2f..%2fsecret.txt",
            "/a/b/main/..%00/secret.txt",
            "/a/b/main/%c0%ae%c0%ae/secret.txt",
            "/../../etc/passwd",
        ],
        &[400, 404],
    )
    .await;
    refused(
        &["/a/b/main/WEB-INF/web.xml", "/a/b/main/META-INF/MANIFEST.MF", "/a/b/main/file:%252f%252f%252fetc"],
        &[404, 400],
    )
    .await;
}

/// Two dots, and what some decoder takes for them.
#[rustfmt::skip]
const DOTS: &[&str] = &[
    "..", "%2e%2e", "%2E.", "%252e%252e", "%25252e%25252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%u002e%u002e",
    "%ef%bc%8e%ef%bc%8e", "%e2%80%a4%e2%80%a4", "..;", "..;x=1", "..%20", "..%09", "..%00", "...", ".%2e%2e.",
    "..%ff",
];
/// A slash, and what some decoder takes for one.
#[rustfmt::skip]
const SLASHES: &[&str] = &[
    "/", "//", "%2f", "%2F", "%252f", "%25252F", "%5c", "\\", "%255c", "(_)", "(_)(_)", "%28_%29", "%c0%af",
    "%e2%88%95", "%ef%bc%8f", "%00/", "/./",
];

/// Whatever the answer is, no file from outside is in it, and no text file is served.
async fn nothing_leaks(servers: &[Server], paths: &[String], is_text: fn(&str) -> bool) {
    for server in servers {
        let (port, paths) = (server.port(), paths.to_vec());
        let leaks = tokio::task::spawn_blocking(move || {
            let mut leaks = Vec::new();
            for path in &paths {
                for accept in ["*/*", "application/octet-stream"] {
                    let reply = Request::new("GET", path).header("Accept", accept).send(port).unwrap();
                    let text = reply.text();
                    let leaked = ["root:", "repositoryformatversion", "ref: refs/", "DIRC"]
                        .iter()
                        .any(|it| text.contains(it));
                    // `..` between slashes is resolved before routing: what remains may be an environment.
                    let is_file = reply.status < 400 && !text.contains("\"propertySources\"");
                    if leaked || is_text(path) && is_file {
                        leaks.push(format!("{path} ({accept}): {} {text:.80}", reply.status));
                    }
                }
            }
            leaks
        });
        let leaks = leaks.await.unwrap();
        assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
        assert_eq!(server.value("/x/default", "a").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_way_up_leads_out() {
    let home = tempfile::tempdir().unwrap();
    let servers = git_and_native(&home).await;
    let mut paths = Vec::new();
    for dots in DOTS {
        for slash in SLASHES {
            let up = format!("{dots}{slash}");
            paths.extend([
                format!("/a/b/main/{up}secret.txt"),
                format!("/a/b/main/dev{slash}{up}{up}secret.txt"),
                format!("/a/b/{up}secret.txt"),
                format!("/{up}secret/default"),
                format!("/secret/default/{up}"),
                format!("/main/{up}secret-default.yml"),
                format!("/{up}secret-default.properties"),
            ]);
        }
    }
    // A text file has its label and something behind it.
    nothing_leaks(&servers, &paths, |path| path.starts_with("/a/b/main/") && path.contains("secret.txt"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_git_s_own_directory_is_served() {
    let home = tempfile::tempdir().unwrap();
    let mut servers = Vec::from(git_and_native(&home).await);
    let served = home.path().join("served");
    // As a mirror too.
    servers.push(Server::start(&[(URI, &served.display().to_string())]).await);
    let mut paths = Vec::new();
    for git in [
        ".git",
        ".GIT",
        ".Git",
        "%2egit",
        "%2Egit",
        ".%67it",
        "%252egit",
        ".git%20",
        ".git.",
        ".git%2e",
        ".git%252e",
        ".git;x",
        ".git%00",
        "./.git",
        "dev/../.git",
        "dev(_)..(_).git",
        "(_).git",
        ".git::$INDEX_ALLOCATION",
        "git~1",
        ".g%e2%80%8cit",
        "%ef%bc%8egit",
        "//.git",
    ] {
        for file in ["config", "HEAD", "index", "refs/heads/main", "logs/HEAD", "../.git/config"] {
            paths.push(format!("/a/b/main/{git}/{file}"));
            paths.push(format!("/a/b/main/{git}(_){file}"));
            paths.push(format!("/a/b/{git}/{file}"));
            paths.push(format!("/{git}/b/main/{file}"));
            paths.push(format!("/a/{git}/main/{file}"));
        }
        paths.push(format!("/{git}/default"));
        paths.push(format!("/x,{git}/default"));
        paths.push(format!("/a/b/{git}"));
    }
    nothing_leaks(&servers, &paths, |path| path.starts_with("/a/b/main/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_47894_native_serves_nothing_from_beside_its_locations() {
    let home = tempfile::tempdir().unwrap();
    let base = home.path();
    for folder in ["served/team", "served-private", "team"] {
        std::fs::create_dir_all(base.join(folder)).unwrap();
        std::fs::write(base.join(folder).join("application.yml"), format!("from: {folder}\n")).unwrap();
        std::fs::write(base.join(folder).join("file.txt"), format!("root:{folder}\n")).unwrap();
    }
    std::fs::write(base.join("served/application.yml"), "a: 1\n").unwrap();
    for (location, names) in [
        // A sibling whose name begins alike, a parent, an absolute path, a URL.
        (format!("file:{}/served/{{application}}", base.display()), "application"),
        (format!("file:{}/served/{{profile}}", base.display()), "profile"),
        (format!("file:{}/served/{{label}}", base.display()), "label"),
    ] {
        let server = Server::start(&[
            ("spring.profiles.active", "native"),
            ("spring.cloud.config.server.native.search-locations", &location),
            ("spring.cloud.config.server.native.add-label-locations", "false"),
        ])
        .await;
        for evil in [
            "-private",
            "..",
            "..(_)team",
            "..(_)served-private",
            "(_)team",
            "team(_)..(_)..(_)team",
            "..%252fteam",
            "%252e%252e(_)team",
            "file:(_)(_)(_)etc",
            "team%23",
            "team,..(_)served-private",
            "{application}",
            "${user.home}",
            ".(_)..(_)team",
            "..%255cteam",
        ] {
            let paths = match names {
                "application" => vec![
                    format!("/{evil}/default"),
                    format!("/{evil}/default/main/file.txt"),
                    format!("/{evil}-default.yml"),
                ],
                "profile" => {
                    vec![format!("/x/{evil}"), format!("/x/{evil}/main/file.txt"), format!("/x-{evil}.yml")]
                }
                _ => vec![
                    format!("/x/default/{evil}"),
                    format!("/x/default/{evil}/file.txt"),
                    format!("/{evil}/x-default.yml"),
                ],
            };
            for path in paths {
                let reply = server.get(&path).await;
                let text = reply.text();
                let leaked =
                    ["served-private", "\"from\":\"team\"", "from: team", "root:team", "root:served-"];
                // The request's own words come back in an environment and in an error.
                let text = text.replace(evil, "");
                assert!(
                    !leaked.iter().any(|it| text.contains(it)),
                    "{location} {path}: {} {text}",
                    reply.status
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_40981_a_client_chooses_no_cloud_project() {
    let repository = repository();
    let server = Server::start(&[(URI, &repository.uri())]).await;
    let plain = server.get("/x/default").await.text();
    let chosen = server.send(Request::new("GET", "/x/default").header("X-Project-ID", "other-project")).await;
    assert_eq!((chosen.status, chosen.text()), (200, plain));
    let gcp = [
        ("spring.profiles.active", "composite"),
        ("spring.cloud.config.server.composite[0].type", "gcp-secret-manager"),
    ];
    assert!(Server::try_start(&gcp).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_47837_forged_webhooks_are_not_believed() {
    let repository = repository();
    let server =
        Server::start(&[(URI, &repository.uri()), ("wellspring.monitor.github.secret", "shared-secret")])
            .await;
    let push = serde_json::json!({"commits": [{"modified": ["application.yml"]}]});
    for signature in [None, Some("sha256=00"), Some("sha1=00"), Some("")] {
        let request = Request::new("POST", "/monitor").header("X-GitHub-Event", "push").json(&push);
        let request = match signature {
            Some(signature) => request.header("X-Hub-Signature-256", signature),
            None => request,
        };
        assert_eq!(server.send(request).await.status, 401, "{signature:?}");
    }
}

/// Addresses are made of names that clients choose: a name may choose a repository below the configured place, never another host.
#[tokio::test(flavor = "multi_thread")]
async fn names_in_an_address_reach_no_other_host() {
    let victim = HttpRemote::start(repository().path().to_owned(), None);
    // Nothing is cloned: it lets nobody in.
    let remote = HttpRemote::start(repository().path().to_owned(), Some("nobody"));
    let other = format!("127.0.0.1:{}", victim.port());
    for uri in [
        format!("http://127.0.0.1:{}/{{application}}", remote.port()),
        format!("http://127.0.0.1:{}/{{profile}}/x.git", remote.port()),
        format!("http://127.0.0.1:{}/team/{{label}}", remote.port()),
        format!("http://127.0.0.1:{}{{application}}", remote.port()),
        "http://{application}/x.git".to_owned(),
        "http://{label}/x.git".to_owned(),
        "{application}".to_owned(),
    ] {
        // Where a host may not be chosen, the start may say so.
        let Ok(server) = Server::try_start(&[(URI, &uri)]).await else { continue };
        for evil in [
            other.clone(),
            format!("@{other}"),
            format!("x@{other}"),
            format!("(_)(_){other}"),
            format!("http:(_)(_){other}(_)x"),
            format!(":80@{other}(_)x"),
            format!("..(_)..(_)(_){other}"),
            format!("%2523@{other}"),
            format!("?@{other}").replace('?', "%253f"),
            "file:(_)(_)(_)etc".to_owned(),
            "ssh:(_)(_)-oProxyCommand=x(_)y".to_owned(),
            "--upload-pack=x".to_owned(),
        ] {
            for path in [
                format!("/{evil}/default"),
                format!("/x/default/{evil}"),
                format!("/x/{evil}"),
                format!("/{evil}/default/main/note.txt"),
            ] {
                let reply = server.get(&path).await;
                assert!(reply.status < 600, "{path}");
            }
        }
        assert_eq!(victim.requests(), 0, "{uri}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_41002_a_link_in_place_of_the_mirror_is_not_followed() {
    let repository = repository();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("elsewhere")).unwrap();
    std::fs::create_dir(home.path().join("mirror")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", home.path().join("mirror/.git")).unwrap();
    let server = Server::start(&[
        (URI, &repository.path().display().to_string()),
        ("spring.cloud.config.server.git.basedir", &home.path().join("mirror").display().to_string()),
    ])
    .await;
    assert_eq!(server.get("/x/default").await.status, 404);
    assert_eq!(std::fs::read_dir(home.path().join("elsewhere")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_a_repository_do_not_lead_out_of_it() {
    let repository = repository();
    for (link, target) in [
        ("passwd.txt", "/etc/passwd"),
        ("up.txt", "../../../etc/passwd"),
        ("config.txt", ".git/config"),
        ("in.txt", "sub/note.txt"),
    ] {
        std::os::unix::fs::symlink(target, repository.path().join(link)).unwrap();
    }
    let mut repository = repository;
    repository.commit("links").unwrap();
    for uri in [repository.uri(), repository.path().display().to_string()] {
        let server = Server::start(&[(URI, &uri)]).await;
        for link in ["passwd.txt", "up.txt", "config.txt"] {
            assert_eq!(server.get(&format!("/x/default/main/{link}")).await.status, 404, "{uri} {link}");
        }
        assert_eq!(server.get("/x/default/main/in.txt").await.text(), "hello\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_names_and_labels_leave_nothing_behind() {
    let repository = repository();
    let server = Server::start(&[(URI, &repository.uri())]).await;
    let resident = || {
        std::fs::read_to_string("/proc/self/statm")
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 4
    };
    let port = server.port();
    let ask = move |from: u32, to: u32| {
        tokio::task::spawn_blocking(move || {
            for n in from..to {
                let path = match n % 3 {
                    0 => format!("/name-{n}/profile{n}"),
                    1 => format!("/name-{n}/default/label-{n}"),
                    _ => format!("/name-{n}/default/main/file-{n}.txt"),
                };
                let reply = Request::new("GET", &path).send(port).unwrap();
                assert!(matches!(reply.status, 200 | 404), "{path}: {}", reply.status);
            }
        })
    };
    ask(0, 3000).await.unwrap();
    let before = resident();
    ask(3000, 9000).await.unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB after 6,000 made-up names");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_hears_of_a_new_commit() {
    let mut repository = repository();
    let server = Server::start(&[
        (URI, &repository.path().display().to_string()),
        ("spring.cloud.config.server.git.refresh-rate", "3600"),
    ])
    .await;
    let first = server.json("/x/default").await["version"].as_str().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_nonblocking(true).unwrap();
    std::io::Write::write_all(
        &mut stream,
        b"GET /x/default HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
    )
    .unwrap();
    let heard = std::cell::RefCell::new(String::new());
    let hears = |what: &str| {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = std::io::Read::read(&mut &stream, &mut buffer) {
            heard.borrow_mut().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        heard.borrow().contains(what)
    };
    poll::until("the version of now", std::time::Duration::from_secs(90), || {
        hears(&format!("event: version\ndata: {first}\n"))
    });
    let next = repository.put("application.yml", "a: 2\n").unwrap();
    server.send(Request::new("POST", "/monitor").json(&serde_json::json!({"path": "x.yml"}))).await;
    poll::until("the new version", std::time::Duration::from_secs(90), || hears(&format!("data: {next}\n")));
}
