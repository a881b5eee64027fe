//! What each page says, and how it can be used.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::json;
use wellspring_test_support::{binaries, poll};

use crate::browser_is_there;
use crate::platform::Platform;
use crate::view::{PAGES, SOON, View};

#[test]
fn every_page_says_what_is_wrong_and_what_to_do() {
    if !browser_is_there("every_page_says_what_is_wrong_and_what_to_do") {
        return;
    }
    let platform = Platform::start(&[]);
    platform.break_an_instance();
    let commit = platform.break_a_commit();
    let brief = commit.get(..10).unwrap();
    platform.call_services();
    platform.open_a_breaker();
    platform.break_a_route();
    let view = View::open(&platform);
    overview(&view, brief);
    discovery(&view);
    configuration(&view, brief);
    traffic(&view);
    the_rest(&view);
    view.is_silent();
    let commands = for_everybody(&view);
    by_keyboard(&view);
    in_chinese(&view);
    live(&view);
    view.is_silent();
    commands_exist(&commands);
}

fn overview(view: &View<'_>, brief: &str) {
    view.page(
        "",
        &[
            "Overview",
            "open problems",
            "PAYMENTS: 1 of 3 instances not UP",
            "pay-3:8080 DOWN",
            "the others carry their load",
            "2 instances are left",
        ],
    );
    view.says(
        "overview, commit",
        &[
            &format!("Commit {brief} of main is refused"),
            "orders.yml",
            "everybody still gets",
            "all applications that read main",
            "wellspring config history --label main",
        ],
    );
    view.says(
        "overview, routes",
        &["a new set of routes is refused", "StripPrefix", "was changed: set", "wellspring validate"],
    );
    view.says(
        "overview, breaker",
        &["Breaker payments is OPEN", "calls are refused at once", "routes pay", "wellspring breaker list"],
    );
    view.says("overview, words of every problem", &["Means", "Since", "Affects", "What to do", "Command"]);
    view.says("overview, figures", &["Breakers open", "1/", "Same as:", "wellspring check"]);
    // Somebody may have come since: the figure is that of now.
    poll::until("the figure of the services", SOON, || {
        let up = view.platform.api("/overview")["services"].clone();
        view.browser.text().contains(&format!("{}/{}", up["up"], up["instances"]))
    });
    view.says("overview, daemons", &["registry", "configserver", "gateway", "bus", "checks fine"]);
    view.picture("overview");
}

fn discovery(view: &View<'_>) {
    view.page(
        "services",
        &["PAYMENTS", "2/3", "1 not UP", "4.2.1", "ORDERS", "all UP", "Same as:", "wellspring services"],
    );
    view.page("services?state=ill", &["1 of ", "PAYMENTS"]);
    view.page("services?view=instances&q=pay-", &["3 of ", "pay-1:8080", "pay-3:8080", "DOWN"]);
    view.picture("services");
    view.page(
        "services/PAYMENTS",
        &[
            "PAYMENTS",
            "1 of 3 instances not UP",
            "pay-3:8080",
            "north",
            "wellspring instances PAYMENTS",
            "What happened",
        ],
    );
    view.picture("service");
    view.page(
        "services/PAYMENTS/pay-3%3A8080",
        &[
            "Its status is DOWN",
            "callers do not get it",
            "callers of PAYMENTS",
            "Evicted when silent",
            "Override",
            "none",
            "version=4.2.1",
        ],
    );
    view.picture("instance");
    let orders = view.platform.port("orders");
    view.page(
        &format!("services/ORDERS/127.0.0.1%3Aorders%3A{orders}?actuator=health"),
        &["UP", "diskSpace", "ping"],
    );
    view.page(
        &format!("services/ORDERS/127.0.0.1%3Aorders%3A{orders}?actuator=loggers"),
        &["ROOT", "INFO", "Set level"],
    );
}

fn configuration(view: &View<'_>, brief: &str) {
    view.page(
        "config?application=orders",
        &[
            "orders.greeting",
            "Hello from the config server",
            "orders.yml",
            "2:13",
            "wellspring config get orders",
        ],
    );
    view.picture("config");
    view.page(
        "config?view=history&application=orders",
        &[&format!("Commit {brief} of main is refused"), "initial", "served", "follows its branch"],
    );
    view.picture("history");
    view.page("config?view=repositories", &["a commit is refused", "http://127.0.0.1"]);
    view.page("config?view=pins", &["No label is held"]);
    view.page("drift", &["orders", "Current", "Never fetched", "fetched (", "wellspring config drift"]);
    view.picture("drift");
    view.page("bus", &["connected", "Applications on the bus", "wellspring bus"]);
    view.picture("bus");
}

