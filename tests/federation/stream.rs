//! One live stream of all daemons: what happens anywhere is heard, it goes on where it was left, and outlives a daemon.

use std::io::{Read, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};
use wellspring_test_support::poll;

use super::{Platform, SOON, TOKEN, ask};

/// What a stream says, with a reader that has nothing else to do.
struct Reader {
    heard: Arc<Mutex<String>>,
    stream: std::net::TcpStream,
}

impl Reader {
    /// `last`: where it goes on.
    fn open(port: u16, last: Option<&str>) -> Self {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let last = last.map_or_else(String::new, |last| format!("Last-Event-ID: {last}\r\n"));
        let head = "GET /api/v1/stream?topics=daemon,admin,config,bus HTTP/1.1\r\nHost: 127.0.0.1\r\n";
        write!(stream, "{head}{last}Authorization: Bearer {TOKEN}\r\n\r\n").unwrap();
        let (heard, mut reading) = (Arc::new(Mutex::new(String::new())), stream.try_clone().unwrap());
        let text = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = reading.read(&mut bytes) {
                text.lock().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { heard, stream }
    }

    /// Data of the events, in the order in which they came.
    fn events(&self) -> Vec<Value> {
        let heard = self.heard.lock();
        let data = heard.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    fn hears(&self, what: &str, fits: impl Fn(&Value) -> bool) {
        poll::until(what, SOON, || self.events().iter().any(&fits));
    }

    /// The last place, once it names so many processes.
    fn place(&self, processes: usize) -> String {
        let mut place = String::new();
        poll::until("everybody is followed", SOON, || {
            let heard = self.heard.lock();
            let complete = heard.rsplit_once('\n').map_or("", |(complete, _)| complete);
            let last = complete.lines().filter_map(|line| line.strip_prefix("id: ")).next_back();
            place = last.unwrap_or_default().to_owned();
            place.split('~').count() == processes
        });
        place
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.stream.shutdown(std::net::Shutdown::Both));
    }
}

/// One stream tells what happens at every daemon, goes on where it was left, and outlives a daemon.
pub(crate) fn one_stream_tells_of_everybody(platform: &mut Platform) {
    let pin = |method: &str, body: Option<&Value>| {
        let path = if method == "POST" { "/config/pins" } else { "/config/pins/main" };
        let (status, answer) = platform.ask(TOKEN, method, path, body);
        assert_eq!(status, 200, "{answer}");
        answer["event"].clone()
    };
    let of = |daemon: &'static str, kind: &'static str, id: Value| {
        move |event: &Value| event["daemon"] == daemon && event["kind"] == kind && event["id"] == id
    };
    let reader = Reader::open(platform.admin, None);
    let place = reader.place(5);
    let pinned = pin("POST", Some(&json!({"commit": "main", "reason": "watched"})));
    reader.hears("what the config server did", of("config-server", "pinned", pinned.clone()));
    let (_, switched) = ask(
        platform.gateway_admin,
        TOKEN,
        "POST",
        "/routes/stock/enabled",
        Some(&json!({"enabled": true, "reason": "watched"})),
    );
    reader.hears("what the gateway did", of("gateway", "route enabled", switched["event"].clone()));
    let unpinned = pin("DELETE", None);
    let later = Reader::open(platform.admin, Some(&place));
    for (kind, id) in [("pinned", pinned.clone()), ("unpinned", unpinned.clone())] {
        later.hears("what was missed meanwhile", of("config-server", kind, id));
    }
    later.hears("and elsewhere", of("gateway", "route enabled", switched["event"].clone()));
    let twice =
        later.events().iter().filter(|event| of("config-server", "pinned", pinned.clone())(event)).count();
    assert_eq!((twice, later.heard.lock().contains("event: reset")), (1, false), "once, and nothing is lost");

    // One that is killed is missing, and nothing else.
    platform.config.take().unwrap().kill();
    let (_, switched) = platform.ask(
        TOKEN,
        "POST",
        "/routes/stock/enabled",
        Some(&json!({"enabled": true, "reason": "watched on"})),
    );
    for reader in [&reader, &later] {
        reader.hears("the others are still heard", of("gateway", "route enabled", switched["event"].clone()));
    }
}
