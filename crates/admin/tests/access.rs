//! Who may do what: the role matrix over every endpoint of the description, users, tokens, sessions, the one-time link.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use wellspring_admin::{Access, Admin, api};

struct Platform {
    admin: Admin,
    access: Access,
    router: Router,
    folder: tempfile::TempDir,
}

/// Without daemons: what is let in finds nobody there, which is no 401 and no 403.
fn platform(token: Option<&str>) -> Platform {
    let folder = tempfile::tempdir().unwrap();
    let access = Access::kept_in(token.map(str::to_owned), &folder.path().join("access.json")).unwrap();
    let admin = Admin::default();
    let stopping = CancellationToken::new();
    // Streams end at once.
    stopping.cancel();
    let router = api::router(admin.clone(), access.clone(), stopping);
    Platform { admin, access, router, folder }
}

impl Platform {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        request = request.header("host", "127.0.0.1:9770").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> (u16, Value) {
        let answer = self.send(method, path, headers, body).await;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn token(&self, name: &str, role: &str, applications: &[&str]) -> String {
        let order = json!({"name": name, "role": role, "applications": applications});
        let (status, made) = self.call("POST", "/access/tokens", &[("authorization", OWNER)], order).await;
        assert_eq!(status, 200, "{made}");
        format!("Bearer {}", made["token"].as_str().unwrap())
    }
}

const OWNER: &str = "Bearer the-owners-token";

fn rank(role: &str) -> u8 {
    ["viewer", "operator", "admin"]
        .iter()
        .position(|known| *known == role)
        .map_or(0, |at| u8::try_from(at).unwrap() + 1)
}

/// Every operation: method, path with its parts filled in, what the description says about it.
fn operations() -> Vec<(String, String, Value)> {
    let description = api::description();
    let paths = description["paths"].as_object().unwrap().clone();
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, about) in methods.as_object().unwrap() {
            let path = path
                .trim_start_matches("/api/v1")
                .replace("{name}", "ORDERS")
                .replace("{endpoint}", "health");
            all.push((
                method.to_uppercase(),
                path.replace("{id}", "7").replace("{label}", "main"),
                about.clone(),
            ));
        }
    }
    assert!(all.len() > 40, "{}", all.len());
    all
}

