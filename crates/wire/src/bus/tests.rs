use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

const ENVELOPE: &str = r#""timestamp":1795241381872,"originService":"config-server:24888:aa5908a22732dbc3b46afe04c628e565","destinationService":"**","id":"d7a0c0e4-b4c5-4d91-95ca-e529a845d8cf""#;

fn read(body: &str) -> Event {
    Event::read(body.as_bytes()).unwrap()
}

fn refresh_with(field: &str) -> Result<Event, Unreadable> {
    Event::read(format!(r#"{{"type":"RefreshRemoteApplicationEvent",{field}}}"#).as_bytes())
}

#[test]
fn every_type_is_read_and_written_byte_for_byte() {
    for (kind, rest) in [
        ("RefreshRemoteApplicationEvent", ""),
        ("ShutdownRemoteApplicationEvent", ""),
        ("EnvironmentChangeRemoteApplicationEvent", r#","values":{"demo.message":"v é","tab":"\t\u001F"}"#),
        (
            "AckRemoteApplicationEvent",
            r#","ackId":"1","ackDestinationService":"**","event":"org.springframework.cloud.bus.event.RefreshRemoteApplicationEvent""#,
        ),
        ("AckRemoteApplicationEvent", r#","ackId":"1","ackDestinationService":null,"event":"x.Y""#),
        ("UnknownRemoteApplicationEvent", r#","typeInfo":"com.acme.X","payload":"eyJ9""#),
        ("BusApp$OrderPlacedEvent", r#","order":{"destination":"**","n":1},"list":[1.5,null]"#),
    ] {
        let body = format!(r#"{{"type":"{kind}",{ENVELOPE}{rest}}}"#);
        assert_eq!(String::from_utf8(read(&body).to_json()).unwrap(), body);
    }
}

#[test]
fn the_three_empty_destinations_differ() {
    let with = |field: &str| refresh_with(&format!(r#""originService":"a:1:x"{field}"#)).unwrap().destination;
    assert_eq!(with(""), Destination::Missing);
    assert_eq!(with(r#","destinationService":null"#), Destination::Null);
    assert_eq!(with(r#","destinationService":"""#), Destination::from(""));
}

#[test]
fn a_missing_origin_is_kept_a_null_one_refused() {
    assert_eq!(refresh_with(r#""destinationService":"**""#).unwrap().origin, None);
    let refused = refresh_with(r#""originService":null"#).unwrap_err().to_string();
    assert_eq!(refused, "field originService of RefreshRemoteApplicationEvent: expected a bus id, not null");
}

#[test]
fn a_missing_id_and_timestamp_are_made_up() {
    let before = Millis::now();
    let event = refresh_with(r#""originService":"a:1:x""#).unwrap();
    assert!(event.timestamp >= before);
    assert_eq!(event.id.len(), 36);
}

#[test]
fn timestamps_are_numbers_in_any_dress_but_not_dates() {
    for (written, millis) in [("5", 5), ("5.9", 5), (r#""5""#, 5), ("null", 0), ("-1", -1)] {
        assert_eq!(refresh_with(&format!(r#""timestamp":{written}"#)).unwrap().timestamp, Millis(millis));
    }
    for written in [r#""2026-11-21T06:10:03Z""#, "true", "[1]", "1e300"] {
        assert!(refresh_with(&format!(r#""timestamp":{written}"#)).is_err(), "{written}");
    }
}

#[test]
fn scalars_among_the_values_become_text() {
    let event = read(
        r#"{"type":"EnvironmentChangeRemoteApplicationEvent","values":{"a":5,"b":true,"c":"x","d":1.50}}"#,
    );
    let Payload::EnvironmentChange(values) = event.payload else { panic!("another type") };
    assert_eq!(values.values().collect::<Vec<_>>(), ["5", "true", "x", "1.50"]);
}

#[test]
fn values_that_are_no_object_of_texts_are_refused() {
    for values in
        ["", r#","values":null"#, r#","values":[]"#, r#","values":{"a":{}}"#, r#","values":{"a":null}"#]
    {
        let body = format!(r#"{{"type":"EnvironmentChangeRemoteApplicationEvent"{values}}}"#);
        assert!(Event::read(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn unknown_types_are_custom_events() {
    for (written, type_name) in [
        (r#""type":"NoSuchEvent","#, "NoSuchEvent"),
        (
            r#""type":"org.springframework.cloud.bus.event.RefreshRemoteApplicationEvent","#,
            "org.springframework.cloud.bus.event.RefreshRemoteApplicationEvent",
        ),
        ("", ""),
    ] {
        let event = read(&format!("{{{written}{ENVELOPE}}}"));
        assert_eq!(event.payload, Payload::Custom { type_name: type_name.to_owned(), fields: Map::new() });
        assert_eq!(event.class_name(), None);
    }
}

#[test]
fn what_is_no_json_object_is_refused() {
    for body in [&b"hello"[..], b"", b"[1]", b"{", b"null", b"\xff{}", b"\"x\""] {
        assert!(matches!(Event::read(body), Err(Unreadable::NotAnObject(_))), "{body:?}");
    }
}

#[test]
fn field_order_unknown_fields_and_what_follows_do_not_matter() {
    let event =
        read("\u{feff}{\"extra\":{\"a\":[1]},\"id\":7,\"type\":\"RefreshRemoteApplicationEvent\"} trailing");
    assert_eq!((event.id.as_str(), &event.payload), ("7", &Payload::Refresh));
}

#[test]
fn acks_are_told_from_their_first_bytes() {
    let event = Event::new("a:1:x", "**", Payload::Refresh);
    let body = Event::ack(&event, &event.class_name().unwrap(), "b:2:\"ackId\":\"no", "**").to_json();
    assert!(is_ack(&body));
    assert_eq!(ack_id_hint(&body), Some(event.id.as_bytes()));
    assert!(!is_ack(&event.to_json()));
    assert_eq!(ack_id_hint(&event.to_json()), None);
    assert_eq!(ack_id_hint(br#""ackId":"cut"#), None);
}

#[test]
fn an_ack_repeats_id_and_destination() {
    let mut event = Event::new("a:1:x", "", Payload::Refresh);
    event.destination = Destination::Null;
    let ack = Event::ack(&event, &event.class_name().unwrap(), "b:2:y", "**");
    assert_eq!(
        ack.payload,
        Payload::Ack(Ack {
            id: Some(event.id),
            destination: Destination::Null,
            class_name: Some(format!("{STANDARD}RefreshRemoteApplicationEvent")),
        })
    );
}

#[test]
fn applications_bring_their_own_events() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct OrderPlaced {
        n: u32,
    }
    impl RemoteEvent for OrderPlaced {
        const TYPE: &'static str = "BusApp$OrderPlacedEvent";
        const CLASS: &'static str = "peer.busapp.BusApp$OrderPlacedEvent";
    }
    let payload = Payload::custom(&OrderPlaced { n: 1 }).unwrap();
    assert_eq!(
        payload,
        Payload::Custom {
            type_name: "BusApp$OrderPlacedEvent".to_owned(),
            fields: json!({"n": 1}).as_object().unwrap().clone(),
        }
    );
    assert_eq!(payload.to_custom::<OrderPlaced>().unwrap().unwrap(), OrderPlaced { n: 1 });
    assert!(Payload::Refresh.to_custom::<OrderPlaced>().is_none());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body: Vec<u8>) {
        drop(Event::read(&body));
        ack_id_hint(&body);
    }

    #[test]
    fn what_is_written_is_read(origin: String, pattern: String, key: String, value: String) {
        let event = Event::new(origin, pattern, Payload::EnvironmentChange([(key, value)].into()));
        proptest::prop_assert_eq!(Event::read(&event.to_json()).unwrap(), event);
    }
}
