//! The JWT resource server against a real issuer. What is expected was seen on Spring Security 6.5.

use http::StatusCode;
use serde_json::{Value, json};
use wellspring_test_support::Echo;
use wellspring_test_support::http1::{self, Reply, Request};

use crate::issuer::Issuer;
use crate::support::{Gateway, one_route};

const URI: &str = "error_uri=\"https://tools.ietf.org/html/rfc6750#section-3.1\"";

fn bearer(port: u16, path: &str, token: &str) -> Reply {
    Request::new("GET", path).header("Authorization", &format!("Bearer {token}")).send(port).unwrap()
}

fn seconds(from_now: i64) -> i64 {
    wellspring_wire::Millis::now().0 / 1000 + from_now
}

fn protected(upstream: &Echo, issuer: &Issuer) -> String {
    let routes = one_route(&upstream.url(""), &[]);
    format!("spring.security.oauth2.resourceserver.jwt.issuer-uri: {}\n{routes}", issuer.url())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_judged_as_spring_judges_them() {
    let Some(issuer) = Issuer::start("tokens_are_judged_as_spring_judges_them") else { return };
    let upstream = Echo::start();
    let gateway = Gateway::start(&protected(&upstream, &issuer)).await;
    let port = gateway.port();
    // The keys of all algorithms are there before the gateway asks for them.
    let signed = ["ES256", "ES384", "PS256", "PS512", "RS384", "EdDSA"]
        .map(|algorithm| (algorithm, issuer.token(&json!({ "alg": algorithm }))));
    let anonymous = http1::get(port, "/a").unwrap();
    assert_eq!((anonymous.status, anonymous.header("www-authenticate")), (401, Some("Bearer")));
    assert!(anonymous.body.is_empty());

    let token = issuer.client_credentials("read");
    let passed = bearer(port, "/a", &token);
    assert_eq!(passed.status, 200);
    assert_eq!(passed.json()["headers"]["authorization"][0], format!("Bearer {token}"));

    let decoding = "An error occurred while attempting to decode the Jwt: ";
    let forged: Vec<String> = token.split('.').map(str::to_owned).collect();
    let other: Vec<String> =
        issuer.token(&json!({"claims": {"sub": "root"}})).split('.').map(str::to_owned).collect();
    for (what, token, description) in [
        ("expired", json!({"claims": {"iat": seconds(-500), "exp": seconds(-120)}}), "Jwt expired at "),
        ("within the skew", json!({"claims": {"iat": seconds(-500), "exp": seconds(-30)}}), ""),
        ("not yet", json!({"claims": {"nbf": seconds(120)}}), "Jwt used before "),
        (
            "backwards",
            json!({"claims": {"exp": seconds(-120)}}),
            &format!("{decoding}expiresAt must be after issuedAt"),
        ),
        ("other issuer", json!({"claims": {"iss": "http://other"}}), "The iss claim is not valid"),
        ("no JWT", json!({"header": {"typ": "at+jwt"}}), "Failed to validate the token"),
        ("unknown key", json!({"header": {"kid": "nope"}}), "Failed to validate the token"),
        (
            "unsigned",
            json!({"parts": [{"alg": "none"}, {"iss": issuer.url()}, ""]}),
            "Unsupported algorithm of none",
        ),
        ("public key as secret", json!({"hmac": true}), "Unsupported algorithm of HS256"),
        ("no name", json!({"claims": {"sub": null}}), ""),
        ("no end", json!({"claims": {"exp": null}}), ""),
    ] {
        check(what, &bearer(port, "/a", &issuer.token(&token)), description);
    }
    check(
        "tampered",
        &bearer(port, "/a", &format!("{}.{}.{}", forged[0], other[1], forged[2])),
        "Failed to validate the token",
    );
    check("no token", &bearer(port, "/a", "abc"), decoding);
    check("no JSON", &bearer(port, "/a", "a.b.c"), decoding);
    check("malformed", &bearer(port, "/a", "a b"), "Bearer token is malformed");
    check("empty", &bearer(port, "/a", ""), "Bearer token is malformed");
    let twice = Request::new("GET", "/a")
        .header("Authorization", &format!("Bearer {token}"))
        .header("Authorization", &format!("Bearer {token}"))
        .send(port)
        .unwrap();
    assert_eq!(twice.status, 400);
    for (algorithm, token) in &signed {
        check(algorithm, &bearer(port, "/a", token), "");
    }
    gateway.running.stop().await;
}

/// No description: it passes.
#[track_caller]
fn check(what: &str, reply: &Reply, description: &str) {
    let header = reply.header("www-authenticate").unwrap_or_default();
    if description.is_empty() {
        assert_eq!(reply.status, 200, "{what}: {header}");
        return;
    }
    assert_eq!(reply.status, 401, "{what}");
    let start = format!("Bearer error=\"invalid_token\", error_description=\"{description}");
    assert!(header.starts_with(&start) && header.ends_with(URI), "{what}: {header}");
    assert!(reply.body.is_empty(), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_the_last_good_ones_stay_while_the_issuer_is_away() {
    let test = "keys_rotate_and_the_last_good_ones_stay_while_the_issuer_is_away";
    let Some(mut issuer) = Issuer::start(test) else { return };
    let upstream = Echo::start();
    let gateway = Gateway::start(&protected(&upstream, &issuer)).await;
    let port = gateway.port();
    let old = issuer.client_credentials("a");
    assert_eq!(bearer(port, "/a", &old).status, 200);
    assert_eq!(issuer.asked(), 1);

    // Many at once find the new key by one question.
    issuer.steer("/rotate", &json!({}));
    let new = issuer.client_credentials("a");
    let asking: Vec<_> = (0..8)
        .map(|_| {
            let new = new.clone();
            std::thread::spawn(move || bearer(port, "/a", &new).status)
        })
        .collect();
    assert!(asking.into_iter().all(|asked| asked.join().unwrap() == 200));
    assert_eq!(issuer.asked(), 2);
    check("withdrawn", &bearer(port, "/a", &old), "Failed to validate the token");

    // A flood of invented key ids is not passed on.
    for kid in 0..50 {
        let invented = issuer.token(&json!({"header": {"kid": format!("k{kid}")}}));
        assert_eq!(bearer(port, "/a", &invented).status, 401);
    }
    assert!(issuer.asked() <= 6, "{}", issuer.asked());

    issuer.steer("/mute", &json!({"for": 1000}));
    assert_eq!(bearer(port, "/a", &new).status, 200);
    issuer.kill();
    assert_eq!(bearer(port, "/a", &new).status, 200);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_key_it_is_the_servers_fault() {
    let upstream = Echo::start();
    let yaml = format!(
        "spring.security.oauth2.resourceserver.jwt.jwk-set-uri: http://127.0.0.1:1/jwks\n{}",
        one_route(&upstream.url(""), &[])
    );
    let gateway = Gateway::start(&yaml).await;
    let token = format!("{}.{}.{}", "eyJhbGciOiJSUzI1NiJ9", "e30", "AAAA");
    let reply = bearer(gateway.port(), "/a", &token);
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR.as_u16());
    assert_eq!(reply.json()["error"], "Internal Server Error");
    assert!(upstream.requests().is_empty());
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_roles_open_routes_and_paths() {
    let Some(issuer) = Issuer::start("scopes_and_roles_open_routes_and_paths") else { return };
    let upstream = Echo::start();
    let yaml = format!(
        r"
spring:
  security.oauth2.resourceserver.jwt:
    issuer-uri: {issuer}
    audiences: [orders]
  cloud.gateway.routes:
  - id: admin
    uri: {upstream}
    predicates: [Path=/admin/**]
    metadata:
      security: {{scopes: [admin]}}
  - id: open
    uri: {upstream}
    predicates: [Path=/open/**]
    metadata:
      security: {{access: permit}}
  - id: limited
    uri: {upstream}
    predicates: [Path=/limited/**]
    filters:
    - name: RequestRateLimiter
      args: {{redis-rate-limiter: {{replenishRate: 1, burstCapacity: 60, requestedTokens: 30}}}}
  - id: rest
    uri: {upstream}
    predicates: [Path=/**]
wellspring.gateway.security:
  principal-header: X-User
  rules:
  - paths: /write/**
    methods: [POST]
    scopes: [write]
  - paths: [/closed/**]
    access: deny
",
        issuer = issuer.url(),
        upstream = upstream.url("")
    );
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    let token = |claims: Value| issuer.token(&json!({ "claims": claims }));
    let ana = token(json!({"sub": "ana", "aud": ["orders"], "scope": "read write"}));
    let root = token(json!({"sub": "root", "aud": "orders", "scope": "admin"}));
    let astray = token(json!({"sub": "ana", "aud": "other"}));

    let refused = bearer(port, "/admin/x", &ana);
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").unwrap().starts_with(
        "Bearer error=\"insufficient_scope\", error_description=\"The request requires higher privileges than provided by the access token.\""
    ));
    assert_eq!(bearer(port, "/admin/x", &root).status, 200);
    assert_eq!(http1::get(port, "/open/x").unwrap().status, 200);
    // Wrong credentials are refused where none are needed.
    assert_eq!(bearer(port, "/open/x", "abc").status, 401);
    check("audience", &bearer(port, "/x", &astray), "The aud claim is not valid");
    assert_eq!(bearer(port, "/closed/x", &root).status, 403);
    let post = |token: &str| {
        Request::new("POST", "/write/x")
            .header("Authorization", &format!("Bearer {token}"))
            .body("")
            .send(port)
            .unwrap()
    };
    assert_eq!((post(&ana).status, post(&root).status), (200, 403));
    assert_eq!(http1::get(port, "/nowhere").unwrap().status, 401);

    // The upstream hears who it is, and nobody else can say so.
    let named = Request::new("GET", "/x")
        .header("Authorization", &format!("Bearer {ana}"))
        .header("X-User", "root")
        .send(port)
        .unwrap();
    assert_eq!(named.json()["headers"]["x-user"], json!(["ana"]));
    // Principals have buckets of their own; half a minute fills them for one more.
    let statuses: Vec<u16> =
        [&ana, &ana, &ana, &root].iter().map(|who| bearer(port, "/limited/x", who).status).collect();
    assert_eq!(statuses, [200, 200, 429, 200]);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_tokens_are_asked_about() {
    let Some(issuer) = Issuer::start("opaque_tokens_are_asked_about") else { return };
    let upstream = Echo::start();
    let yaml = format!(
        "spring.security.oauth2.resourceserver.opaquetoken:\n  introspection-uri: {}/introspect\n  client-id: gw\n  client-secret: s3\nwellspring.gateway.security.rules:\n- paths: /admin\n  scopes: admin\n{}",
        issuer.url(),
        one_route(&upstream.url(""), &[])
    );
    let gateway = Gateway::start(&yaml).await;
    let port = gateway.port();
    issuer.steer("/introspection", &json!({"active": true, "sub": "ana", "scope": "read"}));
    assert_eq!(bearer(port, "/a", "opaque-1").status, 200);
    assert_eq!(bearer(port, "/admin", "opaque-1").status, 403);
    issuer.steer("/introspection", &json!({"active": false}));
    check("inactive", &bearer(port, "/a", "opaque-1"), "Provided token isn't active");
    gateway.running.stop().await;
}