#[tokio::test]
async fn every_endpoint_lets_in_whom_its_role_says_and_nobody_else() {
    let platform = platform(Some("the-owners-token"));
    let mut credentials = vec![("nobody".to_owned(), 0, None)];
    for role in ["viewer", "operator", "admin"] {
        credentials.push((role.to_owned(), rank(role), Some(platform.token(role, role, &[]).await)));
    }
    credentials.push(("settings".to_owned(), 3, Some(OWNER.to_owned())));
    let mut looked_at = 0;
    for (method, path, about) in operations() {
        let least = about["x-role"].as_str().unwrap_or_else(|| panic!("{method} {path} has no x-role"));
        assert!(["anybody", "viewer", "operator", "admin"].contains(&least), "{method} {path}: {least}");
        if about["x-write"] == true {
            // Signing in and out is everybody's; what changes anything else is not for viewers.
            assert!(
                rank(least) >= 2 || path == "/session",
                "{method} {path} changes something and is for {least}"
            );
        }
        // Tokens that are used here must not be removed here.
        let path = path.replace("/tokens/ORDERS", "/tokens/none").replace("/users/ORDERS", "/users/none");
        for (who, role, token) in &credentials {
            let mut headers = vec![("x-wellspring", "1")];
            headers.extend(token.as_deref().map(|token| ("authorization", token)));
            let body = if method == "GET" { Value::Null } else { json!({}) };
            let (status, answer) = platform.call(&method, &path, &headers, body).await;
            let shown = format!("{method} {path} ({least}) by {who}: {status} {answer}");
            if least == "anybody" {
                // An empty sign-in is refused as one that is wrong, not as one that may not.
                assert!(status == 200 || (method == "POST" && status == 401), "{shown}");
            } else if *role == 0 {
                assert_eq!((status, answer["code"].as_str()), (401, Some("WS-1615")), "{shown}");
            } else if *role < rank(least) {
                assert_eq!((status, answer["code"].as_str()), (403, Some("WS-1613")), "{shown}");
            } else {
                assert!(!matches!(status, 401 | 403 | 405), "{shown}");
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 200, "{looked_at}");
}

#[tokio::test]
async fn a_credential_for_some_applications_reaches_these_and_nothing_else() {
    let platform = platform(Some("the-owners-token"));
    let token = platform.token("shop", "admin", &["shop-*"]).await;
    let headers = [("x-wellspring", "1"), ("authorization", token.as_str())];
    for (method, path, about) in operations() {
        let scope = about["x-scope"].as_str().unwrap_or_else(|| panic!("{method} {path} has no x-scope"));
        let (write, role) = (about["x-write"] == true, about["x-role"].as_str().unwrap());
        let ask = async |path: &str, application: &str| {
            let body = match scope.split_once(':') {
                Some(("body", member)) => json!({member: application}),
                _ if method == "GET" => Value::Null,
                _ => json!({}),
            };
            platform.call(&method, path, &headers, body).await
        };
        let with = |name: &str| match scope.split_once(':') {
            Some(("path", _)) => path.replace("ORDERS", name),
            Some(("query", member)) => format!("{path}?{member}={name}"),
            _ => path.clone(),
        };
        let (foreign, own) =
            (ask(&with("orders"), "orders:**").await, ask(&with("shop-cart"), "shop-cart:**").await);
        let shown = format!("{method} {path} {scope}: {foreign:?} {own:?}");
        match scope.split(':').next().unwrap() {
            "path" | "query" | "body" => {
                assert_eq!(foreign.0, 403, "{shown}");
                assert!(!matches!(own.0, 401 | 403), "{shown}");
                if scope.starts_with("query") || scope.starts_with("body") {
                    assert_eq!(ask(&path, "").await.0, 403, "all applications at once: {shown}");
                }
            }
            "platform" if write || role == "admin" => assert_eq!(foreign.0, 403, "{shown}"),
            "platform" | "listed" | "own" => assert!(foreign.0 != 403, "{shown}"),
            other => panic!("{method} {path}: scope {other}"),
        }
    }
}

#[tokio::test]
async fn refused_writes_are_events_too_and_say_who_tried() {
    let platform = platform(Some("the-owners-token"));
    let token = platform.token("looker", "viewer", &[]).await;
    let headers = [("x-wellspring", "1"), ("authorization", token.as_str())];
    let writes =
        operations().into_iter().filter(|(_, path, about)| about["x-write"] == true && path != "/session");
    let mut count = 0;
    for (method, path, _) in writes {
        let before = platform.admin.log().page(&wellspring_admin::events::Query::default(), 1).0[0].id;
        assert_eq!(platform.call(&method, &path, &headers, json!({})).await.0, 403, "{method} {path}");
        let (events, _) = platform.admin.log().page(&wellspring_admin::events::Query::default(), 5);
        let noted: Vec<_> = events.iter().filter(|event| event.id > before).collect();
        assert_eq!(noted.len(), 1, "{method} {path}");
        assert_eq!(
            (noted[0].kind.as_str(), noted[0].actor.as_deref()),
            ("refused", Some("looker")),
            "{method} {path}"
        );
        count += 1;
    }
    assert!(count > 15, "{count}");
}

#[tokio::test]
async fn a_write_from_a_browser_needs_the_header_that_foreign_pages_cannot_send() {
    for token in [None, Some("the-owners-token")] {
        let platform = platform(token);
        for (method, path, about) in operations() {
            if about["x-write"] != true {
                continue;
            }
            let (status, answer) = platform.call(&method, &path, &[], json!({})).await;
            let refused = if token.is_some() && path != "/session" { 401 } else { 403 };
            assert_eq!(status, refused, "{method} {path}: {answer}");
        }
    }
    let open = platform(None);
    let label = json!({"name": "x", "role": "viewer"});
    assert_eq!(open.call("POST", "/access/tokens", &[("x-wellspring", "1")], label.clone()).await.0, 200);
    let foreign = [("x-wellspring", "1"), ("host", "evil.example")];
    let other = platform(None);
    let mut request = Request::post("/api/v1/access/tokens");
    for (name, value) in foreign {
        request = request.header(name, value);
    }
    let answer =
        other.router.clone().oneshot(request.body(Body::from(label.to_string())).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 403, "by another name of this machine");
}

#[tokio::test]
async fn the_one_time_link_makes_the_first_administrator_once() {
    let platform = platform(None);
    let ours = ("x-wellspring", "1");
    let (_, session) = platform.call("GET", "/session", &[], Value::Null).await;
    assert_eq!(
        (&session["actor"], &session["role"], &session["open"], &session["login"]),
        (&json!("local"), &json!("admin"), &json!(true), &json!(true))
    );
    let key = platform.access.one_time_key().unwrap();
    let order = |key: &str, password: &str| json!({"key": key, "name": "ana", "password": password});
    assert_eq!(platform.call("POST", "/session", &[ours], order("wrong", "long enough")).await.0, 401);
    assert_eq!(platform.call("POST", "/session", &[ours], order(&key, "short")).await.0, 400);
    let answer = platform.send("POST", "/session", &[ours], order(&key, "long enough")).await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(
        platform.call("POST", "/session", &[ours], order(&key, "long enough")).await.0,
        401,
        "it works once"
    );
    assert!(platform.access.one_time_key().is_none(), "there is an administrator");
    assert_eq!(
        platform.call("GET", "/daemons", &[], Value::Null).await.0,
        401,
        "from now on a credential is needed"
    );
    let signed = [("cookie", cookie.as_str())];
    assert_eq!(platform.call("GET", "/session", &signed, Value::Null).await.1["actor"], "ana");
    assert_eq!(platform.call("GET", "/daemons", &signed, Value::Null).await.0, 200);
    assert_eq!(platform.call("DELETE", "/session", &signed, Value::Null).await.0, 403, "without the header");
    assert_eq!(platform.call("DELETE", "/session", &[signed[0], ours], Value::Null).await.0, 200);
    assert_eq!(platform.call("GET", "/daemons", &signed, Value::Null).await.0, 401, "signed out");
    let wrong = json!({"name": "ana", "password": "long enouph"});
    assert_eq!(platform.call("POST", "/session", &[ours], wrong).await.0, 401);
    let bearer = json!({"name": "ana", "password": "long enough", "bearer": true});
    let (status, answer) = platform.call("POST", "/session", &[ours], bearer).await;
    assert_eq!(status, 200, "{answer}");
    let value = format!("Bearer {}", answer["token"].as_str().unwrap());
    assert_eq!(platform.call("GET", "/access/users", &[("authorization", &value)], Value::Null).await.0, 200);
}

#[tokio::test]
async fn users_and_tokens_are_made_changed_and_removed_and_no_secret_is_ever_told() {
    let platform = platform(Some("the-owners-token"));
    let owner = [("authorization", OWNER)];
    let make = |name: &str, role: &str| json!({"name": name, "role": role, "password": "s3cret-password", "reason": "new"});
    assert_eq!(platform.call("POST", "/access/users", &owner, make("ana", "admin")).await.0, 200);
    assert_eq!(platform.call("POST", "/access/users", &owner, make("ben", "viewer")).await.0, 200);
    for (name, status) in [("local", 400), ("", 400), ("a b", 400)] {
        assert_eq!(
            platform.call("POST", "/access/users", &owner, make(name, "viewer")).await.0,
            status,
            "{name}"
        );
    }
    let sign_in = json!({"name": "ben", "password": "s3cret-password", "bearer": true});
    let (_, session) = platform.call("POST", "/session", &[("x-wellspring", "1")], sign_in).await;
    let ben = format!("Bearer {}", session["token"].as_str().unwrap());
    let as_ben = [("authorization", ben.as_str())];
    assert_eq!(platform.call("GET", "/access/users", &as_ben, Value::Null).await.0, 403);
    let promoted = platform.call("POST", "/access/users", &owner, make("ben", "operator")).await.1;
    assert_eq!(promoted["role"], "operator");
    assert_eq!(
        platform.call("GET", "/daemons", &as_ben, Value::Null).await.0,
        401,
        "a new password ends sessions"
    );
    assert_eq!(
        platform.call("DELETE", "/access/users/ana", &owner, Value::Null).await.0,
        409,
        "the last administrator"
    );
    assert_eq!(platform.call("DELETE", "/access/users/ben?reason=left", &owner, Value::Null).await.0, 200);
    assert_eq!(platform.call("DELETE", "/access/users/ben", &owner, Value::Null).await.0, 404);
    let token = platform.token("ci", "operator", &["shop-*"]).await;
    let again = json!({"name": "ci"});
    assert_eq!(platform.call("POST", "/access/tokens", &owner, again).await.0, 409, "its name is taken");
    let as_ci = [("authorization", token.as_str())];
    assert_eq!(
        platform.call("GET", "/session", &as_ci, Value::Null).await.1["applications"],
        json!(["shop-*"])
    );
    let kept = std::fs::read_to_string(platform.folder.path().join("access.json")).unwrap();
    let (_, users) = platform.call("GET", "/access/users", &owner, Value::Null).await;
    let (_, tokens) = platform.call("GET", "/access/tokens", &owner, Value::Null).await;
    let events = platform.call("GET", "/events?limit=1000", &owner, Value::Null).await.1;
    let value = token.trim_start_matches("Bearer ");
    for (what, text) in [
        ("file", kept),
        ("users", users.to_string()),
        ("tokens", tokens.to_string()),
        ("events", events.to_string()),
    ] {
        for secret in ["s3cret-password", value, "the-owners-token", ben.trim_start_matches("Bearer ")] {
            assert!(!text.contains(secret), "{what} tells a secret: {text}");
        }
        assert!(what == "file" || !text.contains("argon2"), "{what}: {text}");
    }
    assert_eq!(platform.call("DELETE", "/access/tokens/ci", &owner, Value::Null).await.0, 200);
    assert_eq!(platform.call("GET", "/session", &as_ci, Value::Null).await.0, 401);
}

#[tokio::test]
async fn nobody_locks_everybody_out_and_nobody_opens_the_door_to_everybody() {
    let platform = platform(Some("the-owners-token"));
    let owner = [("authorization", OWNER)];
    let make = |applications: &[&str]| json!({"name": "ana", "role": "admin", "password": "s3cret-password", "applications": applications});
    assert_eq!(platform.call("POST", "/access/users", &owner, make(&[])).await.0, 200);
    let scoped = platform.call("POST", "/access/users", &owner, make(&["shop-*"])).await;
    assert_eq!(scoped.0, 409, "an administrator of some applications lets nobody in: {}", scoped.1);

    // Without a token in the settings, one of the file may be all there is.
    let platform = self::platform(None);
    let order = json!({"name": "ci", "role": "admin"});
    let (_, made) = platform.call("POST", "/access/tokens", &[("x-wellspring", "1")], order).await;
    let ci = format!("Bearer {}", made["token"].as_str().unwrap());
    let as_ci = [("authorization", ci.as_str())];
    let (status, refused) = platform.call("DELETE", "/access/tokens/ci", &as_ci, Value::Null).await;
    assert_eq!(status, 409, "the last credential: {refused}");
    assert!(!platform.access.is_open());
    let order = json!({"name": "other", "role": "admin"});
    let (_, made) = platform.call("POST", "/access/tokens", &as_ci, order).await;
    let other = format!("Bearer {}", made["token"].as_str().unwrap());

    // A session ends with the token that began it, also when there is a new one of that name.
    let order = json!({"token": ci.trim_start_matches("Bearer "), "bearer": true});
    let (_, session) = platform.call("POST", "/session", &[("x-wellspring", "1")], order).await;
    let session = format!("Bearer {}", session["token"].as_str().unwrap());
    let as_session = [("authorization", session.as_str())];
    assert_eq!(platform.call("GET", "/daemons", &as_session, Value::Null).await.0, 200);
    assert_eq!(platform.call("DELETE", "/access/tokens/ci", &as_ci, Value::Null).await.0, 200);
    let as_other = [("authorization", other.as_str())];
    let order = json!({"name": "ci", "role": "admin"});
    assert_eq!(platform.call("POST", "/access/tokens", &as_other, order).await.0, 200);
    assert_eq!(platform.call("GET", "/daemons", &as_session, Value::Null).await.0, 401);
}
