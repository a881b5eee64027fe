//! The shared connection beside a real Redis: passwords and TLS, lost connections, outages; and beside one that talks nonsense.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;
use wellspring_properties::{Environment, PropertySource};
use wellspring_redis::{Failure, Redis, Value};
use wellspring_test_support::broker;
use wellspring_test_support::{long, port};

/// For what answers.
const PATIENCE: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(90);

fn at(pairs: &[(&str, &str)]) -> Redis {
    let env = Environment::new(vec![PropertySource::of_pairs("test", pairs.iter().copied())], Vec::new());
    Redis::read(&env, PATIENCE).unwrap()
}

fn plain(port: u16) -> Redis {
    at(&[("spring.data.redis.port", &port.to_string())])
}

fn cli(port: u16, words: &[&str]) {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("ERR"), "{words:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_questions_share_a_connection_and_a_closed_one_is_made_anew() {
    let test = "many_questions_share_a_connection_and_a_closed_one_is_made_anew";
    let Some(mut server) = broker::Redis::start(test) else { return };
    let redis = plain(server.port());
    let questions = (0..200).map(|n| {
        let redis = redis.clone();
        tokio::spawn(async move {
            let (key, value) = (format!("key{n}"), n.to_string());
            redis.ask::<()>(&["SET", &key, &value]).await.unwrap();
            assert_eq!(redis.ask::<u64>(&["GET", &key]).await.unwrap(), n);
        })
    });
    for question in questions.collect::<Vec<_>>() {
        question.await.unwrap();
    }
    let clients: String = redis.ask(&["CLIENT", "LIST"]).await.unwrap();
    assert_eq!(clients.lines().count(), 1, "{clients}");

    cli(server.port(), &["client", "kill", "type", "normal"]);
    assert_eq!(redis.ask::<u64>(&["GET", "key7"]).await.unwrap(), 7);
    let all: Vec<Option<u64>> = redis.ask_all(&[&["GET", "key8"], &["GET", "none"]]).await.unwrap();
    assert_eq!(all, [Some(8), None]);
    let refused = redis.ask::<()>(&["HGET", "key7", "field"]).await.unwrap_err();
    assert!(matches!(&refused, Failure::Refused(why) if why.contains("WRONGTYPE")), "{refused}");
    assert_eq!(redis.ask::<String>(&["TYPE", "key7"]).await.unwrap(), "string");

    server.crash();
    assert!(matches!(redis.ask::<u64>(&["GET", "key7"]).await, Err(Failure::Away(_))));
    // Nobody tries a Redis again that was away a moment ago.
    let refusals = async {
        while !redis.ask::<u64>(&["GET", "key7"]).await.unwrap_err().to_string().contains("a moment ago") {}
    };
    tokio::time::timeout(SOON, refusals).await.unwrap();
    server.restart();
    let until = Instant::now() + SOON;
    while redis.ask::<u64>(&["GET", "key7"]).await != Ok(7) {
        assert!(Instant::now() < until, "redis is back and is not asked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Who is silent is away when the time is over.
    let port = server.port().to_string();
    let hasty = at(&[("spring.data.redis.port", &port), ("spring.data.redis.timeout", "1s")]);
    while hasty.ask::<u64>(&["GET", "key7"]).await != Ok(7) {
        assert!(Instant::now() < until, "redis answers nobody");
    }
    server.freeze();
    assert!(matches!(hasty.ask::<u64>(&["GET", "key7"]).await, Err(Failure::Away(_))));
    server.thaw();
}

fn certificate(folder: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    (write("cert.pem", made.cert.pem()), write("key.pem", made.signing_key.serialize_pem()))
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_databases_and_tls() {
    let Some(server) = broker::Redis::start("passwords_databases_and_tls") else { return };
    let (folder, secure) = (tempfile::tempdir().unwrap(), port::free());
    let (cert, key) = certificate(folder.path());
    for (name, value) in [
        ("tls-cert-file", cert.as_str()),
        ("tls-key-file", &key),
        ("tls-ca-cert-file", &cert),
        ("tls-auth-clients", "no"),
        ("tls-port", &secure.to_string()),
    ] {
        cli(server.port(), &["config", "set", name, value]);
    }
    cli(server.port(), &["acl", "setuser", "ada", "on", ">s3cret", "~*", "+@all"]);
    let url = format!("rediss://ada:s3cret@localhost:{secure}/3");
    let trust = ("spring.ssl.bundle.pem.own.truststore.certificate", cert.as_str());
    let redis = at(&[("spring.data.redis.url", &url), ("spring.data.redis.ssl.bundle", "own"), trust]);
    redis.ask::<()>(&["SET", "in", "three"]).await.unwrap();
    assert_eq!(redis.ask::<String>(&["ACL", "WHOAMI"]).await.unwrap(), "ada");
    assert_eq!(plain(server.port()).ask::<Option<String>>(&["GET", "in"]).await.unwrap(), None);

    let stranger = at(&[("spring.data.redis.url", &url)]);
    assert!(matches!(stranger.ask::<()>(&["PING"]).await, Err(Failure::Away(_))));
    let wrong = format!("redis://ada:hunter2@localhost:{}", server.port());
    let refused = at(&[("spring.data.redis.url", &wrong)]).ask::<()>(&["PING"]).await.unwrap_err();
    assert!(matches!(&refused, Failure::Away(why) if !why.contains("hunter2")), "{refused}");
}

/// Any bytes instead of an answer end in an answer or a failure, in time.
#[tokio::test(flavor = "multi_thread")]
async fn long_whatever_is_answered_the_question_ends() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let there = listener.local_addr().unwrap().port();
    let seed = long::seed();
    std::thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(seed);
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut asked = [0; 512];
            while stream.read(&mut asked).is_ok_and(|read| read > 0) {
                if stream.write_all(&nonsense(&mut random)).is_err() || random.u8(..4) == 0 {
                    break;
                }
            }
        }
    });
    let deadline = Instant::now() + long::time(Duration::from_secs(1), Duration::from_secs(600));
    let mut cases = 0_u64;
    while Instant::now() < deadline {
        let port = ("spring.data.redis.port", there.to_string());
        let redis = at(&[(port.0, &port.1), ("spring.data.redis.timeout", "20ms")]);
        for _ in 0..8 {
            // Whatever it is: it has ended.
            drop(redis.ask::<Value>(&["GET", "x"]).await);
            drop(redis.ask_all::<Vec<String>>(&[&["GET", "x"], &["GET", "y"]]).await);
            cases += 2;
        }
    }
    println!("{cases} questions");
}

fn nonsense(random: &mut fastrand::Rng) -> Vec<u8> {
    const PIECES: [&[u8]; 14] = [
        b"+OK\r\n",
        b"-ERR no\r\n",
        b":7\r\n",
        b"$3\r\nabc\r\n",
        b"$-1\r\n",
        b"*2\r\n",
        b"*-1\r\n",
        b"*99999999999\r\n",
        b"$99999999999\r\n",
        b"%1\r\n",
        b"\r\n",
        b">3\r\n",
        b"=15\r\ntxt:",
        b"(123\r\n",
    ];
    let mut bytes = Vec::new();
    for _ in 0..=random.u8(..6) {
        match PIECES.get(random.usize(..=PIECES.len())) {
            Some(piece) => bytes.extend_from_slice(piece),
            None => bytes.push(random.u8(..)),
        }
    }
    bytes
}
