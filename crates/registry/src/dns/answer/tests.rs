use std::time::Duration;

use hickory_proto::serialize::binary::BinEncodable as _;
use tokio::time::Instant;
use wellspring_test_support::long;
use wellspring_wire::eureka::{InstanceInfo, Metadata, PortInfo, Status};

use super::*;
use crate::state::Rules;
use crate::{Caller, Clock};

fn instance(app: &str, id: &str, ip: &str, port: i32) -> InstanceInfo {
    InstanceInfo {
        app: app.to_uppercase(),
        instance_id: Some(id.to_owned()),
        host_name: format!("{id}.internal"),
        ip_addr: ip.to_owned(),
        port: PortInfo { port, enabled: true },
        vip_address: Some(format!("{app}-vip,Other")),
        ..InstanceInfo::default()
    }
}

fn answers(instances: impl IntoIterator<Item = InstanceInfo>) -> Answers {
    let node = Arc::new(Node::new(Rules::default(), Duration::from_secs(30), Clock::default()));
    for instance in instances {
        node.register(instance, Caller::CLIENT);
    }
    Answers::new(node, Zone::parse("wellspring").unwrap(), 5, "10.9.9.9".parse().ok())
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn asked(answers: &Answers, question: &Message, transport: Transport) -> Message {
    let (bytes, code) = answers.answer(&question.to_bytes().unwrap(), transport).unwrap();
    let message = Message::from_vec(&bytes).unwrap();
    // By number: 16 has two names.
    let read = u16::from(message.metadata.response_code);
    assert_eq!((message.metadata.id, read), (question.metadata.id, u16::from(code)));
    message
}

fn get(answers: &Answers, name: &str, kind: RecordType) -> Message {
    asked(answers, &question(name, kind), Transport::Udp)
}

fn texts(records: &[Record]) -> Vec<String> {
    let mut texts: Vec<_> =
        records.iter().map(|record| format!("{} {} {}", record.name, record.ttl, record.data)).collect();
    texts.sort();
    texts
}

#[test]
fn a_service_has_addresses_and_ports() {
    let mut weighed = instance("orders", "o2", "10.0.0.2", 8082);
    weighed.metadata = Metadata::from_iter([("weight".to_owned(), "7".to_owned())]);
    weighed.secure_port = PortInfo { port: 8443, enabled: true };
    let answers = answers([
        instance("orders", "o1", "10.0.0.1", 8081),
        weighed,
        instance("orders", "o3", "10.0.0.1", 8083),
        instance("orders", "o4", "2001:db8::4", 8084),
        instance("orders", "o5", "o5.example.org", 8085),
    ]);
    let v4 = get(&answers, "Orders.service.wellspring.", RecordType::A);
    assert!(v4.metadata.authoritative && !v4.metadata.recursion_available);
    assert_eq!(
        texts(&v4.answers),
        ["Orders.service.wellspring. 5 10.0.0.1", "Orders.service.wellspring. 5 10.0.0.2"]
    );
    let v6 = get(&answers, "orders.service.wellspring.", RecordType::AAAA);
    assert_eq!(texts(&v6.answers), ["orders.service.wellspring. 5 2001:db8::4"]);
    for name in ["_orders._tcp.service.wellspring.", "_orders._tcp.wellspring.", "orders.service.wellspring."]
    {
        let srv = asked(&answers, &question(name, RecordType::SRV), Transport::Tcp);
        let expected = [
            format!("{name} 5 0 1 8081 0a000001.addr.wellspring."),
            format!("{name} 5 0 1 8083 0a000001.addr.wellspring."),
            format!("{name} 5 0 1 8084 20010db8000000000000000000000004.addr.wellspring."),
            format!("{name} 5 0 1 8085 o5.internal."),
            format!("{name} 5 0 7 8443 0a000002.addr.wellspring."),
        ];
        assert_eq!(texts(&srv.answers), expected);
        assert_eq!(srv.additionals.len(), 3, "an address beside each host of ours");
    }
    let host = get(&answers, "0a000001.addr.wellspring.", RecordType::A);
    assert_eq!(texts(&host.answers), ["0a000001.addr.wellspring. 5 10.0.0.1"]);
    let any = get(&answers, "orders.service.wellspring.", RecordType::ANY);
    assert!(any.answers.iter().any(|record| record.record_type() == RecordType::SRV));
    assert!(any.answers.iter().any(|record| record.record_type() == RecordType::AAAA));
}

#[test]
fn virtual_addresses_stand_in_for_names_that_no_application_has() {
    let answers = answers([instance("a", "a1", "10.0.0.1", 1), instance("b", "b1", "10.0.0.2", 2)]);
    let addresses = |name: &str| get(&answers, name, RecordType::A).answers.len();
    assert_eq!(addresses("a-vip.service.wellspring."), 1);
    assert_eq!(addresses("other.service.wellspring."), 2);
    assert_eq!(addresses("a.service.wellspring."), 1);
}

#[test]
fn only_what_is_up_is_answered_and_at_once() {
    let answers = answers([instance("a", "1", "10.0.0.1", 1), instance("a", "2", "10.0.0.2", 2)]);
    let addresses = || texts(&get(&answers, "a.service.wellspring.", RecordType::A).answers).len();
    assert_eq!(addresses(), 2);
    answers.node.override_status("A", "1", Status::OutOfService, None, Caller::CLIENT);
    assert_eq!(addresses(), 1);
    let host = get(&answers, "0a000001.addr.wellspring.", RecordType::A);
    assert_eq!(host.answers.len(), 1, "its host's name can still be looked up");
    answers.node.cancel("A", "2", Caller::CLIENT);
    let none = get(&answers, "a.service.wellspring.", RecordType::A);
    assert_eq!((none.answers.len(), none.metadata.response_code), (0, ResponseCode::NoError));
    answers.node.cancel("A", "1", Caller::CLIENT);
    let gone = get(&answers, "a.service.wellspring.", RecordType::A);
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn empty_answers_carry_the_soa() {
    let answers = answers([instance("a", "1", "10.0.0.1", 1)]);
    for (name, kind, code) in [
        ("none.service.wellspring.", RecordType::A, ResponseCode::NXDomain),
        ("_none._tcp.wellspring.", RecordType::SRV, ResponseCode::NXDomain),
        ("none.wellspring.", RecordType::A, ResponseCode::NXDomain),
        ("0a0000ff.addr.wellspring.", RecordType::A, ResponseCode::NXDomain),
        ("a.service.wellspring.", RecordType::AAAA, ResponseCode::NoError),
        ("a.service.wellspring.", RecordType::TXT, ResponseCode::NoError),
        ("_a._tcp.wellspring.", RecordType::A, ResponseCode::NoError),
        ("service.wellspring.", RecordType::A, ResponseCode::NoError),
        ("wellspring.", RecordType::A, ResponseCode::NoError),
    ] {
        let answer = get(&answers, name, kind);
        assert_eq!(answer.metadata.response_code, code, "{name}");
        assert!(answer.answers.is_empty() && answer.metadata.authoritative, "{name}");
        let [soa] = answer.authorities.as_slice() else { panic!("{name}: no SOA") };
        let RData::SOA(data) = &soa.data else { panic!("{name}: {soa}") };
        assert_eq!((soa.name.to_ascii().as_str(), soa.ttl, data.minimum), ("wellspring.", 5, 5));
    }
}

#[test]
fn the_zone_names_its_server() {
    let answers = answers([]);
    assert_eq!(
        texts(&get(&answers, "wellspring.", RecordType::NS).answers),
        ["wellspring. 5 ns.wellspring."]
    );
    assert_eq!(get(&answers, "wellspring.", RecordType::SOA).answers.len(), 1);
    assert_eq!(texts(&get(&answers, "ns.wellspring.", RecordType::A).answers), ["ns.wellspring. 5 10.9.9.9"]);
}

#[test]
fn what_is_not_ours_or_not_a_query_is_refused() {
    let answers = answers([]);
    let code = |message: &Message| asked(&answers, message, Transport::Udp).metadata.response_code;
    assert_eq!(code(&question("example.org.", RecordType::A)), ResponseCode::Refused);
    assert_eq!(code(&question("wellspring.", RecordType::AXFR)), ResponseCode::Refused);
    let mut update = question("wellspring.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&update), ResponseCode::NotImp);
    let mut two = question("wellspring.", RecordType::A);
    two.add_query(Query::query(Name::root(), RecordType::A));
    assert_eq!(code(&two), ResponseCode::FormErr);
    let mut future = question("wellspring.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    future.set_edns(edns);
    assert_eq!(u16::from(code(&future)), u16::from(ResponseCode::BADVERS));
    let mut chaos = question("wellspring.", RecordType::TXT);
    chaos.queries.iter_mut().for_each(|query| {
        query.set_query_class(DNSClass::CH);
    });
    assert_eq!(code(&chaos), ResponseCode::Refused);
    let mut response = question("wellspring.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert!(answers.answer(&response.to_bytes().unwrap(), Transport::Udp).is_none());
    assert!(answers.answer(b"short", Transport::Udp).is_none());
    let (broken, code) = answers.answer(&[1, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0], Transport::Udp).unwrap();
    assert_eq!((&broken[..2], code), (&[1_u8, 2][..], ResponseCode::FormErr));
}

#[test]
fn what_is_too_long_is_cut_and_said_so() {
    let many = (0..4000).map(|n| instance("a", &n.to_string(), &format!("10.0.{}.{}", n / 250, n % 250), 80));
    let answers = answers(many);
    let mut plain = question("_a._tcp.wellspring.", RecordType::SRV);
    let length = |question: &Message, transport| {
        let (bytes, _) = answers.answer(&question.to_bytes().unwrap(), transport).unwrap();
        let message = Message::from_vec(&bytes).unwrap();
        assert!(message.metadata.truncation && !message.answers.is_empty());
        bytes.len()
    };
    assert!((400..=512).contains(&length(&plain, Transport::Udp)));
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    plain.set_edns(edns);
    assert!((1100..=1232).contains(&length(&plain, Transport::Udp)));
    let tcp = length(&plain, Transport::Tcp);
    assert!((60_000..=65_535).contains(&tcp), "{tcp}: even TCP has an end");
}

/// Bytes at random, and good questions with bytes changed, cut off or doubled: an answer or none, never more than fits.
#[test]
fn long_malformed_questions_are_harmless() {
    let answers = answers((0..50).map(|n| instance("a", &n.to_string(), &format!("10.0.0.{n}"), 80)));
    let seed = long::seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut edns = question("_a._tcp.service.wellspring.", RecordType::SRV);
    edns.set_edns(Edns::new());
    let good = [edns, question("a.service.wellspring.", RecordType::A)].map(|one| one.to_bytes().unwrap());
    let end = Instant::now() + long::time(Duration::from_secs(1), Duration::from_secs(600));
    while Instant::now() < end {
        let mut packet = good[random.usize(0..good.len())].clone();
        for _ in 0..random.usize(0..6) {
            match random.u8(0..4) {
                0 => packet.truncate(random.usize(0..=packet.len())),
                1 => packet.extend((0..random.usize(0..40)).map(|_| random.u8(..)).collect::<Vec<_>>()),
                2 => packet = (0..random.usize(0..80)).map(|_| random.u8(..)).collect(),
                _ => {
                    if let Some(at) = (!packet.is_empty()).then(|| random.usize(0..packet.len())) {
                        packet[at] = random.u8(..);
                    }
                }
            }
        }
        if let Some((answer, _)) = answers.answer(&packet, Transport::Udp) {
            assert!(answer.len() <= 1232, "seed {seed}: {packet:02x?}");
            assert_eq!(answer[..2], packet[..2], "seed {seed}");
        }
    }
}
