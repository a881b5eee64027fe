//! Rules of the original that show only over time or between nodes; without sockets, on a clock of the test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use wellspring_registry::peers::address::Address;
use wellspring_registry::peers::batch::{Limits, Next};
use wellspring_registry::peers::client::Peer;
use wellspring_registry::state::Rules;
use wellspring_registry::view::{Format, Part, Whole};
use wellspring_registry::{Caller, Clock, Node};
use wellspring_wire::Millis;
use wellspring_wire::eureka::replication::{Action, ReplicationResponse};
use wellspring_wire::eureka::{
    ActionType, DataCenterInfo, Form, InstanceInfo, LeaseInfo, Metadata, Status, hashcode, json,
};

const START: i64 = 1_700_000_000_000;

struct World {
    node: Node,
    clock: Clock,
    time: Arc<AtomicI64>,
}

impl World {
    fn new(rules: Rules) -> Self {
        let time = Arc::new(AtomicI64::new(START));
        let shown = Arc::clone(&time);
        let clock = Clock::new(move || Millis(shown.load(Ordering::Relaxed)));
        let node = Node::new(rules, Duration::from_secs(30), clock.clone());
        node.with(|state, now| state.open(0, now));
        Self { node, clock, time }
    }

    fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// A peer, and what waits for it at each call.
    fn peer(&self) -> Arc<Peer> {
        let address = Address::parse("http://other:8761/eureka/").unwrap();
        let make = |address: &Address| Peer::new(address.clone(), Limits::default(), self.clock.clone());
        self.node.peers().replace(&[address], make).remove(0)
    }

    /// The actions that the peer is sent now.
    fn told(&self, peer: &Peer) -> Vec<Action> {
        self.pass(1);
        let mut actions = Vec::new();
        while let Next::Send(batch) = peer.next() {
            actions.extend(batch.items().iter().filter_map(|item| item.action));
            peer.finish(batch, wellspring_registry::peers::batch::Outcome::Delivered);
        }
        actions
    }

    fn list(&self, whole: Whole) -> String {
        String::from_utf8(self.node.whole(whole, Format::Json, Form::Full).plain().to_vec()).unwrap()
    }
}

fn instance(app: &str, id: &str) -> InstanceInfo {
    InstanceInfo {
        instance_id: Some(id.to_owned()),
        app: app.to_owned(),
        host_name: "h".to_owned(),
        ip_addr: "10.0.0.1".to_owned(),
        vip_address: Some("v1,v2".to_owned()),
        data_center_info: Some(DataCenterInfo::my_own()),
        last_dirty: Some(Millis(START)),
        ..InstanceInfo::default()
    }
}

