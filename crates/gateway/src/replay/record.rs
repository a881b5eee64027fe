//! Requests as they were recorded: access-log lines (common, Combined, this gateway's JSON), `METHOD /path`, or a HAR file.

use serde_json::Value;

use crate::trace::{Described, Values};

/// What was read.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// As shown to people, and as it is traced.
    Request(String, Box<Described>),
    Unread(String),
}

/// Reads a whole file. Blank lines and those that begin with `#` are passed over.
#[must_use]
pub fn read(text: &str) -> Vec<Recorded> {
    if let Ok(har) = serde_json::from_str::<Value>(text)
        && let Some(entries) = har.pointer("/log/entries").and_then(Value::as_array)
    {
        return entries.iter().zip(1..).map(|(entry, number)| har_entry(entry, number)).collect();
    }
    text.lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(line, number)| self::line(line, number))
        .collect()
}

fn request(method: &str, path: &str, host: Option<&str>) -> Option<Recorded> {
    let legal =
        |method: &str| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    if !legal(method) || !path.starts_with('/') {
        return None;
    }
    let mut described =
        Described { method: method.to_owned(), path: path.to_owned(), ..Described::default() };
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        described.headers.insert("host".to_owned(), Values::One(host.to_owned()));
    }
    Some(Recorded::Request(format!("{method} {path}"), Box::new(described)))
}

fn line(line: &str, number: usize) -> Recorded {
    let found = if line.starts_with('{') {
        serde_json::from_str::<Value>(line).ok().and_then(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str);
            let peer = text("remote").and_then(|peer| peer.parse().ok());
            let mut recorded = request(text("method")?, text("uri")?, text("host"))?;
            if let (Recorded::Request(_, described), Some(peer)) = (&mut recorded, peer) {
                described.peer = peer;
            }
            Some(recorded)
        })
    } else if let Some((before, rest)) = line.split_once('"') {
        // `peer - user [time] "GET /path HTTP/1.1" 200 ..`
        let quoted = rest.split('"').next().unwrap_or_default();
        let mut words = quoted.split(' ');
        let recorded = words.next().zip(words.next()).and_then(|(method, path)| request(method, path, None));
        recorded.map(|mut recorded| {
            let peer = before.split(' ').next().and_then(|peer| peer.parse().ok());
            if let (Recorded::Request(_, described), Some(peer)) = (&mut recorded, peer) {
                described.peer = peer;
            }
            recorded
        })
    } else {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(path), None, None) => request("GET", path, None),
            (Some(method), Some(path), host) => request(method, path, host),
            _ => None,
        }
    };
    found.unwrap_or_else(|| {
        Recorded::Unread(format!("line {number}: {}", line.chars().take(120).collect::<String>()))
    })
}

fn har_entry(entry: &Value, number: usize) -> Recorded {
    let read = || {
        let asked = entry.get("request")?;
        let text = |name: &str| asked.get(name).and_then(Value::as_str);
        let url = url::Url::parse(text("url")?).ok()?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut recorded = request(text("method")?, &path, None)?;
        if let Recorded::Request(_, described) = &mut recorded {
            for header in asked.get("headers").and_then(Value::as_array).into_iter().flatten() {
                let (Some(name), Some(value)) =
                    (header.get("name").and_then(Value::as_str), header.get("value").and_then(Value::as_str))
                else {
                    continue;
                };
                // HTTP/2 records its pseudo-headers too.
                if !name.starts_with(':') {
                    described.headers.insert(name.to_ascii_lowercase(), Values::One(value.to_owned()));
                }
            }
            let host = match url.port() {
                Some(port) => format!("{}:{port}", url.host_str()?),
                None => url.host_str()?.to_owned(),
            };
            described.headers.entry("host".to_owned()).or_insert(Values::One(host));
            described.secure = url.scheme() == "https";
        }
        Some(recorded)
    };
    read().unwrap_or_else(|| Recorded::Unread(format!("entry {number}")))
}

#[cfg(test)]
mod tests {
    use super::{Recorded, read};

    #[test]
    fn requests_are_found_in_whatever_recorded_them() {
        let text = "# comment\n/plain\nPOST /b?c=d h.example\n\
            10.0.0.7 - ana [21/Nov/2026:13:00:00 +0000] \"DELETE /x HTTP/1.1\" 200 5 3 r1\n\
            {\"method\":\"GET\",\"uri\":\"/j\",\"host\":\"h\",\"remote\":\"10.0.0.9\"}\nnonsense here too much\n";
        let shown: Vec<String> = read(text)
            .into_iter()
            .map(|recorded| match recorded {
                Recorded::Request(shown, described) => format!("{shown} from {}", described.peer),
                Recorded::Unread(line) => line,
            })
            .collect();
        assert_eq!(
            shown,
            [
                "GET /plain from 127.0.0.1",
                "POST /b?c=d from 127.0.0.1",
                "DELETE /x from 10.0.0.7",
                "GET /j from 10.0.0.9",
                "line 6: nonsense here too much",
            ]
        );
        let har = r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://shop.example:8443/a?b","headers":[{"name":":path","value":"x"},{"name":"X-A","value":"1"}]}},{}]}}"#;
        let read = read(har);
        let [Recorded::Request(shown, described), Recorded::Unread(_)] = read.as_slice() else {
            panic!("{read:?}")
        };
        assert_eq!((shown.as_str(), described.secure, described.headers.len()), ("GET /a?b", true, 2));
    }

    #[test]
    fn long_recordings() {
        let examples = [
            r#"10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /orders/7?x=1 HTTP/1.1" 200 5 "-" "curl/8""#,
            r#"{"method":"GET","path":"/a","host":"h","status":200}"#,
            "GET /orders/7\n# comment\n\nPOST /x",
            r#"{"log":{"entries":[{"request":{"method":"GET","url":"https://h:8/a?b=c","headers":[{"name":"a","value":"b"}]}}]}}"#,
        ];
        let words = [
            "\"",
            "\n",
            "GET ",
            " HTTP/1.1",
            "\"request\":",
            "\"url\":",
            "{",
            "}",
            "[",
            "]",
            "http://",
            "null",
            "\\",
            "%zz",
            "#",
        ];
        wellspring_test_support::fuzz::text("recorded requests", &examples, &words, |text, _| {
            for recorded in read(text) {
                if let Recorded::Request(_, described) = recorded {
                    assert!(!described.method.is_empty());
                }
            }
        });
    }
}
