//! Cipher texts go both ways between the original config server and ours, with every kind of key, and both answer alike.
//!
//! One JVM holds an original for each kind of key; beside each runs one of ours with the very same settings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use wellspring_test_support::http1::{Reply, Request};
use wellspring_test_support::{Daemon, Launch, port, spring, tools};

const TEXTS: &[&str] = &[
    "hello",
    "x",
    "grüße € 😀",
    "{x:y}z",
    "a=b&c=d+e f%41",
    "line\nbreak",
    "sixteen bytes ok",
    "{plain}{key:x}",
];

const TYPES: &[&str] = &[
    "text/plain",
    "text/plain;charset=ISO-8859-1",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "junk",
    "text/plain;charset=nope",
];

/// Bodies that are worth asking about: a type that cannot be read is refused whatever they are.
fn how_many(kind: &str) -> usize {
    if matches!(kind, "junk" | "text/plain;charset=nope") { 2 } else { usize::MAX }
}

/// Bodies of `/encrypt`, with prefixes of all kinds.
const PLAIN: &[&str] = &[
    "x",
    "x=",
    "a=b",
    "%",
    "%=",
    "=",
    "&",
    "a b",
    "a+b=",
    "a&b",
    "a=1&c&a=2",
    "grüße",
    "{key:}x",
    "{key:one}{key:one}x",
    "{key:nobody}x",
    "{secret:wrong}x",
    "{key}x",
    " {key:one}x",
    "{foo}x{a:b}y",
    "{a:b:c}x",
    "{name:n}x",
    "x{name:n}{a:b}y",
    "}x",
    "{x",
    "{a:b}{plain}{c:d}x",
    "{a:b\n}x",
];

/// Name, settings, aliases that may be named besides the default one.
type Kind = (&'static str, Vec<String>, Vec<&'static str>);

fn kinds(folder: &Path) -> Vec<Kind> {
    let store = |file: &str, form: &str, alias: &str| {
        vec![
            format!("--encrypt.key-store.location=file:{}", folder.join(file).display()),
            format!("--encrypt.key-store.type={form}"),
            "--encrypt.key-store.password=letmein".to_owned(),
            format!("--encrypt.key-store.alias={alias}"),
        ]
    };
    let with = |mut settings: Vec<String>, more: &[&str]| {
        settings.extend(more.iter().map(|setting| format!("--{setting}")));
        settings
    };
    let pem = include_str!("encryption/key.pem");
    let symmetric = || vec!["--encrypt.key=a symmetric key, é".to_owned()];
    vec![
        ("symmetric", symmetric(), vec![]),
        ("symmetric with salt", with(symmetric(), &["encrypt.salt=CAFEbabe01"]), vec![]),
        ("PEM", vec![format!("--encrypt.key={pem}")], vec![]),
        (
            "JKS",
            with(store("server.jks", "jks", "one"), &["encrypt.key-store.secret=first-secret"]),
            vec!["{key:two}{secret:second-secret}"],
        ),
        (
            "PKCS#12, PBES2 and AES, OAEP, GCM, salt",
            with(
                store("modern.p12", "pkcs12", "one"),
                &["encrypt.rsa.algorithm=oaep", "encrypt.rsa.strong=true", "encrypt.rsa.salt=abcdef12"],
            ),
            vec!["{key:two}"],
        ),
        (
            "PKCS#12, 3DES and RC2, GCM, salt that is no hex",
            with(
                store("legacy.p12", "pkcs12", "one"),
                &["encrypt.rsa.strong=true", "encrypt.rsa.salt=salt and pepper"],
            ),
            vec!["{key:two}"],
        ),
    ]
}

fn key_store(folder: &Path, file: &str, form: &str, alias: &str, secret: &str, flags: &[&str]) {
    let made = Command::new("keytool")
        .args(flags)
        .args([
            "-genkeypair",
            "-keyalg",
            "RSA",
            "-keysize",
            "2048",
            "-dname",
            "CN=config",
            "-validity",
            "3650",
        ])
        .args(["-storepass", "letmein", "-keypass", secret, "-alias", alias, "-storetype", form, "-keystore"])
        .arg(folder.join(file))
        .stderr(Stdio::null())
        .status()
        .expect("keytool");
    assert!(made.success(), "keytool: {file} {alias}");
}

