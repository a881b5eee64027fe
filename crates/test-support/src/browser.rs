//! Debian's Chromium, driven by plain WebDriver requests: what a page says, clicks, keys, the console's messages.
//!
//! A browser is a session of its own chromedriver and ends with it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http1::Request;
use crate::poll;
use crate::process::Guard;

/// Quiet, fast, and content with root, no GPU and no network.
const FLAGS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
    "--lang=en",
    "--window-size=1280,800",
];

/// One browser with one tab.
#[derive(Debug)]
pub struct Browser {
    session: String,
    port: u16,
    _driver: Guard,
    _folder: tempfile::TempDir,
}

impl Browser {
    /// # Panics
    /// When chromedriver or Chromium do not start.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("driver.log");
        let sink = File::create(&log).expect("a log");
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env("TMPDIR", folder.path());
        command.stdin(Stdio::null()).stdout(sink.try_clone().expect("a handle")).stderr(sink);
        let driver = Guard::spawn(&mut command).expect("chromedriver starts");
        let mut port = 0;
        poll::until("chromedriver says its port", Duration::from_secs(30), || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let named = said.split("started successfully on port ").nth(1);
            port = named.and_then(|rest| rest.split('.').next()?.trim().parse().ok()).unwrap_or_default();
            port != 0
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": FLAGS},
        }}});
        let answer = Request::new("POST", "/session").json(&wanted).send(port).expect("chromedriver answers");
        let session = answer.json()["value"]["sessionId"].as_str().map(str::to_owned);
        let session = session.unwrap_or_else(|| panic!("no session: {}", answer.text()));
        Self { session, port, _driver: driver, _folder: folder }
    }

    /// A command of this session; panics with the driver's words when it refuses.
    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::new(method, &format!("/session/{}{path}", self.session));
        let request = if method == "GET" { request } else { request.json(body) };
        let answer = request.send(self.port).expect("chromedriver answers");
        let value = answer.json()["value"].take();
        assert_eq!(answer.status, 200, "{method} {path}: {value}");
        value
    }

    #[track_caller]
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({"url": url}));
    }

    /// Runs a function's body with `arguments`; gives what it returns, or what its promise becomes.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &Value) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// The value of an expression.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.run(&format!("return ({expression})"), &json!([]))
    }

    /// The visible text.
    #[track_caller]
    pub fn text(&self) -> String {
        self.value("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true; the message shows the page.
    ///
    /// # Panics
    /// When it does not become true in time.
    #[track_caller]
    pub fn until(&self, what: &str, limit: Duration, expression: &str) {
        if !poll::within(limit, || self.value(expression) == json!(true)) {
            panic!("{what}: never {expression}\nat {}\n{}", self.value("location.href"), self.text());
        }
    }

    #[track_caller]
    fn find(&self, css: &str) -> String {
        let found = self.command("POST", "/element", &json!({"using": "css selector", "value": css}));
        let reference = found.as_object().and_then(|all| all.values().next()?.as_str().map(str::to_owned));
        reference.unwrap_or_else(|| panic!("no {css}: {found}"))
    }

    /// A real click, which needs the element to be seen.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let element = self.find(css);
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Types into a field, in place of what is there.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.command("POST", &format!("/element/{element}/clear"), &json!({}));
        self.command("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Presses keys wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        let actions: Vec<Value> = keys
            .chars()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        self.command(
            "POST",
            "/actions",
            &json!({"actions": [{"type": "key", "id": "keys", "actions": actions}]}),
        );
    }

    /// Messages of the console since the last time: script errors, refused content, failed requests.
    #[track_caller]
    pub fn messages(&self) -> Vec<String> {
        let all = self.command("POST", "/se/log", &json!({"type": "browser"}));
        let text = |one: &Value| format!("{} {}", one["level"].as_str().unwrap_or_default(), one["message"]);
        all.as_array().into_iter().flatten().map(text).collect()
    }

    /// As if the window were so large.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// As if the system were set to `light` or `dark`.
    #[track_caller]
    pub fn prefer(&self, colours: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": colours}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// A picture of what can be seen, as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path, decode: impl Fn(&str) -> Vec<u8>) {
        let picture = self.command("GET", "/screenshot", &Value::Null);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder for pictures");
        }
        fs::write(path, decode(picture.as_str().expect("a picture"))).expect("a picture is written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's group ends with the guard in any case.
        Request::new("DELETE", &format!("/session/{}", self.session)).send(self.port).ok();
    }
}
