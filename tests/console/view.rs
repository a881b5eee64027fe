//! What somebody sees: a page, what it says, that it says it without a complaint of the browser, to everybody.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use wellspring_test_support::browser::Browser;
use wellspring_test_support::{packages, poll, tools};

use crate::platform::Platform;

pub(crate) const SOON: Duration = Duration::from_secs(90);

/// Every page, by the key that leads there after `g`.
pub(crate) const PAGES: [(&str, &str, &str); 12] = [
    ("o", "", "Overview"),
    ("s", "services", "Services"),
    ("p", "topology", "Topology"),
    ("t", "timeline", "Timeline"),
    ("k", "cluster", "Cluster"),
    ("c", "config", "Config"),
    ("d", "drift", "Drift"),
    ("b", "bus", "Bus"),
    ("r", "routes", "Routes"),
    ("l", "lab", "Route lab"),
    ("e", "resilience", "Resilience"),
    ("a", "access", "Access"),
];

/// Pictures for the docs are taken when somebody asks for them: they change with every run.
fn pictures() -> bool {
    std::env::var_os("CONSOLE_PICTURES").is_some()
}

pub(crate) struct View<'p> {
    pub(crate) browser: Browser,
    pub(crate) platform: &'p Platform,
    axe: String,
}

impl<'p> View<'p> {
    pub(crate) fn open(platform: &'p Platform) -> Self {
        let list = tools::root().join("tests/console/package.json");
        let axe = packages::node("axe", &list).join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(axe).unwrap();
        let view = Self { browser: Browser::start(), platform, axe };
        view.browser.prefer("light");
        view.browser.resize(1280, 860);
        view.browser.open(&platform.url(""));
        view.until("the console is there", "document.querySelector('h1') !== null");
        view
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, expression: &str) {
        self.browser.until(what, SOON, expression);
    }

    /// Opens a page by its address, and waits until it says all of `words`: it, and not the one that was open before.
    #[track_caller]
    pub(crate) fn page(&self, page: &str, words: &[&str]) {
        let turn = "const [to] = arguments; if (location.hash === to) return true; \
            return new Promise(done => { \
              const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true)))); \
              addEventListener('hashchange', drawn, {once: true}); location.hash = to; })";
        self.browser.run(turn, &json!([format!("#/{page}")]));
        self.says(page, words);
    }

    #[track_caller]
    pub(crate) fn says(&self, place: &str, words: &[&str]) {
        let mut text = String::new();
        let said = poll::within(SOON, || {
            text = self.browser.text();
            words.iter().all(|word| text.contains(word))
        });
        let missing: Vec<_> = words.iter().filter(|word| !text.contains(**word)).collect();
        assert!(said, "{place} does not say {missing:?}:\n{text}");
    }

    /// Neither script errors nor refused content.
    #[track_caller]
    pub(crate) fn is_silent(&self) {
        // Other programs of the machine may change its network, which ends every connection of the browser.
        let weather = ["ERR_NETWORK_CHANGED", "ERR_NETWORK_IO_SUSPENDED", "ERR_INTERNET_DISCONNECTED"];
        let messages = self.browser.messages().into_iter();
        let messages: Vec<_> =
            messages.filter(|text| !weather.iter().any(|event| text.contains(event))).collect();
        assert!(messages.is_empty(), "the console of the browser says: {messages:#?}");
    }

    /// What axe-core finds on the page as it is, at this width and in these colours.
    #[track_caller]
    pub(crate) fn is_accessible(&self, place: &str) {
        if self.browser.value("typeof axe") != json!("object") {
            self.browser.run(&format!("{}; window.axe = axe", self.axe), &json!([]));
        }
        let options = json!({"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]});
        let found = self.browser.run(
            "return axe.run(document, arguments[0]).then(found => found.violations.map(one => \
             one.id + ': ' + one.help + ' – ' + one.nodes.slice(0, 4).map(node => node.html.slice(0, 200) + ' ' + (node.any[0]?.message ?? '')).join(' | ')))",
            &json!([options]),
        );
        let none = found.as_array().is_some_and(Vec::is_empty);
        assert!(none, "axe finds on {place}: {found:#}");
    }

    /// Nothing is cut off to the side.
    #[track_caller]
    pub(crate) fn fits(&self, place: &str) {
        let wide =
            self.browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert!(wide.as_i64().is_some_and(|over| over <= 0), "{place} is {wide} too wide");
    }

    pub(crate) fn picture(&self, name: &str) {
        if pictures() {
            let path = tools::root().join(format!("docs/console/{name}.png"));
            self.take(&path);
        }
    }

    fn take(&self, path: &Path) {
        let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        self.browser.screenshot(path, decode);
    }

    /// Presses the action marked with `write` in the row or card that has `near` (anywhere without), fills what the dialog asks,
    /// and waits until it is done.
    #[track_caller]
    pub(crate) fn act(&self, write: &str, near: &str, fields: &[(&str, &str)], done: &str) {
        self.until("no other dialog is open", "document.querySelector('dialog[open]') === null");
        let mark = "const near = arguments[1]; \
            const all = [...document.querySelectorAll(`button[data-write=\"${arguments[0]}\"]`)].filter(one => !one.disabled); \
            const fits = (one, around) => !near || one.closest(around)?.innerText.includes(near); \
            document.querySelectorAll('[data-chosen]').forEach(one => one.removeAttribute('data-chosen')); \
            const one = all.find(one => fits(one, 'tr, .red, li')) ?? all.find(one => fits(one, 'section, main')); if (!one) return false; one.setAttribute('data-chosen', ''); one.scrollIntoView({block: 'center'}); return true";
        let found = poll::within(SOON, || self.browser.run(mark, &json!([write, near])) == json!(true));
        assert!(found, "no action {write} near {near:?}:\n{}", self.browser.text());
        // The page may be drawn anew in between, and the mark with it.
        let asks = poll::within(SOON, || {
            self.browser.value("document.querySelector('dialog[open] form') !== null") == json!(true) || {
                self.browser.run(mark, &json!([write, near]));
                self.browser.try_click("[data-chosen]");
                false
            }
        });
        assert!(asks, "{write} near {near:?} opens no dialog:\n{}", self.browser.text());
        for (name, value) in fields {
            if self.browser.value(&format!("document.querySelector('dialog [name={name}]').tagName"))
                == json!("SELECT")
            {
                self.browser.click(&format!("dialog [name={name}] option[value='{value}']"));
            } else {
                self.browser.fill(&format!("dialog [name={name}]"), value);
            }
        }
        self.browser.click("dialog button[type=submit]");
        self.says(write, &[done]);
    }

    pub(crate) fn html(&self, css: &str) -> Value {
        self.browser.run("return document.querySelector(arguments[0])?.innerText ?? ''", &json!([css]))
    }
}
