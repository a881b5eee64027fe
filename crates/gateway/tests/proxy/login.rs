//! Logins, sessions and relayed tokens with a real OpenID Connect provider.

use serde_json::{Value, json};
use wellspring_test_support::Echo;
use wellspring_test_support::broker::Redis;
use wellspring_test_support::http1::{Reply, Request};

use crate::issuer::Issuer;
use crate::support::{Gateway, one_route};

fn client(issuer: &Issuer, more: &str, upstream: &Echo, filters: &[&str]) -> String {
    format!(
        r#"
spring.security.oauth2.client:
  registration:
    shop: {{client-id: gw, client-secret: "s3/cret", scope: [openid, profile], provider: mock}}
    robot: {{client-id: bot, client-secret: b0t, authorization-grant-type: client_credentials, scope: jobs, provider: mock}}
  provider:
    mock.issuer-uri: {}
{more}{}"#,
        issuer.url(),
        one_route(&upstream.url(""), filters)
    )
}

/// A browser's part: asks with its cookie and Host, and keeps the cookie that comes.
struct Browser {
    port: u16,
    cookie: String,
}

impl Browser {
    fn get(&mut self, path: &str) -> Reply {
        self.send(Request::new("GET", path))
    }

    fn send(&mut self, request: Request) -> Reply {
        let request = request.header("Accept", "text/html").header("Cookie", &self.cookie);
        let reply = request.send(self.port).unwrap();
        if let Some(set) = reply.header("set-cookie") {
            self.cookie = set.split(';').next().unwrap().to_owned();
        }
        reply
    }
}

/// Follows a redirect to the provider and gives the path it sends the browser back to.
fn at_provider(issuer: &Issuer, reply: &Reply) -> String {
    let to = url::Url::parse(reply.header("location").unwrap()).unwrap();
    assert_eq!(to.port(), Some(issuer.port()));
    let back =
        Request::new("GET", &format!("{}?{}", to.path(), to.query().unwrap())).send(issuer.port()).unwrap();
    let back = url::Url::parse(back.header("location").unwrap()).unwrap();
    format!("{}?{}", back.path(), back.query().unwrap())
}