fn traffic(view: &View<'_>) {
    view.page(
        "routes",
        &[
            "a new set of routes is refused",
            "StripPrefix",
            "orders",
            "stock",
            "pay",
            "lb://inventory",
            "Method",
            "application.yml:",
        ],
    );
    view.picture("routes");
    view.page(
        "routes/stock",
        &["Conditions", "/inventory/**", "AddRequestHeader", "X-Shop", "lb://inventory"],
    );
    view.page("resilience", &["Breaker payments is OPEN", "payments", "OPEN", "100 %", "of 5 failed", "pay"]);
    view.says(
        "resilience, limiters",
        &["Request limiters of routes", "1000/s up to 2000", "address", "local"],
    );
    view.picture("resilience");
    view.page("lab?path=%2Finventory%2Fstock%2Ftea", &["Route lab", "Nothing is sent"]);
    view.until(
        "the form has the path",
        "document.querySelector('[name=path]')?.value === '/inventory/stock/tea'",
    );
    view.browser.click("form[data-write='POST /api/v1/routes/trace'] button[type=submit]");
    view.says(
        "lab",
        &[
            "Route stock takes it",
            "orders",
            "no",
            "YES",
            "StripPrefix",
            "/stock/tea",
            "X-Shop",
            "tea",
            "wellspring routes trace GET /inventory/stock/tea",
        ],
    );
    view.picture("lab");
    view.page("topology", &["gateway", "127.0.0.1", "rps", "Calls", "OPEN"]);
    view.picture("topology");
    let edges = view.platform.api("/topology?clients=true");
    let edge = |from: &str, to: &str| {
        let found =
            edges["edges"].as_array().unwrap().iter().find(|one| one["from"] == from && one["to"] == to);
        found.unwrap_or_else(|| panic!("{from} to {to}: {edges}")).clone()
    };
    let fetches = edge("orders", "configserver");
    assert_eq!((&fetches["source"], fetches["at"].is_i64()), (&json!("config server"), true), "{fetches}");
    // An order asks for its stock.
    let own = edge("orders", "inventory");
    assert_eq!(own["source"], "own metrics", "{own}");
    assert!(own["requests"].as_u64().unwrap() >= 40 && own["at"].is_i64(), "{own}");
    assert_eq!(edge("gateway", "orders")["source"], "routes");
    view.page("topology?clients=true", &["own metrics", "instances told of their calls", "config server"]);
}

fn the_rest(view: &View<'_>) {
    view.page("timeline", &["config", "is not served", "Export", "wellspring events"]);
    view.page("timeline?topics=config&q=not%20served", &["orders.yml", "wellspring events --topics config"]);
    view.picture("timeline");
    view.page("cluster", &["Self-preservation", "Heartbeats", "Threshold", "no peers", "wellspring cluster"]);
    view.picture("cluster");
    view.page("access", &["Nobody is asked for a credential", "Everybody on this machine", "local"]);
    view.page("nowhere", &["No such page"]);
}

/// The command line takes every command that stands on a page.
fn commands_exist(shown: &BTreeSet<String>) {
    assert!(shown.len() > 12, "{shown:?}");
    let mut unknown = Vec::new();
    for command in shown {
        let words: Vec<&str> =
            command.split_whitespace().skip(1).map(|word| word.trim_matches('\'')).collect();
        let asked = Command::new(binaries::path("wellspring")).args(&words).arg("--help").output().unwrap();
        if !asked.status.success() {
            unknown.push((
                command,
                String::from_utf8_lossy(&asked.stderr).lines().next().unwrap_or_default().to_owned(),
            ));
        }
    }
    assert!(unknown.is_empty(), "the command line does not know {unknown:#?}");
}