#[test]
fn renewals_alone_do_not_change_a_list_until_it_is_too_old() {
    let world = World::new(Rules::default());
    world.node.register(instance("A", "1"), Caller::CLIENT);
    let renewed = |list: &str| {
        let (_, rest) = list.split_once("\"lastRenewalTimestamp\":").unwrap();
        rest.split(',').next().unwrap().parse::<i64>().unwrap()
    };
    let part = || {
        let bytes = world.node.part(Part::App("A".into()), Format::Json, Form::Full).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert_eq!((renewed(&world.list(Whole::Apps)), renewed(&part())), (START, START));
    world.pass(60);
    world.node.renew("A", "1", None, None, Caller::CLIENT);
    assert_eq!((renewed(&world.list(Whole::Apps)), renewed(&part())), (START, START), "as it was encoded");
    world.pass(121);
    let later = START + 60_000 + 90_000;
    assert_eq!((renewed(&world.list(Whole::Apps)), renewed(&part())), (later, later), "180 s old: made anew");
    assert_eq!(world.node.instance("A", "1").unwrap().lease.last_renewal, Millis(later));
}

#[test]
fn what_a_client_says_is_told_to_peers_what_a_peer_says_and_an_eviction_is_not() {
    let world = World::new(Rules { self_preservation: false, ..Rules::default() });
    let peer = world.peer();
    let node = &world.node;
    for (caller, expected) in [(Caller::CLIENT, true), (Caller::PEER, false)] {
        let mut told = Vec::new();
        node.register(instance("A", "1"), caller);
        told.extend(world.told(&peer));
        node.renew("A", "1", None, None, caller);
        told.extend(world.told(&peer));
        node.override_status("A", "1", Status::OutOfService, None, caller);
        told.extend(world.told(&peer));
        node.lift_override("A", "1", Status::Up, None, caller);
        told.extend(world.told(&peer));
        node.merge_metadata("A", "1", Metadata::from_iter([("k".to_owned(), "v".to_owned())]), caller);
        told.extend(world.told(&peer));
        node.cancel("A", "1", caller);
        told.extend(world.told(&peer));
        let all = [
            Action::Register,
            Action::Heartbeat,
            Action::StatusUpdate,
            Action::DeleteStatusOverride,
            Action::Register,
            Action::Cancel,
        ];
        assert_eq!(told, if expected { all.to_vec() } else { Vec::new() });
    }
    node.register(
        InstanceInfo { last_dirty: Some(Millis(START + 900_000)), ..instance("A", "2") },
        Caller::CLIENT,
    );
    world.told(&peer);
    world.pass(200);
    node.evict();
    assert!(node.find("2").is_none(), "evicted");
    assert_eq!(world.told(&peer), []);
}

#[test]
fn a_heartbeat_that_the_peer_does_not_know_is_followed_by_a_registration() {
    let world = World::new(Rules::default());
    let peer = world.peer();
    world.node.register(instance("A", "1"), Caller::CLIENT);
    world.told(&peer);
    world.node.renew("A", "1", None, None, Caller::CLIENT);
    world.pass(1);
    let Next::Send(batch) = peer.next() else { panic!("nothing to send") };
    let items = batch.items();
    peer.answered(&world.node, &items[0], ReplicationResponse { status: 404, entity: None });
    peer.finish(batch, wellspring_registry::peers::batch::Outcome::Delivered);
    assert_eq!(world.told(&peer), [Action::Register]);
    // One that knows better is believed, override included.
    let better = InstanceInfo {
        last_dirty: Some(Millis(START + 5)),
        overridden_status: Status::OutOfService,
        ..instance("A", "1")
    };
    peer.answered(
        &world.node,
        &items[0],
        ReplicationResponse { status: 409, entity: Some(Arc::new(better)) },
    );
    let known = world.node.find("1").unwrap();
    assert_eq!((known.last_dirty, known.status), (Some(Millis(START + 5)), Status::OutOfService));
    assert_eq!(world.told(&peer), [], "and told to nobody");
}

#[test]
fn a_change_leaves_the_delta_after_its_time_and_each_payload_has_a_number() {
    let world = World::new(Rules::default());
    world.node.register(instance("A", "1"), Caller::CLIENT);
    world.pass(100);
    world.node.register(instance("B", "2"), Caller::CLIENT);
    let first = world.list(Whole::Delta);
    assert!(first.contains("\"A\"") && first.contains("\"B\"") && first.contains("UP_2_"), "{first}");
    assert!(first.contains("\"versions__delta\":\"1\""), "{first}");
    world.pass(81);
    world.node.with(|state, now| state.sweep_recent(now));
    let later = world.list(Whole::Delta);
    assert!(!later.contains("\"name\":\"A\"") && later.contains("\"name\":\"B\""), "{later}");
    assert!(
        later.contains("UP_2_") && later.contains("\"versions__delta\":\"2\""),
        "of the whole registry: {later}"
    );
    world.pass(180);
    world.node.with(|state, now| state.sweep_recent(now));
    assert!(world.list(Whole::Delta).contains("\"application\":[]"));
}

#[test]
fn virtual_addresses_are_elements_of_a_list_and_nobody_is_an_answer() {
    let world = World::new(Rules::default());
    world.node.register(instance("A", "1"), Caller::CLIENT);
    let vip = |name: &str| {
        let bytes = world.node.part(Part::Vip(name.to_owned()), Format::Json, Form::Full).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    for (name, hash) in [("v1", "UP_1_"), ("v2", "UP_1_"), ("v1,v2", ""), ("v", ""), ("V1", "")] {
        let list = vip(name);
        let head = format!("{{\"applications\":{{\"versions__delta\":\"-1\",\"apps__hashcode\":\"{hash}\"");
        assert!(list.starts_with(&head), "{name}: {list}");
    }
    world.node.override_status("A", "1", Status::Down, None, Caller::CLIENT);
    assert!(vip("v2").contains("DOWN_1_"), "an element of a list is fresh, too");
}

/// Hash code and text of each list that shows the one instance of application A, in every format.
fn lists(node: &Node) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for format in [Format::Json, Format::Xml] {
        for form in [Form::Full, Form::Compact] {
            for whole in [Whole::Apps, Whole::Delta] {
                let payload = node.whole(whole, format, form);
                let mut unpacked = String::new();
                flate2::read::GzDecoder::new(&payload.gzip()[..]).read_to_string(&mut unpacked).unwrap();
                assert_eq!(unpacked.as_bytes(), payload.plain(), "compressed and plain are one list");
                all.push((format!("{whole:?} {format:?} {form:?}"), unpacked));
            }
            for part in [Part::Vip("v1".into()), Part::SecureVip("s1".into())] {
                let name = format!("{part:?} {format:?} {form:?}");
                let bytes = node.part(part, format, form).unwrap();
                all.push((name, String::from_utf8(bytes.to_vec()).unwrap()));
            }
        }
    }
    all
}

#[test]
fn every_kind_of_change_is_in_every_list_at_once() {
    let world = World::new(Rules { self_preservation: false, ..Rules::default() });
    let sent = || InstanceInfo { secure_vip_address: Some("s1".into()), ..instance("A", "1") };
    let colour = || Metadata::from_iter([("colour".to_owned(), "blue".to_owned())]);
    type Change<'a> = (&'a str, Box<dyn Fn(&Node) + 'a>, &'a str);
    let changes: [Change<'_>; 7] = [
        ("registered", Box::new(|node| node.register(sent(), Caller::CLIENT)), "UP_1_"),
        (
            "overridden",
            Box::new(|node| {
                node.override_status("A", "1", Status::OutOfService, None, Caller::CLIENT);
            }),
            "OUT_OF_SERVICE_1_",
        ),
        (
            "lifted",
            Box::new(|node| {
                node.lift_override("A", "1", Status::Down, None, Caller::CLIENT);
            }),
            "DOWN_1_",
        ),
        (
            "metadata",
            Box::new(|node| {
                node.merge_metadata("A", "1", colour(), Caller::CLIENT);
            }),
            "DOWN_1_",
        ),
        (
            "cancelled",
            Box::new(|node| {
                node.cancel("A", "1", Caller::CLIENT);
            }),
            "",
        ),
        ("registered again", Box::new(|node| node.register(sent(), Caller::CLIENT)), "UP_1_"),
        (
            "evicted",
            Box::new(|node| {
                world.pass(91);
                node.evict();
            }),
            "",
        ),
    ];
    for (what, change, hash) in &changes {
        lists(&world.node);
        change(&world.node);
        for (list, text) in lists(&world.node) {
            let shown = text.split_once("apps__hashcode").unwrap().1;
            let json = format!("\":\"{hash}\"");
            assert!(
                shown.starts_with(&json) || shown.starts_with(&format!(">{hash}<")),
                "{what}: {list}: {text}"
            );
            if *what == "metadata" {
                assert_eq!(text.contains("blue"), list.contains("Full"), "{list}: {text}");
            }
        }
        for (format, form) in [(Format::Json, Form::Full), (Format::Xml, Form::Compact)] {
            let application = world.node.part(Part::App("A".into()), format, form);
            assert_eq!(application.is_some(), !hash.is_empty(), "{what}");
            if let Some(text) = application {
                let status = hash.trim_end_matches("_1_");
                assert!(std::str::from_utf8(&text).unwrap().contains(status), "{what}");
            }
        }
    }
}

