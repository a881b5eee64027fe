//! The registry as a name server, asked by BIND's `dig` over UDP and TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod started;

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use started::{Started, instance};
use tokio::time::Instant;
use wellspring_test_support::{long, port, tools};

async fn registry(port: u16) -> Started {
    Started::with(&[
        ("wellspring.registry.dns.enabled", &true),
        ("wellspring.registry.dns.port", &port),
        ("wellspring.registry.dns.zone", &"svc.example.org"),
        ("wellspring.registry.dns.ttl", &"7s"),
    ])
    .await
}

/// What `dig` prints for `words`.
async fn dig(port: u16, words: &[&str]) -> String {
    let output = tokio::process::Command::new("dig")
        .args(["@127.0.0.1", "-p", &port.to_string(), "+time=30", "+tries=1"])
        .args(words)
        .output()
        .await
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn dig_finds_services_ports_and_what_is_not_there() {
    if !tools::present("the registry's name server", &["dig"]) {
        return;
    }
    let port = port::free();
    let node = registry(port).await;
    for (id, address) in [("o1", "10.0.0.1"), ("o2", "10.0.0.2")] {
        let mut one = instance("ORDERS", id);
        one["ipAddr"] = address.into();
        node.register(one).await;
    }
    assert_eq!(
        lines(&dig(port, &["+short", "orders.service.svc.example.org", "A"]).await),
        ["10.0.0.1", "10.0.0.2"]
    );
    let ports = dig(port, &["+short", "_orders._tcp.service.svc.example.org", "SRV"]).await;
    assert_eq!(
        lines(&ports),
        ["0 1 8080 0a000001.addr.svc.example.org.", "0 1 8080 0a000002.addr.svc.example.org."]
    );
    let whole = dig(port, &["orders.service.svc.example.org", "A"]).await;
    assert!(whole.contains("status: NOERROR") && whole.contains(" aa"), "{whole}");
    assert!(words(&whole).contains("orders.service.svc.example.org. 7 IN A 10.0.0.2"), "{whole}");
    let missing = dig(port, &["nobody.service.svc.example.org", "A"]).await;
    assert!(
        missing.contains("status: NXDOMAIN") && words(&missing).contains("SOA ns.svc.example.org."),
        "{missing}"
    );
    assert!(dig(port, &["example.com", "A"]).await.contains("status: REFUSED"));

    // Taken out of service: gone from the next answer.
    node.put("apps/ORDERS/o1/status?value=OUT_OF_SERVICE").send().await.unwrap();
    assert_eq!(dig(port, &["+short", "orders.service.svc.example.org", "A"]).await, "10.0.0.2\n");

    // More than a datagram holds: dig comes back over TCP by itself.
    for number in 0..100 {
        let mut one = instance("MANY", &format!("m{number}"));
        one["ipAddr"] = format!("10.1.0.{number}").into();
        node.register(one).await;
    }
    let many = dig(port, &["+short", "_many._tcp.svc.example.org", "SRV"]).await;
    assert_eq!(lines(&many).len(), 100);
    let cut = dig(port, &["+ignore", "+noedns", "_many._tcp.svc.example.org", "SRV"]).await;
    assert!(cut.contains(" tc"), "{cut}");
}

/// A resolver that keeps answers as long as they say, and asks the registry for what it does not know.
fn resolver(port: u16, registry: u16) -> std::process::Child {
    std::process::Command::new("dnsmasq")
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user="])
        .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file="])
        .arg(format!("--port={port}"))
        .arg(format!("--server=/svc.example.org/127.0.0.1#{registry}"))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_resolver_what_is_drained_is_gone_when_its_answers_are_too_old() {
    if !tools::present("the registry's name server behind a resolver", &["dig", "dnsmasq"]) {
        return;
    }
    const TTL: Duration = Duration::from_secs(3);
    let (own, kept) = (port::free(), port::free());
    let node = Started::with(&[
        ("wellspring.registry.dns.enabled", &true),
        ("wellspring.registry.dns.port", &own),
        ("wellspring.registry.dns.zone", &"svc.example.org"),
        ("wellspring.registry.dns.ttl", &"3s"),
    ])
    .await;
    for (id, address) in [("o1", "10.0.0.1"), ("o2", "10.0.0.2")] {
        let mut one = instance("ORDERS", id);
        one["ipAddr"] = address.into();
        node.register(one).await;
    }
    let mut dnsmasq = resolver(kept, own);
    let name = ["+short", "orders.service.svc.example.org", "A"];
    let told = Cell::new(Instant::now());
    node.until("the resolver", async || {
        told.set(Instant::now());
        lines(&dig(kept, &name).await) == ["10.0.0.1", "10.0.0.2"]
    })
    .await;
    let ports = dig(kept, &["+short", "_orders._tcp.service.svc.example.org", "SRV"]).await;
    assert_eq!(lines(&ports).len(), 2, "{ports}");

    node.put("apps/ORDERS/o1/status?value=OUT_OF_SERVICE").send().await.unwrap();
    let drained = Instant::now();
    let kept_so_far = dig(kept, &name).await;
    // Unless the machine was so slow that the answer is too old already.
    let is_young = told.get().elapsed() < TTL - Duration::from_secs(1);
    assert!(
        !is_young || lines(&kept_so_far).len() == 2,
        "the resolver keeps what it was told: {kept_so_far}"
    );
    node.until("the drained instance is gone", async || dig(kept, &name).await == "10.0.0.2\n").await;
    let took = drained.elapsed();
    dnsmasq.kill().unwrap();
    dnsmasq.wait().unwrap();
    // The resolver counts in whole seconds.
    assert!(!long::wanted() || took < TTL + Duration::from_millis(1500), "gone only after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_either_socket_harms_nobody() {
    let port = port::free();
    let node = registry(port).await;
    node.register(instance("A", "a1")).await;
    tokio::task::spawn_blocking(move || {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        for nonsense in [&b""[..], b"x", &[0xff; 12], &[0xff; 1400], &[0; 600]] {
            udp.send_to(nonsense, ("127.0.0.1", port)).unwrap();
        }
        let mut tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.write_all(&[0, 3, 1, 2, 3]).unwrap();
        assert_eq!(tcp.read(&mut [0; 16]).unwrap(), 0, "closed without an answer");
        // A question after all that: `a.service.svc.example.org A`.
        let mut question = vec![7, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in ["a", "service", "svc", "example", "org", ""] {
            question.push(u8::try_from(label.len()).unwrap());
            question.extend_from_slice(label.as_bytes());
        }
        question.extend_from_slice(&[0, 1, 0, 1]);
        udp.send_to(&question, ("127.0.0.1", port)).unwrap();
        let mut answer = [0; 512];
        let length = loop {
            let length = udp.recv(&mut answer).unwrap();
            if answer[..2] == [7, 7] {
                break length;
            }
        };
        assert_eq!(answer[3] & 0xf, 0);
        assert_eq!(answer[length - 4..length], [10, 0, 0, 1]);
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_is_none_ends_the_start_with_its_name() {
    let options = wellspring_daemon::Options::local()
        .with("wellspring.registry.dns.enabled", true)
        .with("wellspring.registry.dns.zone", "a..b");
    let error = wellspring_registry::app().start(options).await.err().unwrap();
    let text = format!("{error:?}");
    assert!(text.contains("wellspring.registry.dns.zone"), "{text}");
}
