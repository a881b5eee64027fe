//! The event decoder against anything that may stand in a message: it answers or refuses, never panics, and what it takes means
//! the same when it is written again. `WELLSPRING_SEED=17` runs one seed again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use wellspring_test_support::long;
use wellspring_wire::bus::{self, Destination, Event, Payload};

/// What is put in: parts of events, and what JSON readers stumble over.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-0",
    "1e999",
    "\\u0000",
    "\\ud800",
    "\\",
    "\u{feff}",
    "\"type\":",
    "\"id\":",
    "\"originService\":",
    "\"destinationService\":",
    "\"timestamp\":",
    "\"values\":",
    "\"ackId\":\"",
    "\"event\":",
    "AckRemoteApplicationEvent",
    "RefreshRemoteApplicationEvent",
    "EnvironmentChangeRemoteApplicationEvent",
    "9223372036854775808",
    "-1.5",
    "\"2026-01-01T00:00:00Z\"",
    " ",
    "\n",
    "\u{0}",
    "ü",
    "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
];

fn event(rng: &mut Rng) -> Event {
    let word = |rng: &mut Rng| {
        let length = rng.usize(0..12);
        (0..length)
            .map(|_| if rng.u8(..) < 40 { rng.char(..) } else { rng.alphanumeric() })
            .collect::<String>()
    };
    let payload = match rng.u8(0..6) {
        0 => Payload::Refresh,
        1 => Payload::Shutdown,
        2 => Payload::EnvironmentChange((0..rng.usize(0..4)).map(|_| (word(rng), word(rng))).collect()),
        3 => {
            let other = Event::new(word(rng), word(rng), Payload::Refresh);
            return Event::ack(&other, &word(rng), &word(rng), &word(rng));
        }
        4 => Payload::Unknown { type_info: Some(word(rng)), payload: None },
        _ => {
            let fields = serde_json::json!({ "order": {"n": rng.i64(..), word(rng): [word(rng)]} });
            let serde_json::Value::Object(fields) = fields else { unreachable!() };
            Payload::Custom { type_name: format!("App${}", rng.u8(..)), fields }
        }
    };
    let mut event = Event::new(word(rng), word(rng), payload);
    match rng.u8(0..8) {
        0 => event.destination = Destination::Null,
        1 => event.destination = Destination::Missing,
        2 => event.origin = None,
        _ => {}
    }
    event
}

fn damaged(rng: &mut Rng, mut body: Vec<u8>) -> Vec<u8> {
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(0..=body.len());
        match rng.u8(0..6) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] = rng.u8(..),
            2 => {
                let piece = rng.choice(PIECES).unwrap();
                body.splice(at..at, piece.bytes());
            }
            3 => {
                let end = rng.usize(at..=body.len());
                body.drain(at..end);
            }
            4 => {
                let end = rng.usize(at..=body.len());
                let copy = body[at..end].to_vec();
                body.splice(at..at, copy);
            }
            _ => {
                let nested = "[".repeat(rng.usize(1..400));
                body.splice(at..at, nested.bytes());
            }
        }
    }
    body
}

/// What must hold for any bytes.
fn check(body: &[u8]) {
    let read = Event::read(body);
    if let Ok(event) = &read {
        let written = event.to_json();
        let again = Event::read(&written).expect("what was written can be read");
        assert_eq!(&again, event);
        assert_eq!(again.to_json(), written);
        // What is told from the first bytes alone agrees with what decoding tells.
        if let (true, Some(hint)) = (bus::is_ack(&written), bus::ack_id_hint(&written)) {
            let Payload::Ack(ack) = &event.payload else { panic!("no ack") };
            assert_eq!(ack.id.as_deref().map(str::as_bytes), Some(hint));
        }
    }
    // None of these may panic on anything.
    bus::is_ack(body);
    bus::ack_id_hint(body);
}

#[test]
fn long_any_bytes_are_read_or_refused() {
    let one: Option<u64> = std::env::var_os("WELLSPRING_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let end = Instant::now() + long::time(Duration::from_millis(500), Duration::from_secs(600));
    let (mut seeds, mut cases) = (Rng::new(), 0_u64);
    while cases == 0 || one.is_none() && Instant::now() < end {
        cases += 1;
        let seed = one.unwrap_or_else(|| seeds.u64(..));
        let mut rng = Rng::with_seed(seed);
        let body = event(&mut rng).to_json();
        let broken = damaged(&mut rng, body.clone());
        let noise: Vec<u8> = (0..rng.usize(0..64)).map(|_| rng.u8(..)).collect();
        for body in [body, broken, noise] {
            let outcome = std::panic::catch_unwind(|| check(&body));
            assert!(outcome.is_ok(), "seed {seed}: {:?}", String::from_utf8_lossy(&body));
        }
    }
    println!("{cases} cases");
}

#[test]
fn deep_and_large_bodies_are_refused_without_harm() {
    let deep = format!(r#"{{"type":"X","originService":"a","a":{}"#, "[".repeat(1 << 20));
    assert!(Event::read(deep.as_bytes()).is_err());
    let many = format!(r#"{{"type":"X",{}"id":"1"}}"#, r#""k":1,"#.repeat(200_000));
    assert!(Event::read(many.as_bytes()).is_ok());
}