/// The same in light and dark, on a wide and a narrow screen; axe-core finds nothing. Gives the commands on the pages.
fn for_everybody(view: &View<'_>) -> BTreeSet<String> {
    let deeper = [
        "services/PAYMENTS",
        "services/PAYMENTS/pay-3%3A8080",
        "config?application=orders",
        "config?view=history",
        "routes/stock",
    ];
    let mut commands = BTreeSet::new();
    for (width, colours) in [(1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")] {
        view.browser.resize(width, 860);
        view.browser.prefer(colours);
        let main = PAGES.iter().map(|(_, page, _)| *page);
        for page in main.chain(deeper) {
            view.page(page, &["Same as:"]);
            view.until("nothing is being loaded", "!document.body.innerText.includes('Loading …')");
            let place = format!("/{page} at {width}, {colours}");
            view.fits(&place);
            view.is_accessible(&place);
            let shown = view.browser.value(
                "[...document.querySelectorAll('.same code, .red dd code')].map(one => one.innerText)",
            );
            let shown = shown.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
            commands.extend(shown.filter(|one| one.starts_with("wellspring ")));
            if page.is_empty() && (width, colours) != (400, "dark") {
                view.picture(&format!("overview-{colours}-{width}"));
            }
        }
    }
    view.browser.resize(1280, 860);
    view.browser.prefer("light");
    commands
}

/// Every page by two keys; what is reached by Tab can be seen; search and help open and close.
fn by_keyboard(view: &View<'_>) {
    for (key, page, title) in PAGES {
        view.browser.run("document.activeElement?.blur()", &json!([]));
        view.browser.press(&format!("g{key}"));
        view.until(&format!("g {key} leads to {title}"), &format!("document.querySelector('h1')?.innerText.startsWith('{title}') && location.hash === '#/{page}'"));
    }
    view.browser.press("?");
    view.until(
        "? opens the list of keys",
        "document.querySelector('dialog[open]')?.innerText.includes('g s') === true",
    );
    view.browser.press("\u{e00c}");
    view.until("Escape closes it", "document.querySelector('dialog[open]') === null");
    view.browser.press("/");
    view.until("/ leads to the search", "document.activeElement.id === 'search'");
    view.browser.press("payments");
    view.until(
        "it finds the service",
        "document.getElementById('search').value === 'payments' && document.querySelector('[role=option][aria-selected=true]')?.innerText.includes('PAYMENTS') === true",
    );
    view.browser.press("\u{e007}");
    view.until("Enter opens it", "location.hash.startsWith('#/services/PAYMENTS')");
    view.page("services", &["PAYMENTS"]);
    view.browser.run("document.activeElement?.blur(); document.querySelector('.skip').focus()", &json!([]));
    let mut reached = BTreeSet::new();
    for _ in 0..60 {
        view.browser.press("\u{e004}");
        if view.browser.value("document.activeElement === document.body") == json!(true) {
            break;
        }
        let seen = view.browser.value("(one => { const box = one.getBoundingClientRect(); const style = getComputedStyle(one); return [(one.innerText || one.getAttribute('aria-label') || one.placeholder || one.tagName).trim(), box.width > 0 && box.height > 0 && (style.outlineStyle !== 'none')]; })(document.activeElement)");
        assert_eq!(seen[1], json!(true), "the focus cannot be seen on {seen}");
        reached.insert(seen[0].as_str().unwrap().lines().next().unwrap_or_default().to_owned());
    }
    for wanted in ["Overview", "Timeline", "Services", "Access", "PAYMENTS", "Instances"] {
        assert!(reached.contains(wanted), "Tab does not reach {wanted}: {reached:?}");
    }
}

/// Another language at once, and the colours of one's own choice.
fn in_chinese(view: &View<'_>) {
    view.page("", &["Overview"]);
    view.browser.click("select[aria-label='Language'] option[value=zh]");
    view.says("the overview in Chinese", &["概览", "打开的熔断器", "怎么办"]);
    view.browser.click("select[aria-label='语言'] option[value=en]");
    view.says("the overview in English again", &["Overview", "What to do"]);
    view.browser.click("select[aria-label='Colours'] option[value=dark]");
    view.until("the page is dark", "document.documentElement.dataset.theme === 'dark'");
    view.browser.click("select[aria-label='Colours'] option[value=auto]");
    view.until("the page is as the system", "document.documentElement.dataset.theme === 'light'");
}

/// What happens is there without a reload, also after the connection was away.
fn live(view: &View<'_>) {
    view.page("services", &["PAYMENTS"]);
    view.platform.register("SHIPPING", "ship-1:8080", "UP", json!({}));
    view.says("services, live", &["SHIPPING"]);
    view.browser.devtools(
        "Network.emulateNetworkConditions",
        &json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
    );
    view.platform.register("RETURNS", "ret-1:8080", "UP", json!({}));
    view.browser.devtools(
        "Network.emulateNetworkConditions",
        &json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}),
    );
    view.says("services, after a gap", &["RETURNS"]);
    // Being offline is noted by the browser itself.
    view.browser.messages();
}
