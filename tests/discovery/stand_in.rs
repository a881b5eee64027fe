//! A stand-in for Kubernetes' API server, by its documentation: list and watch of EndpointSlices with resource versions.
//!
//! Where the real one is (`kube-apiserver` in PATH) the same conversation is held with it too.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use wellspring_test_support::directory::TOKEN;

use super::kubernetes::SLICES;

/// What it holds; outlives a server that is stopped.
#[derive(Default)]
pub(crate) struct Store {
    objects: Mutex<Objects>,
    news: Condvar,
}

#[derive(Default)]
struct Objects {
    version: u64,
    by_name: BTreeMap<String, Value>,
    events: Vec<(u64, Value)>,
    /// Versions below this cannot be watched from any more.
    oldest: u64,
}

impl Store {
    /// Writes a slice, or takes it away.
    pub(crate) fn put(&self, name: &str, slice: Option<Value>) {
        let mut objects = self.objects.lock();
        objects.version += 1;
        let version = objects.version;
        let known = objects.by_name.remove(name);
        let (kind, mut object) = match (slice, known) {
            (Some(new), None) => ("ADDED", new),
            (Some(new), Some(_)) => ("MODIFIED", new),
            (None, known) => ("DELETED", known.unwrap()),
        };
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["metadata"]["namespace"] = json!("default");
        if kind != "DELETED" {
            objects.by_name.insert(name.to_owned(), object.clone());
        }
        objects.events.push((version, json!({"type": kind, "object": object})));
        self.news.notify_all();
    }

    /// Forgets what happened, as the real one does after a few minutes.
    pub(crate) fn forget(&self) {
        let mut objects = self.objects.lock();
        objects.events.clear();
        objects.oldest = objects.version;
    }
}

/// Listens until it is dropped; connections end with it.
pub(crate) struct StandIn {
    port: u16,
    stopped: Arc<AtomicBool>,
    store: Arc<Store>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    pub(crate) fn start(port: u16, store: &Arc<Store>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let mut server = Self {
            port: listener.local_addr().unwrap().port(),
            stopped: Arc::default(),
            store: Arc::clone(store),
            thread: None,
        };
        let (stopped, store) = (Arc::clone(&server.stopped), Arc::clone(store));
        server.thread = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (stopped, store) = (Arc::clone(&stopped), Arc::clone(&store));
                std::thread::spawn(move || answer(&stream.unwrap(), &store, &stopped).ok());
            }
        }));
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.store.news.notify_all();
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        // The port is free for the next one.
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn answer(stream: &TcpStream, store: &Store, stopped: &AtomicBool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut authorized = false;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        authorized |= line.eq_ignore_ascii_case(&format!("authorization: Bearer {TOKEN}"));
    }
    let target = first.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let mut out = stream;
    if !authorized || path != SLICES {
        let status = if authorized { "404 Not Found" } else { "401 Unauthorized" };
        return write!(out, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    write!(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
    if query.get("watch") != Some(&"true") {
        let objects = store.objects.lock();
        let items: Vec<&Value> = objects.by_name.values().collect();
        let version = objects.version.to_string();
        return write!(
            out,
            "{}",
            json!({"kind": "EndpointSliceList", "metadata": {"resourceVersion": version}, "items": items})
        );
    }
    let mut seen: u64 = query.get("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or(0);
    let mut objects = store.objects.lock();
    if seen < objects.oldest {
        let status = json!({"kind": "Status", "code": 410, "reason": "Expired"});
        return writeln!(out, "{}", json!({"type": "ERROR", "object": status}));
    }
    while !stopped.load(Ordering::Relaxed) {
        for (version, event) in &objects.events {
            if *version > seen {
                seen = *version;
                writeln!(out, "{event}")?;
            }
        }
        store.news.wait_for(&mut objects, Duration::from_millis(200));
    }
    Ok(())
}
