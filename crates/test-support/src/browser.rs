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

/// For what a browser does at once on a machine that is not busy.
const PATIENCE: Duration = Duration::from_secs(60);
/// For an answer of the driver: a start of Chromium is one.
const HANGS: Duration = Duration::from_secs(180);
/// For a script, such as a look at a whole page; in milliseconds.
const SCRIPT: u32 = 110_000;

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
        poll::until("chromedriver says its port", PATIENCE, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let named = said.split("started successfully on port ").nth(1);
            port = named.and_then(|rest| rest.split('.').next()?.trim().parse().ok()).unwrap_or_default();
            port != 0
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "timeouts": {"script": SCRIPT},
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": FLAGS},
        }}});
        let answer = Request::new("POST", "/session")
            .json(&wanted)
            .patience(HANGS)
            .send(port)
            .expect("chromedriver answers");
        let session = answer.json()["value"]["sessionId"].as_str().map(str::to_owned);
        let session = session.unwrap_or_else(|| panic!("no session: {}", answer.text()));
        Self { session, port, _driver: driver, _folder: folder }
    }

    /// A command of this session; panics with the driver's words when it refuses.
    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.attempt(method, path, body).unwrap_or_else(|refusal| panic!("{method} {path}: {refusal}"))
    }

    /// The value, or the driver's words.
    #[track_caller]
    fn attempt(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let request = Request::new(method, &format!("/session/{}{path}", self.session));
        let request = if method == "GET" { request } else { request.json(body) };
        let request = request.patience(HANGS);
        let answer = request.send(self.port).expect("chromedriver answers");
        let value = answer.json()["value"].take();
        if answer.status == 200 { Ok(value) } else { Err(value) }
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

    /// Does these to an element. A page that lives may draw it anew between two commands, or has not drawn it yet.
    #[track_caller]
    fn on(&self, css: &str, commands: &[(&str, Value)]) {
        let mut refusal = Value::Null;
        let done = poll::within(PATIENCE, || {
            let tried = self.attempt("POST", "/element", &json!({"using": "css selector", "value": css}));
            let tried = tried.and_then(|found| {
                let element = found.as_object().and_then(|all| all.values().next()?.as_str());
                let element = element.ok_or_else(|| found.clone())?;
                let mut commands = commands.iter();
                commands.try_for_each(|(path, body)| {
                    self.attempt("POST", &format!("/element/{element}/{path}"), body).map(drop)
                })
            });
            tried.map_err(|words| refusal = words).is_ok()
        });
        assert!(done, "{css}: {refusal}");
    }

    /// A real click, which needs the element to be seen.
    #[track_caller]
    pub fn click(&self, css: &str) {
        self.on(css, &[("click", json!({}))]);
    }

    /// A real click, where that can be done now.
    #[track_caller]
    pub fn try_click(&self, css: &str) -> bool {
        let Ok(found) = self.attempt("POST", "/element", &json!({"using": "css selector", "value": css}))
        else {
            return false;
        };
        let element = found.as_object().and_then(|all| all.values().next()?.as_str());
        element.is_some_and(|element| {
            self.attempt("POST", &format!("/element/{element}/click"), &json!({})).is_ok()
        })
    }

    /// Types into a field, in place of what is there.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        self.on(css, &[("clear", json!({})), ("value", json!({"text": text}))]);
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