fn payload(token: &str) -> Value {
    use base64::Engine as _;
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_logs_in_is_relayed_and_logs_out() {
    let Some(issuer) = Issuer::start("a_browser_logs_in_is_relayed_and_logs_out") else { return };
    let upstream = Echo::start();
    let yaml = client(&issuer, "", &upstream, &["TokenRelay=", "SaveSession"]);
    let gateway = Gateway::start(&yaml).await;
    let mut browser = Browser { port: gateway.port(), cookie: String::new() };

    let first = browser.get("/page?x=1");
    assert_eq!((first.status, first.header("location")), (302, Some("/oauth2/authorization/shop")));
    let cookie = first.header("set-cookie").unwrap();
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let planted = browser.cookie.clone();
    let begun = browser.get("/oauth2/authorization/shop");
    let location = begun.header("location").unwrap().to_owned();
    for part in [
        "response_type=code",
        "client_id=gw",
        "scope=openid+profile",
        "state=",
        "nonce=",
        "code_challenge_method=S256",
    ] {
        assert!(location.contains(part), "{part}: {location}");
    }
    let callback = at_provider(&issuer, &begun);

    // Neither another state nor another browser's session gets in.
    let forged = browser.get(&callback.replace("state=", "state=x"));
    assert_eq!(forged.header("location"), Some("/login?error"));
    assert_eq!(browser.get(&callback).header("location"), Some("/login?error"), "a state is good once");
    let begun = browser.get("/oauth2/authorization/shop");
    let callback = at_provider(&issuer, &begun);
    let mut stranger = Browser { port: gateway.port(), cookie: String::new() };
    assert_eq!(stranger.get(&callback).header("location"), Some("/login?error"));

    let done = browser.get(&callback);
    assert_eq!((done.status, done.header("location")), (302, Some("/page?x=1")));
    assert_ne!(browser.cookie, planted, "the session has another id after the login");
    let grant = issuer.steer("/grant", &json!({}));
    assert_eq!(grant["grant_type"], "authorization_code");
    assert!(grant["code_verifier"].as_str().unwrap().len() >= 43);
    assert_eq!(grant["authorization"], "Basic Z3c6czMlMkZjcmV0");

    let inside = browser.get("/page?x=1");
    assert_eq!(inside.status, 200);
    let token = inside.json()["headers"]["authorization"][0].as_str().unwrap().to_owned();
    assert_eq!(payload(token.strip_prefix("Bearer ").unwrap())["sub"], "johndoe");
    let mut before = Browser { port: gateway.port(), cookie: planted };
    assert_eq!(before.get("/page").status, 302, "the planted id is nobody");

    assert_eq!(browser.send(Request::new("POST", "/logout").body("")).status, 403, "only our own page may");
    let page = browser.get("/logout").text();
    let proof = page.split("_csrf=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let used = browser.cookie.clone();
    let out = browser.send(Request::new("POST", &format!("/logout?_csrf={proof}")).body(""));
    assert_eq!(out.header("location"), Some("/login?logout"));
    browser.cookie = used;
    assert_eq!(browser.get("/page").status, 302);
    assert!(browser.get("/login?error").text().contains("/oauth2/authorization/shop"));
    assert_eq!(browser.get("/oauth2/authorization/nope").status, 400);
    gateway.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_in_redis_are_shared_and_sealed() {
    let test = "sessions_in_redis_are_shared_and_sealed";
    let (Some(issuer), Some(mut redis)) = (Issuer::start(test), Redis::start(test)) else { return };
    let upstream = Echo::start();
    let more = format!("spring.session.store-type: redis\nspring.data.redis.url: {}\n", redis.url());
    let yaml = client(&issuer, &more, &upstream, &["TokenRelay="]);
    let (one, other) = (Gateway::start(&yaml).await, Gateway::start(&yaml).await);
    let mut browser = Browser { port: one.port(), cookie: String::new() };
    let begun = browser.get("/oauth2/authorization/shop");
    let callback = at_provider(&issuer, &begun);
    // The callback may reach the other gateway.
    browser.port = other.port();
    assert_eq!(browser.get(&callback).header("location"), Some("/"));
    browser.port = one.port();
    let inside = browser.get("/a");
    let token = inside.json()["headers"]["authorization"][0].as_str().unwrap().to_owned();

    let ask = |words: &[&str]| {
        let output = std::process::Command::new("redis-cli")
            .args(["-p", &redis.port().to_string()])
            .args(words)
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
    };
    let id = browser.cookie.split('=').nth(1).unwrap().to_owned();
    let keys = ask(&["keys", "wellspring:session:*"]);
    assert!(!keys.is_empty() && !keys.contains(&id), "{keys}");
    for key in keys.lines() {
        let kept = ask(&["get", key]);
        assert!(!kept.contains("johndoe") && !kept.contains(token.trim_start_matches("Bearer ")), "{kept}");
        assert!(ask(&["ttl", key]).parse::<i64>().unwrap() > 0);
    }
    redis.crash();
    assert_eq!(browser.get("/a").status, 500, "nobody is let in unasked");
    one.running.stop().await;
    other.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_own_token_is_fetched_once() {
    let Some(issuer) = Issuer::start("the_gateways_own_token_is_fetched_once") else { return };
    let upstream = Echo::start();
    let open = "wellspring.gateway.security.default-access: permit\n";
    let gateway = Gateway::start(&client(&issuer, open, &upstream, &["TokenRelay=robot"])).await;
    let port = gateway.port();
    let asking: Vec<_> = (0..6)
        .map(|_| {
            std::thread::spawn(move || {
                Request::new("GET", "/a").header("Authorization", "Basic eDp5").send(port).unwrap()
            })
        })
        .collect();
    let tokens: Vec<String> = asking
        .into_iter()
        .map(|asked| asked.join().unwrap().json()["headers"]["authorization"][0].as_str().unwrap().to_owned())
        .collect();
    assert!(
        tokens.iter().all(|token| *token == tokens[0] && token.starts_with("Bearer ")),
        "one token for all"
    );
    assert_eq!(payload(tokens[0].strip_prefix("Bearer ").unwrap())["scope"], "jobs");
    gateway.running.stop().await;

    for (yaml, said) in [
        (client(&issuer, "", &upstream, &["TokenRelay=nobody"]), "is not registered"),
        ("spring.security.oauth2.client.registration.x: {client-id: a}\n".to_owned(), "provider"),
        ("spring.security.oauth2.client.registration.x: {client-secret: s3}\n".to_owned(), "client-id"),
    ] {
        let error = Gateway::try_start(&yaml).await.err().unwrap().to_string();
        assert!(error.contains(said) && error.contains("application.yml:"), "{error}");
        assert!(!error.contains("s3"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_before_they_end() {
    let Some(issuer) = Issuer::start("tokens_are_renewed_before_they_end") else { return };
    let upstream = Echo::start();
    let open = "wellspring.gateway.security.default-access: permit\n";
    let user = Gateway::start(&client(&issuer, "", &upstream, &["TokenRelay="])).await;
    let robot = Gateway::start(&client(&issuer, open, &upstream, &["TokenRelay=robot"])).await;
    let relayed = |reply: Reply| {
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["headers"]["authorization"][0].as_str().unwrap().to_owned()
    };
    let mut browser = Browser { port: user.port(), cookie: String::new() };
    // A token that ends within a minute is renewed at once, one that lives longer is kept.
    issuer.steer("/lifetime", &json!({"seconds": 30}));
    let begun = browser.get("/oauth2/authorization/shop");
    let callback = at_provider(&issuer, &begun);
    assert_eq!(browser.get(&callback).status, 302);
    relayed(browser.get("/a"));
    let grant = issuer.steer("/grant", &json!({}));
    assert_eq!(grant["grant_type"], "refresh_token", "{grant}");
    assert!(grant["refresh_token"].as_str().is_some_and(|token| !token.is_empty()), "{grant}");
    issuer.steer("/lifetime", &json!({"seconds": 3600}));
    let (port, cookie) = (browser.port, browser.cookie.clone());
    let page = move || Browser { port, cookie: cookie.clone() }.get("/a");
    let together: Vec<_> = (0..6).map(|_| std::thread::spawn(page.clone())).collect();
    let renewed: Vec<String> = together.into_iter().map(|one| relayed(one.join().unwrap())).collect();
    let fresh = relayed(browser.get("/a"));
    assert!(
        renewed.iter().all(|token| *token == fresh),
        "renewed once for all requests of a session, then kept"
    );
    assert_eq!(payload(fresh.trim_start_matches("Bearer "))["sub"], "johndoe");

    let machine = |port: u16| relayed(Request::new("GET", "/a").send(port).unwrap());
    issuer.steer("/lifetime", &json!({"seconds": 30}));
    machine(robot.port());
    // What ends within a minute is asked for anew; what then lives longer is kept.
    issuer.steer("/lifetime", &json!({"seconds": 3600}));
    machine(robot.port());
    let grant = issuer.steer("/grant", &json!({}));
    assert_eq!(grant["grant_type"], "client_credentials");
    issuer.steer("/lifetime", &json!({"seconds": 30}));
    let kept = machine(robot.port());
    assert_eq!(machine(robot.port()), kept);
    user.running.stop().await;
    robot.running.stop().await;
}