/// An original and ours, side by side.
struct Pair {
    kind: &'static str,
    original: u16,
    ours: Daemon,
    named: Vec<&'static str>,
    differences: RefCell<Vec<String>>,
}

impl Pair {
    fn new(kind: &'static str, original: u16, ours: Daemon, named: Vec<&'static str>) -> Self {
        Self { kind, original, ours, named, differences: RefCell::default() }
    }

    fn told(self) -> Vec<String> {
        let kind = self.kind;
        self.differences.into_inner().into_iter().map(|text| format!("{kind}: {text}")).collect()
    }

    fn both(&self, request: &Request) -> (Reply, Reply) {
        (request.send(self.original).unwrap(), request.send(self.ours.port()).unwrap())
    }

    fn encrypt(port: u16, text: &str) -> String {
        let reply = Request::new("POST", "/encrypt")
            .header("Content-Type", "text/plain")
            .body(text)
            .send(port)
            .unwrap();
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
        reply.text()
    }

    fn decrypt(port: u16, cipher: &str) -> String {
        Request::new("POST", "/decrypt")
            .header("Content-Type", "text/plain")
            .body(cipher)
            .send(port)
            .unwrap()
            .text()
    }

    /// The same status, type and body.
    fn same(&self, request: &Request) {
        let (original, ours) = self.both(request);
        let shown = |reply: &Reply| {
            let kind = reply.header("content-type").unwrap_or_default().to_owned();
            let mut body =
                serde_json::from_str::<Value>(&reply.text()).unwrap_or_else(|_| Value::String(reply.text()));
            if let Some(fields) = body.as_object_mut() {
                fields.remove("timestamp");
            }
            format!("{} {kind} {body}", reply.status)
        };
        // Where the original fails on a text that is none of its own, ours says so: a documented difference.
        if original.status == 500 && ours.status == 400 {
            return;
        }
        let (ours, original) = (shown(&ours), shown(&original));
        if ours != original {
            let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
            let asked = format!("{} {} {:?} {body:?}", request.method, request.path, request.headers);
            self.differences.borrow_mut().push(format!("{asked}\n  original {original}\n  ours     {ours}"));
        }
    }
}

