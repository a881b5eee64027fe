use super::*;

const A: &str = "orders:8081:aaaa";
const B: &str = "orders:dev,eu:8082:bbbb";

fn refresh(to: &str) -> Event {
    Event::new("config-server:8888:cccc", to, Payload::Refresh)
}

fn registry(instances: &[&str]) -> Registry {
    instances.iter().collect()
}

/// A log that has heard A and B.
fn log() -> AckLog {
    let mut log = AckLog::new(3);
    let event = refresh("**");
    log.sent(Millis(0), &event, true, &Registry::default());
    log.acknowledged(Millis(1), &event.id, A);
    log.acknowledged(Millis(2), &event.id, B);
    log
}

fn answers(log: &AckLog, event: &Event) -> Answers {
    log.entry(&event.id).unwrap().answers(&Registry::default())
}

#[test]
fn answers_tell_who_and_after_how_long() {
    let (mut log, event) = (log(), refresh("**"));
    log.sent(Millis(10), &event, true, &Registry::default());
    log.acknowledged(Millis(17), &event.id, A);
    assert_eq!(
        answers(&log, &event),
        Answers {
            acknowledged: [(A.to_owned(), 7)].into(),
            silent: vec![B.to_owned()],
            ..Answers::default()
        }
    );
    log.acknowledged(Millis(18), &event.id, B);
    assert!(log.entry(&event.id).unwrap().is_complete(&Registry::default()));
}

#[test]
fn only_those_who_are_meant_are_expected() {
    let (mut log, event) = (log(), refresh("orders:eu:**"));
    log.sent(Millis(10), &event, true, &registry(&["ORDERS:8081", "stock:9000"]));
    assert_eq!(answers(&log, &event).silent, [B]);
    assert!(answers(&log, &event).not_acknowledging.is_empty());
}

#[test]
fn registered_but_never_heard_is_not_acknowledging_until_it_answers() {
    let (mut log, event) = (log(), refresh("**"));
    let registry = registry(&["ORDERS:8081", "ORDERS:8082", "STOCK:9000"]);
    log.sent(Millis(10), &event, true, &registry);
    assert_eq!(answers(&log, &event).not_acknowledging, ["stock:9000"]);
    log.acknowledged(Millis(11), &event.id, "stock:9000:dddd");
    assert!(answers(&log, &event).not_acknowledging.is_empty());
}

#[test]
fn a_restarted_instance_replaces_its_earlier_self() {
    let (mut log, event) = (log(), refresh("orders:8081:**"));
    log.acknowledged(Millis(5), "unknown event", "orders:8081:new");
    log.sent(Millis(10), &event, true, &Registry::default());
    assert_eq!(answers(&log, &event).silent, ["orders:8081:new"]);
}

#[test]
fn those_unheard_for_a_day_are_not_expected() {
    let (mut log, event) = (log(), refresh("**"));
    log.sent(Millis(3) + std::time::Duration::from_hours(24), &event, true, &Registry::default());
    assert_eq!(log.entry(&event.id).unwrap().expected, []);
}

#[test]
fn the_ack_of_a_repetition_counts_for_the_first() {
    let (mut log, event) = (log(), refresh("**"));
    log.sent(Millis(10), &event, true, &Registry::default());
    let again = refresh(B);
    log.resent(Millis(20), &event.id, &again);
    assert!(log.knows(&again.id));
    assert!(log.acknowledged(Millis(25), &again.id, B).is_some());
    assert_eq!(answers(&log, &event).silent, [A]);
}

#[test]
fn acks_of_strangers_and_second_acks_change_nothing() {
    let (mut log, event) = (log(), refresh("**"));
    assert_eq!(log.acknowledged(Millis(5), "no such event", A), None);
    log.sent(Millis(10), &event, true, &Registry::default());
    assert_eq!(log.sent(Millis(11), &event, true, &Registry::default()), None);
    assert!(log.acknowledged(Millis(12), &event.id, A).is_some());
    assert_eq!(log.acknowledged(Millis(13), &event.id, A), None);
}

#[test]
fn the_oldest_event_makes_room() {
    let mut log = AckLog::new(2);
    let events = [refresh("**"), refresh("**"), refresh("**")];
    for (at, event) in (0..).zip(&events) {
        log.sent(Millis(at), event, true, &Registry::default());
    }
    let ids: Vec<_> = log.entries().map(|entry| entry.id.clone()).collect();
    assert_eq!(ids, [events[2].id.clone(), events[1].id.clone()]);
    assert!(!log.knows(&events[0].id));
}

#[test]
fn records_make_the_same_log_again() {
    let (mut log, event) = (log(), refresh("**"));
    log.sent(Millis(10), &event, true, &registry(&["STOCK:9000"]));
    log.acknowledged(Millis(12), &event.id, A);
    log.resent(Millis(20), &event.id, &refresh(B));
    let mut again = AckLog::new(3);
    for record in log.records() {
        let line = serde_json::to_string(&record).unwrap();
        again.apply(serde_json::from_str(&line).unwrap());
    }
    assert!(log.entries().eq(again.entries()));
    assert!(log.resent.iter().eq(again.resent.iter()));
}

#[test]
fn who_leaves_the_registry_is_not_called_silent() {
    let (mut log, event) = (AckLog::new(10), refresh("**"));
    let both = registry(&["orders:8081", "orders:8082", "legacy:1"]);
    log.sent(Millis(1), &event, true, &both);
    for id in [A, B, "elsewhere:7:eeee"] {
        log.acknowledged(Millis(2), &event.id, id);
    }
    // B leaves after the next event, before it answers.
    let next = refresh("**");
    log.sent(Millis(3), &next, true, &both);
    log.acknowledged(Millis(4), &next.id, A);
    let one = registry(&["orders:8081", "legacy:1"]);
    let answers = log.entry(&next.id).unwrap().answers(&one);
    assert_eq!((answers.left, answers.silent), (vec![B.to_owned()], vec!["elsewhere:7:eeee".to_owned()]));
    assert_eq!(answers.not_acknowledging, ["legacy:1"]);
    // Nobody waits for it in the one after that, not even after a restart.
    let mut again = AckLog::new(10);
    log.records().for_each(|record| again.apply(record));
    for mut log in [log, again] {
        let third = refresh("**");
        log.sent(Millis(5), &third, true, &one);
        assert_eq!(log.entry(&third.id).unwrap().answers(&one).silent, [A, "elsewhere:7:eeee"]);
    }
}