/// What a stock client does with a delta: replace, remove, compare the hash code.
fn apply(copy: &mut BTreeMap<(String, String), Arc<InstanceInfo>>, delta: &str) -> String {
    let delta = json::read_applications(delta.as_bytes()).unwrap();
    for instance in delta.instances() {
        let key = (instance.app.clone(), instance.id().to_owned());
        if instance.action_type == Some(ActionType::Deleted) {
            copy.remove(&key);
        } else {
            copy.insert(key, Arc::clone(instance));
        }
    }
    delta.hashcode
}

#[test]
fn who_applies_deltas_has_what_the_whole_list_has() {
    for seed in 0..64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new(Rules { self_preservation: false, ..Rules::default() });
        let node = &world.node;
        let mut copy = BTreeMap::new();
        let statuses = [Status::Up, Status::Down, Status::Starting, Status::OutOfService];
        for fetch in 0..60 {
            for _ in 0..random.usize(0..8) {
                let app = ["A", "B", "C"][random.usize(0..3)];
                // Overrides go by the id alone: the same one in two applications would be a matter of its own.
                let id = format!("{app}{}", random.u8(0..6));
                let status = statuses[random.usize(0..4)];
                match random.u8(0..8) {
                    0..=2 => {
                        let stamp = Some(Millis(START + random.i64(0..1000)));
                        let sent = InstanceInfo { status, last_dirty: stamp, ..instance(app, &id) };
                        node.register(sent, Caller::CLIENT);
                    }
                    3 => drop(node.cancel(app, &id, Caller::CLIENT)),
                    4 => drop(node.override_status(app, &id, status, None, Caller::CLIENT)),
                    5 => drop(node.lift_override(app, &id, status, None, Caller::CLIENT)),
                    6 => drop(node.renew(app, &id, None, None, Caller::CLIENT)),
                    _ => node.evict(),
                }
            }
            world.pass(random.i64(0..80));
            node.with(|state, now| state.sweep_recent(now));
            let told = apply(&mut copy, &world.list(Whole::Delta));
            assert_eq!(hashcode(copy.values().map(AsRef::as_ref)), told, "seed {seed}, fetch {fetch}");
            let list = json::read_applications(world.list(Whole::Apps).as_bytes()).unwrap();
            let listed: Vec<_> = list.instances().map(|one| (&one.app, one.id(), one.status)).collect();
            let copied: Vec<_> = copy.values().map(|one| (&one.app, one.id(), one.status)).collect();
            assert_eq!(copied, listed, "seed {seed}, fetch {fetch}");
        }
    }
}

#[test]
fn tasks_for_a_peer_wait_as_long_as_their_kind_allows() {
    let world = World::new(Rules::default());
    let peer = world.peer();
    let lease = LeaseInfo { renewal_interval: 5, ..LeaseInfo::default() };
    let kinds = |passed: i64| {
        let node = &world.node;
        node.register(InstanceInfo { lease, ..instance("A", "1") }, Caller::CLIENT);
        node.renew("A", "1", None, None, Caller::CLIENT);
        node.override_status("A", "1", Status::Down, None, Caller::CLIENT);
        node.lift_override("A", "1", Status::Up, None, Caller::CLIENT);
        node.register(instance("B", "2"), Caller::CLIENT);
        world.pass(passed);
        world.told(&peer)
    };
    use Action::{DeleteStatusOverride, Heartbeat, Register, StatusUpdate};
    assert_eq!(kinds(3), [Register, Heartbeat, StatusUpdate, DeleteStatusOverride, Register]);
    // A registration and a heartbeat are worth the renewal interval of their instance, which is 30 s for the second one.
    assert_eq!(kinds(6), [StatusUpdate, DeleteStatusOverride, Register]);
    assert_eq!(kinds(30), []);
}