#[test]
fn cipher_texts_go_both_ways_with_every_kind_of_key() {
    if !tools::present("encryption as the original", &["java"]) {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    key_store(folder, "server.jks", "JKS", "one", "first-secret", &[]);
    key_store(folder, "server.jks", "JKS", "two", "second-secret", &[]);
    for alias in ["one", "two"] {
        key_store(folder, "modern.p12", "PKCS12", alias, "letmein", &[]);
        key_store(folder, "legacy.p12", "PKCS12", alias, "letmein", &["-J-Dkeystore.pkcs12.legacy"]);
    }
    let served = folder.join("served");
    fs::create_dir(&served).unwrap();
    let common = [
        "--spring.profiles.active=native".to_owned(),
        format!("--spring.cloud.config.server.native.search-locations=file:{}", served.display()),
        "--spring.cloud.config.server.native.add-label-locations=false".to_owned(),
    ];
    let kinds = kinds(folder);
    let ports: Vec<u16> = kinds.iter().map(|_| port::free()).collect();
    let mut java = Launch::program("java")
        .arg("-Xmx512m")
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-XX:+UseSerialGC")
        .arg("-jar")
        .arg(spring::jar_of("tests/originals/config", "config"))
        .patience(Duration::from_secs(240));
    for (at, ((_, settings, _), port)) in kinds.iter().zip(&ports).enumerate() {
        java = if at > 0 { java.arg("and") } else { java };
        java = java.arg(format!("--server.port={port}"));
        java = common.iter().chain(settings).fold(java, Launch::arg);
    }
    // The original decrypts inside of texts only when its key comes by bootstrap configuration.
    fs::write(folder.join("bootstrap.yml"), "encrypt.key: a symmetric key, é\n").unwrap();
    let text_port = port::free();
    let inside = "--spring.cloud.config.server.encrypt.plain-text-encrypt=true";
    java = java
        .arg("and")
        .arg(format!("--server.port={text_port}"))
        .arg("--spring.cloud.bootstrap.enabled=true")
        .arg(inside);
    java = java
        .arg(format!("--spring.cloud.bootstrap.additional-location=file:{}/bootstrap.yml", folder.display()));
    java = common.iter().fold(java, Launch::arg);
    // The last one answers when all do.
    let _original = java.port(text_port).start();
    let mut differences = Vec::new();
    for ((kind, settings, named), original) in kinds.into_iter().zip(ports) {
        let ours =
            common.iter().chain(&settings).fold(Launch::new("wellspring-config-server"), Launch::arg).start();
        let pair = Pair::new(kind, original, ours, named);
        both_ways(&pair);
        endpoints_answer_alike(&pair);
        texts_are_encrypted_alike(&pair);
        files_are_served_alike(&pair, &served);
        differences.extend(pair.told());
    }
    let ours = Launch::new("wellspring-config-server").arg("--encrypt.key=a symmetric key, é").arg(inside);
    let ours = common.iter().fold(ours, Launch::arg).start();
    let pair = Pair::new("inside of texts", text_port, ours, vec![]);
    texts_are_decrypted_alike(&pair, &served);
    differences.extend(pair.told());
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

fn both_ways(pair: &Pair) {
    let ours = pair.ours.port();
    for prefix in pair.named.iter().chain(&[""]) {
        for text in TEXTS {
            let plain = text.strip_prefix("{plain}").unwrap_or(text);
            // A text that begins like a prefix says `{plain}` first.
            let sent = if plain.starts_with('{') {
                format!("{prefix}{{plain}}{plain}")
            } else {
                format!("{prefix}{plain}")
            };
            for (from, to) in [(pair.original, ours), (ours, pair.original)] {
                let cipher = Pair::encrypt(from, &sent);
                assert!(cipher.starts_with(prefix), "{}: {cipher}", pair.kind);
                assert_eq!(Pair::decrypt(to, &cipher), plain, "{}: {cipher}", pair.kind);
            }
        }
    }
}

fn endpoints_answer_alike(pair: &Pair) {
    for path in ["/encrypt/status", "/key", "/key/app/default", "/key/app/dev,prod", "/key/app"] {
        pair.same(&Request::new("GET", path));
    }
    let cipher = Pair::encrypt(pair.original, "hello");
    let cut = |from: usize, to: usize| cipher.get(from..to).unwrap_or_default().to_owned();
    let mut flipped = cipher.clone().into_bytes();
    let last = flipped.len() - 6;
    flipped[last] = if flipped[last] == b'a' { b'b' } else { b'a' };
    let bodies = [
        cipher.clone(),
        cipher.to_uppercase(),
        format!("{cipher}="),
        format!("{cipher}\n"),
        format!(" {cipher}"),
        format!("{{cipher}}{cipher}"),
        format!("{{name:app}}{{profiles:dev}}{cipher}"),
        format!("{{name:app}}{{key:nobody}}{cipher}"),
        format!("{{key:nobody}}{cipher}"),
        format!("{{secret:wrong}}{cipher}"),
        format!("{{secret:wrong}}{{key:nobody}}{cipher}"),
        format!("{{secret:}}{cipher}"),
        format!("{{key:}}{cipher}"),
        format!("{{key}}{cipher}"),
        format!("{{foo}}x{{a:b}}{cipher}"),
        format!("{{key:one}}{cipher}="),
        format!("%zz{cipher}="),
        format!("{cipher}&x="),
        cipher.replace('+', " "),
        cut(0, 10),
        cut(0, cipher.len() - 8),
        cut(4, cipher.len()),
        "junk".to_owned(),
        "00".to_owned(),
        "AQIDBA==".to_owned(),
        "{".to_owned(),
        "{key:one}".to_owned(),
        "%".to_owned(),
        "=".to_owned(),
        "%=".to_owned(),
        "&".to_owned(),
        "a=b&c".to_owned(),
    ];
    for kind in TYPES {
        for body in bodies.iter().take(how_many(kind)) {
            let request =
                |path: &str| Request::new("POST", path).header("Content-Type", kind).body(body.as_str());
            pair.same(&request("/decrypt"));
            if *kind == "text/plain" {
                pair.same(&request("/decrypt/app/default"));
            }
        }
    }
    pair.same(&Request::new("POST", "/decrypt").body(cipher.as_str()));
    pair.same(&Request::new("POST", "/encrypt").header("Content-Type", "text/plain").body(""));
    pair.same(&Request::new("GET", "/encrypt"));
    pair.same(&Request::new("GET", "/decrypt"));
}

/// Cipher texts differ each time: what stands before them must be the same, and what they say.
fn texts_are_encrypted_alike(pair: &Pair) {
    for kind in TYPES {
        for body in PLAIN.iter().take(how_many(kind)) {
            let (original, ours) =
                pair.both(&Request::new("POST", "/encrypt").header("Content-Type", kind).body(*body));
            if original.status == 500 && ours.status == 400 {
                continue;
            }
            let shown = |reply: &Reply| {
                let text = reply.text();
                let is_cipher = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
                let prefixes = text.trim_end_matches(is_cipher);
                let says = (reply.status == 200).then(|| Pair::decrypt(pair.original, &text));
                (reply.status, says.is_some().then(|| prefixes.to_owned()), says)
            };
            let (ours, original) = (shown(&ours), shown(&original));
            if ours != original {
                let difference =
                    format!("POST /encrypt {kind} {body:?}\n  original {original:?}\n  ours     {ours:?}");
                pair.differences.borrow_mut().push(difference);
            }
        }
    }
}

/// Values of both, and values that are wrong.
fn files_are_served_alike(pair: &Pair, served: &Path) {
    let (theirs, ours) = (Pair::encrypt(pair.original, "theirs"), Pair::encrypt(pair.ours.port(), "ours é"));
    let mut yml = format!(
        "a: 1\nb: '{{cipher}}{theirs}'\nc: \"{{cipher}}{ours}\"\nplain: x\nl: ['{{cipher}}{theirs}', y]\nnot: 'in {{cipher}}{theirs}'\n\
         named: '{{cipher}}{{name:app}}{{profiles:default}}{theirs}'\nspace: '{{cipher}} {theirs}'\nafter: '{{cipher}}{theirs} '\n\
         folded: >-\n  {{cipher}}{theirs}\nempty: '{{cipher}}'\njunk: '{{cipher}}junk'\nnobody: '{{cipher}}{{key:nobody}}{theirs}'\n\
         noname: '{{cipher}}{{key:}}{theirs}'\nsecret: '{{cipher}}{{secret:wrong}}{theirs}'\nupper: '{{CIPHER}}{theirs}'\n"
    );
    for (at, prefix) in pair.named.iter().enumerate() {
        let theirs = Pair::encrypt(pair.original, &format!("{prefix}by another key"));
        yml.push_str(&format!("other{at}: '{{cipher}}{theirs}'\n"));
    }
    fs::write(served.join("app.yml"), &yml).unwrap();
    fs::write(
        served.join("other.properties"),
        format!("a=1\nb={{cipher}}{theirs}\nc={{cipher}}{ours}\nd={{cipher}}x\n"),
    )
    .unwrap();
    for path in [
        "/app/default",
        "/other/default",
        "/app-default.yml",
        "/app-default.json",
        "/other-default.properties",
        "/x/default/main/app.yml",
    ] {
        pair.same(&Request::new("GET", path));
    }
}

/// Values of configuration files that are served as text; anything else keeps its cipher texts.
fn texts_are_decrypted_alike(pair: &Pair, served: &Path) {
    let cipher = format!("{{cipher}}{}", Pair::encrypt(pair.original, "hello"));
    let umlaut = format!("{{cipher}}{}", Pair::encrypt(pair.ours.port(), "grüße"));
    for (name, text) in [
        (
            "t.yml",
            format!(
                "# c\na: '{cipher}'\nb: \"{umlaut}\"   # c\nc: {{x: '{cipher}'}}\nl: ['{cipher}', \"x\"]\nd: 'in {cipher}'\n"
            ),
        ),
        ("t.yaml", format!("a: '{umlaut}'\n---\nb: '{cipher}'\n")),
        (
            "t.json",
            format!("{{\"a\": \"{cipher}\", \"b\": [\"{umlaut}\", 1], \"c\": {{\"d\": \"x{cipher}\"}}}}\n"),
        ),
        ("t.properties", format!("a={cipher}\nb: {umlaut}\n# c\nc = x {cipher}\n")),
        ("t.txt", format!("a={cipher}\n")),
        ("t.xml", format!("<a>{cipher}</a>\n")),
    ] {
        fs::write(served.join(name), text).unwrap();
        pair.same(&Request::new("GET", &format!("/x/default/main/{name}")));
        pair.same(
            &Request::new("GET", &format!("/x/default/main/{name}"))
                .header("Accept", "application/octet-stream"),
        );
    }
}
