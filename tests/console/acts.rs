//! Actions done by clicking, and seen to take effect on the daemons themselves.

use serde_json::{Value, json};
use wellspring_test_support::{Launch, http1, poll};

use crate::browser_is_there;
use crate::platform::{Platform, SOON};
use crate::view::View;

fn because(reason: &str) -> [(&'static str, &str); 1] {
    [("reason", reason)]
}

fn registered(platform: &Platform, app: &str) -> Value {
    let request =
        http1::Request::new("GET", &format!("/eureka/apps/{app}")).header("Accept", "application/json");
    request.send(platform.port("registry")).unwrap().json()["application"]["instance"].clone()
}

#[test]
fn what_is_clicked_happens_to_the_daemons_and_stands_in_the_log() {
    if !browser_is_there("what_is_clicked_happens_to_the_daemons_and_stands_in_the_log") {
        return;
    }
    let platform = Platform::start(&[]);
    platform.break_an_instance();
    let view = View::open(&platform);
    instances(&view);
    log_level(&view);
    configuration(&view);
    routes(&view);
    breaker(&view);
    bus(&view);
    refusals(&view);
    view.is_silent();
}

fn instances(view: &View<'_>) {
    let platform = view.platform;
    let status = || registered(platform, "PAYMENTS")[0]["status"].clone();
    view.page("services/PAYMENTS/pay-1%3A8080", &["Drain"]);
    view.act(
        "POST /api/v1/services/{name}/instances/{id}/drain",
        "",
        &[("minutes", "30"), ("reason", "disk swap")],
        "Out of service by an operator",
    );
    poll::until("it is out of service in the registry", SOON, || status() == "OUT_OF_SERVICE");
    view.says("instance", &["disk swap", "wellspring undrain PAYMENTS pay-1:8080"]);
    view.act("POST /api/v1/services/{name}/instances/{id}/undrain", "", &because("disk is new"), "is back");
    poll::until("it is UP again", SOON, || status() == "UP");
    view.act(
        "POST /api/v1/services/{name}/instances/{id}/metadata",
        "",
        &[("key", "rack"), ("value", "r7"), ("reason", "moved")],
        "rack=r7",
    );
    let rack = || registered(platform, "PAYMENTS")[0]["metadata"]["rack"].clone();
    poll::until("the registry has the label", SOON, || rack() == "r7");
    view.page("services/PAYMENTS", &["pay-3:8080"]);
    view.act("DELETE /api/v1/services/{name}/instances/{id}", "pay-3:8080", &because("gone for good"), "2/2");
    poll::until("it is gone", SOON, || registered(platform, "PAYMENTS").as_array().unwrap().len() == 2);
    view.page("timeline?topics=admin", &["by local", "pay-3:8080", "pay-1:8080"]);
}

fn log_level(view: &View<'_>) {
    let orders = view.platform.port("orders");
    view.page(&format!("services/ORDERS/127.0.0.1%3Aorders%3A{orders}?actuator=loggers"), &["ROOT"]);
    view.act(
        "POST /api/v1/services/{name}/instances/{id}/actuator/loggers",
        "ROOT",
        &[("level", "DEBUG"), ("reason", "looking for something")],
        "ROOT logs at DEBUG",
    );
    let level = http1::get(orders, "/actuator/loggers/ROOT").unwrap().json();
    assert_eq!(level["configuredLevel"], "DEBUG", "{level}");
}

fn configuration(view: &View<'_>) {
    let platform = view.platform;
    let greeting = || http1::get(platform.port("config-server"), "/orders/default").unwrap().text();
    platform.commit("orders.yml", "orders:\n  greeting: A second one\n");
    poll::until("the commit is served", SOON, || greeting().contains("A second one"));
    view.page("config?view=history&application=orders", &["initial", "Roll back to this"]);
    view.act("POST /api/v1/config/pins", "initial", &because("the second one is wrong"), "held at");
    poll::until("the first commit is served again", SOON, || {
        greeting().contains("Hello from the config server")
    });
    view.page("config?view=pins", &["the second one is wrong", "local"]);
    let pinned = platform.api("/events?topics=admin&q=pinned")["items"][0].clone();
    assert_eq!((&pinned["kind"], &pinned["daemon"]), (&json!("pinned"), &json!("configserver")), "{pinned}");
    view.act("DELETE /api/v1/config/pins/{label}", "", &because("it is right after all"), "No label is held");
    poll::until("the second commit is served", SOON, || greeting().contains("A second one"));
    view.page(
        "config?view=diff&application=orders&from=main~1&to=main",
        &["1 keys differ", "Hello from the config server", "A second one", "changed"],
    );
    // The service fetched before that commit; who asks from this machine is taken for the other one.
    view.page("drift?state=behind", &["Behind", "inventory"]);
    let button = "[...document.querySelectorAll('button')].find(one => one.innerText.startsWith('Select those behind'))";
    view.until("those behind can be chosen", &format!("{button}?.disabled === false"));
    view.browser.value(&format!("{button}.click()"));
    view.act("POST /api/v1/config/refresh", "", &because("the second greeting"), "1 of 1 have fetched again");
    view.browser.click("dialog button.main");
    poll::until("nobody is behind", SOON, || platform.api("/config/drift")["behind"] == 0);
    view.page("config", &["Encrypt"]);
    view.act("POST /api/v1/config/encrypt", "", &[("value", "s3cret")], "{cipher}");
    let encrypted = view.browser.value("document.querySelector('dialog pre').innerText");
    let encrypted = encrypted.as_str().unwrap();
    view.browser.click("dialog button.main");
    view.act("POST /api/v1/config/decrypt", "", &[("value", encrypted), ("reason", "to compare")], "s3cret");
    view.browser.click("dialog button.main");
}

fn routes(view: &View<'_>) {
    let platform = view.platform;
    let status = |path: &str| http1::get(platform.port("gateway"), path).unwrap().status;
    view.page("routes", &["stock"]);
    poll::until("the route leads somewhere", SOON, || status("/inventory/stock/tea") == 200);
    // The locator's own route of that name would take it.
    view.page("routes/orders", &["Disable"]);
    view.act("POST /api/v1/routes/{id}/enabled", "", &because("orders are closed"), "switched off");
    // The same button, once the page knows of it.
    let button =
        "document.querySelector('button[data-write=\"POST /api/v1/routes/{id}/enabled\"]')?.innerText";
    view.until("it can be switched on", &format!("{button} === 'Enable'"));
    view.act("POST /api/v1/routes/{id}/enabled", "", &because("open again"), "orders is on");
    view.page("routes", &["Apply routes"]);
    let yaml = "spring.cloud.gateway.server.webflux.routes:\n- {id: only, uri: 'lb://orders', predicates: ['Path=/only/**'], filters: ['StripPrefix=1']}\n";
    view.act("POST /api/v1/routes/apply", "", &[("routes", yaml), ("reason", "a trial")], "only");
    poll::until("the new route is in force", SOON, || status("/only/orders/7") == 200);
    view.says("the routes that are in force", &["/only/**"]);
    view.act("POST /api/v1/routes/apply", "", &because("the trial is over"), "stock");
    poll::until("the routes of the configuration are in force", SOON, || {
        status("/inventory/stock/tea") == 200
    });
    view.page("lab?path=%2Forders%2F7", &["Proposed"]);
    view.browser.fill("[name=routes]", yaml);
    view.browser.click("button[data-write='POST /api/v1/routes/diff']");
    view.says("lab, diff", &["Compared with what runs", "only", "added", "removed"]);
    view.browser.click("button[data-write='POST /api/v1/routes/replay']");
    view.says("lab, replay", &["requests replayed"]);
}

fn breaker(view: &View<'_>) {
    let state = || {
        let all = view.platform.api("/resilience")["breakers"].clone();
        let found = all.as_array().unwrap().iter().find(|one| one["name"] == "payments").cloned();
        found.unwrap_or_default()["state"].clone()
    };
    view.platform.open_a_breaker();
    view.page("resilience", &["Breaker payments is OPEN"]);
    view.act(
        "POST /api/v1/breakers/{name}/state",
        "payments",
        &[("state", "CLOSED"), ("reason", "repaired")],
        "payments is CLOSED",
    );
    assert_eq!(state(), "CLOSED");
    view.act(
        "POST /api/v1/breakers/{name}/state",
        "payments",
        &[("state", "FORCED_OPEN"), ("minutes", "5"), ("reason", "maintenance")],
        "Somebody opened it by hand",
    );
    assert_eq!(state(), "FORCED_OPEN");
    let answer = http1::get(view.platform.port("gateway"), "/pay/7").unwrap();
    assert_eq!(answer.status, 503, "calls are refused: {}", answer.text());
    view.says("resilience", &["local", "maintenance"]);
}

fn bus(view: &View<'_>) {
    view.page("bus", &["connected"]);
    view.act("POST /api/v1/bus/refresh", "", &[("destination", "orders"), ("reason", "news")], "Sent;");
    view.says("bus", &["Refresh", "orders"]);
    poll::until("the service has what is served", SOON, || {
        let all = view.platform.api("/config/drift?application=orders");
        all["items"].as_array().unwrap().iter().all(|one| one["state"] == "current")
    });
    resend(view);
}

/// An application that hangs is silent; what is sent again waits for it.
fn resend(view: &View<'_>) {
    let platform = view.platform;
    let url = |part: &str, path: &str| format!("http://127.0.0.1:{}{path}", platform.port(part));
    let hanging = Launch::new("inventory")
        .var("SPRING_APPLICATION_NAME", "inventory")
        .var("EUREKA_CLIENT_SERVICEURL_DEFAULTZONE", url("registry", "/eureka/"))
        .var("EUREKA_INSTANCE_IPADDRESS", "127.0.0.1")
        .var("EUREKA_INSTANCE_LEASERENEWALINTERVALINSECONDS", "1")
        .var("WELLSPRING_BUS_URL", url("bus", ""))
        .start();
    let place = format!("inventory:{}:", hanging.port());
    let refresh = http1::Request::new("POST", "/api/v1/bus/refresh").header("x-wellspring", "1");
    let refresh = refresh.json(&json!({"destination": "inventory", "reason": "who is there"}));
    poll::until("the other one is on the bus", SOON, || {
        refresh.send(platform.admin).unwrap();
        let members = platform.api("/bus")["members"].clone();
        members.as_array().unwrap().iter().any(|one| one["id"].as_str().unwrap().starts_with(&place))
    });
    // Only what is sent from now on waits for it.
    poll::until("everybody has everything", SOON, || {
        let sent = platform.api("/bus")["items"].clone();
        sent.as_array().unwrap().iter().all(|one| one["complete"] == json!(true))
    });
    hanging.freeze();
    view.act(
        "POST /api/v1/bus/refresh",
        "",
        &[("destination", "inventory"), ("reason", "one hangs")],
        "Sent; 2 should acknowledge",
    );
    view.says("bus", &["1 silent", &place]);
    let sent = platform.api("/bus")["items"][0]["id"].as_str().unwrap().to_owned();
    view.act("POST /api/v1/bus/{id}/resend", "1 silent", &because("once more"), "Sent again to 1");
    let again = platform.api(&format!("/bus/{sent}"))["resends"].clone();
    assert!(again[0]["to"].as_str().unwrap().starts_with(&place), "{again}");
    hanging.thaw();
    poll::until("it has what was sent again", SOON, || {
        platform.api(&format!("/bus/{sent}"))["complete"] == json!(true)
    });
    view.says("bus", &["all have it"]);
}

/// A reason is wanted; what is refused is said in the dialog, and nothing has changed.
fn refusals(view: &View<'_>) {
    view.page("routes", &["Apply routes"]);
    let before = view.platform.api("/routes")["revision"].clone();
    let bad = "spring.cloud.gateway.server.webflux.routes:\n- {id: bad, uri: 'lb://orders', predicates: ['Path=/x'], filters: ['StripPrefix=one']}\n";
    view.act(
        "POST /api/v1/routes/apply",
        "",
        &[("routes", bad), ("reason", "a mistake")],
        "Refused: nothing was changed",
    );
    view.says("the dialog", &["StripPrefix", "wellspring explain WS-"]);
    assert_eq!(view.platform.api("/routes")["revision"], before);
    view.browser.press("\u{e00c}");
    view.until("Escape closes it", "document.querySelector('dialog[open]') === null");
    // The browser notes the refusal itself.
    let noted = view.browser.messages();
    assert!(noted.iter().all(|text| text.contains("routes/apply")), "{noted:#?}");
    view.page("services/PAYMENTS/pay-1%3A8080", &["Drain"]);
    view.browser.click("button[data-write='POST /api/v1/services/{name}/instances/{id}/drain']");
    view.until("a reason is needed", "document.querySelector('dialog [name=reason]')?.required === true");
    view.browser.press("\u{e00c}");
}

/// Whoever is removed cannot sign in any more.
fn a_user_is_removed(view: &View<'_>) {
    let signs_in = |name: &str, password: &str| {
        let session = http1::Request::new("POST", "/api/v1/session").header("x-wellspring", "1");
        session.json(&json!({"name": name, "password": password})).send(view.platform.admin).unwrap().status
    };
    let temp =
        [("name", "temp"), ("role", "operator"), ("password", "only for today"), ("reason", "holidays")];
    view.act("POST /api/v1/access/users", "", &temp, "temp may log in");
    assert_eq!(signs_in("temp", "only for today"), 200);
    view.act("DELETE /api/v1/access/users/{name}", "temp", &because("back at home"), "temp is removed");
    view.until(
        "the user is off the list",
        "![...document.querySelectorAll('section[aria-labelledby=users] tr')].some(row => row.innerText.includes('temp'))",
    );
    assert_eq!(signs_in("temp", "only for today"), 401, "and cannot sign in");
}

/// The one-time link, the first administrator, a viewer who may look only.
#[test]
fn the_link_of_the_first_start_makes_an_administrator_and_others_may_what_they_may() {
    if !browser_is_there("the_link_of_the_first_start_makes_an_administrator") {
        return;
    }
    let platform = Platform::start(&["--wellspring.admin.access-file=access.json"]);
    let said = platform.said();
    let key = said
        .split("#key=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("no link: {said}"));
    let view = View::open(&platform);
    view.browser.open(&platform.url(&format!("#key={key}")));
    view.browser.run("location.reload()", &json!([]));
    view.says("the link", &["First administrator"]);
    view.is_accessible("the first login");
    view.browser.fill("[name=name]", "ana");
    view.browser.fill("[name=password]", "correct horse battery");
    view.browser.click("button[type=submit]");
    view.says("the first administrator", &["Overview", "ana", "admin"]);
    assert_eq!(view.browser.value("location.hash"), json!("#/"), "the key is gone from the address");
    view.page("access", &["Users", "ana"]);
    view.act(
        "POST /api/v1/access/users",
        "",
        &[
            ("name", "vic"),
            ("role", "viewer"),
            ("password", "another long one"),
            ("reason", "looks after dashboards"),
        ],
        "vic may log in",
    );
    view.act(
        "POST /api/v1/access/tokens",
        "",
        &[
            ("name", "deploy"),
            ("role", "operator"),
            ("applications", "shop-*"),
            ("reason", "for the pipeline"),
        ],
        "It is shown this once",
    );
    let token = view.html("[data-secret]").as_str().unwrap().to_owned();
    view.browser.click("dialog button.main");
    let asked =
        http1::Request::new("GET", "/api/v1/session").header("Authorization", &format!("Bearer {token}"));
    let session = asked.send(platform.admin).unwrap().json();
    assert_eq!((&session["actor"], &session["role"]), (&json!("deploy"), &json!("operator")), "{session}");
    view.says("access", &["deploy", "shop-*"]);
    a_user_is_removed(&view);
    view.act("DELETE /api/v1/access/tokens/{name}", "deploy", &because("not needed"), "No tokens.");
    view.picture("access");
    view.is_silent();

    view.browser.click("button[data-write='DELETE /api/v1/session']");
    view.says("logged out", &["Log in"]);
    view.is_accessible("the login");
    view.browser.fill("[name=name]", "vic");
    view.browser.fill("[name=password]", "wrong");
    view.browser.click("button[type=submit]");
    view.says("a wrong password", &["Not let in"]);
    view.browser.fill("[name=password]", "another long one");
    view.browser.click("button[type=submit]");
    view.says("a viewer", &["Overview", "vic", "viewer"]);
    view.page("services", &["ORDERS"]);
    let id = format!("127.0.0.1%3Aorders%3A{}", platform.port("orders"));
    view.page(&format!("services/ORDERS/{id}"), &["Drain"]);
    view.until(
        "a viewer cannot drain",
        "document.querySelector('button[data-write$=\"/drain\"]')?.disabled === true",
    );
    // And could not without the button either.
    let answer = view.browser.run(
        "return fetch('api/v1/services/ORDERS/instances/' + arguments[0] + '/drain', {method: 'POST', headers: {'X-Wellspring': '1', 'Content-Type': 'application/json'}, body: '{\"reason\":\"x\"}'}).then(answer => answer.status)",
        &json!([id]),
    );
    assert_eq!(answer, json!(403));
}

/// Every change that the API offers can be done somewhere in the console.
#[test]
fn every_write_of_the_api_has_its_action() {
    if !browser_is_there("every_write_of_the_api_has_its_action") {
        return;
    }
    let platform = Platform::start(&[]);
    platform.break_an_instance();
    platform.open_a_breaker();
    let view = View::open(&platform);
    let orders = platform.port("orders");
    let mut found = std::collections::BTreeSet::new();
    let instance = format!("services/ORDERS/127.0.0.1%3Aorders%3A{orders}?actuator=loggers");
    for (page, words) in [
        ("services/PAYMENTS", "Drain"),
        ("services/PAYMENTS/pay-1%3A8080", "Label"),
        (&instance, "Set level"),
        ("config?view=history", "Encrypt"),
        ("drift", "Refresh selected"),
        ("routes", "Disable"),
        ("lab", "Replay"),
        ("bus", "Set a value"),
        ("resilience", "Set state"),
        ("cluster", "Resync"),
        ("access", "Make token"),
    ] {
        view.page(page, &[words]);
        let all = view
            .browser
            .value("[...document.querySelectorAll('[data-write]')].map(one => one.dataset.write)");
        found.extend(all.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()));
    }
    // These are there when there is somebody or something to do it to.
    let rare = [
        "/undrain",
        "/session",
        "/config/pins/{label}",
        "/resend",
        "/access/users/{name}",
        "/access/tokens/{name}",
    ];
    let mut lacking = Vec::new();
    for (path, methods) in platform.api("/openapi.json")["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            let write = format!("{} {path}", method.to_uppercase());
            let shown = found.contains(&write) || rare.iter().any(|end| path.ends_with(end));
            if !shown {
                lacking.push(write);
            }
        }
    }
    assert!(lacking.is_empty(), "no action for {lacking:?}; there are {found:#?}");
}
