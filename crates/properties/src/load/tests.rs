use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use parking_lot_free::Calls;

use super::{Imported, Importer, Loader};
use crate::{Environment, Problem, PropertySource};

/// The loader itself never waits: one poll is enough.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the loader waited"),
    }
}

/// What an importer was asked, without a lock type of its own.
mod parking_lot_free {
    use std::cell::RefCell;

    thread_local! {
        static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) struct Calls;

    impl Calls {
        pub(super) fn add(call: String) {
            CALLS.with_borrow_mut(|calls| calls.push(call));
        }

        pub(super) fn take() -> Vec<String> {
            CALLS.take()
        }
    }
}

struct Remote;

impl Importer for Remote {
    fn scheme(&self) -> &'static str {
        "configserver"
    }

    fn import<'a>(
        &'a self,
        location: &'a str,
        optional: bool,
        so_far: &'a Environment,
        profiles: &'a [String],
    ) -> Imported<'a> {
        let name = so_far.get("spring.application.name").unwrap_or_default();
        Calls::add(format!("{location}|{optional}|{name}|{}", profiles.join(",")));
        Box::pin(async move {
            if location == "down" {
                return Err(Problem::new("WS-1104", "down"));
            }
            let profile = profiles.join(",");
            Ok(vec![
                PropertySource::of_pairs(
                    "high",
                    [("a", format!("remote-{profile}")), ("spring.profiles.include", "x".into())],
                ),
                PropertySource::of_pairs("low", [("a", "low".to_owned()), ("low", profile)]),
            ])
        })
    }
}

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, args: &[&str], vars: &[(&str, &str)]) -> Result<Environment, Problem> {
        let loader = Loader::new()
            .defaults("a: defaults\nonly: defaults\n")
            .directory(self.path().to_owned())
            .args(args.iter().map(|a| (*a).to_owned()).collect())
            .vars(vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
            .importer(&Remote);
        ready(loader.load())
    }

    fn get(&self, args: &[&str], key: &str) -> Option<String> {
        self.load(args, &[]).unwrap().get(key)
    }
}

#[test]
fn precedence_is_that_of_spring_boot() {
    let files = Files::new(&[
        ("application.yml", "a: file\nspring.profiles.active: dev\n"),
        ("application-dev.yml", "a: profile\n"),
    ]);
    let json = ("SPRING_APPLICATION_JSON", r#"{"a":"json","list":[1,{"x":2}]}"#);
    let get = |args: &[&str], vars: &[(&str, &str)]| files.load(args, vars).unwrap().get("a").unwrap();
    assert_eq!(get(&["--a=arg"], &[json, ("A", "env")]), "arg");
    assert_eq!(get(&[], &[json, ("A", "env")]), "json");
    assert_eq!(get(&[], &[("A", "env")]), "env");
    assert_eq!(get(&[], &[]), "profile");
    assert_eq!(get(&["--spring.profiles.active=other"], &[]), "file");
    let env = files.load(&["--flag", "--l=1", "--l=2", "rest"], &[json]).unwrap();
    assert_eq!((env.get("flag").as_deref(), env.get("l").as_deref()), (Some(""), Some("1,2")));
    assert_eq!((env.get("only").as_deref(), env.get("list[1].x").as_deref()), (Some("defaults"), Some("2")));
    assert_eq!(env.active_profiles(), ["dev"]);
}

#[test]
fn directories_and_extensions_rank() {
    let files = Files::new(&[
        ("application.yaml", "a: 1\nyaml: 1\n"),
        ("application.yml", "a: 2\nyml: 2\n"),
        ("application.properties", "a=3\nprops=3\n"),
        ("config/application.yml", "b: 4\nprops: 4\n"),
        ("config/sub/application.yml", "b: 5\n"),
        ("application-default.yml", "d: default\nb: p\n"),
    ]);
    let env = files.load(&[], &[]).unwrap();
    let get = |key: &str| env.get(key).unwrap();
    assert_eq!(
        [get("a"), get("yaml"), get("yml"), get("props"), get("b"), get("d")],
        ["3", "1", "2", "4", "p", "default"]
    );
    assert!(env.active_profiles().is_empty());
}

#[test]
fn documents_are_chosen_by_profile_and_later_ones_win() {
    let text = "a: 1\nspring.profiles.active: dev\n---\nspring.config.activate.on-profile: dev & !prod\na: 2\n---\nspring.config.activate.on-profile: [prod, qa]\na: 3\n---\nb: last\n";
    let files = Files::new(&[("application.yml", text)]);
    assert_eq!(files.get(&[], "a").as_deref(), Some("2"));
    assert_eq!(files.get(&["--spring.profiles.active=qa"], "a").as_deref(), Some("3"));
    assert_eq!(files.get(&["--spring.profiles.active=dev,prod"], "a").as_deref(), Some("3"));
    assert_eq!(files.get(&[], "b").as_deref(), Some("last"));
}

#[test]
fn groups_unfold_and_includes_come_first() {
    let text = "spring:\n  profiles:\n    active: prod\n    include: base\n    group:\n      prod: [db, mq]\n      db: tls\n";
    let files = Files::new(&[
        ("application.yml", text),
        ("application-db.yml", "a: db"),
        ("application-mq.properties", "a=mq"),
        ("application-base.yml", "a: base"),
    ]);
    let env = files.load(&[], &[("SPRING_PROFILES_INCLUDE", "extra")]).unwrap();
    assert_eq!(env.active_profiles(), ["extra", "base", "prod", "db", "tls", "mq"]);
    assert_eq!(env.get("a").as_deref(), Some("mq"));
}

#[test]
fn imports_lie_above_the_file_that_asks() {
    let files = Files::new(&[
        (
            "application.yml",
            "a: file\nb: file\nspring:\n  application.name: orders\n  config.import: ['optional:none.yml', more/extra.yml, 'optional:configserver:http://${host:h}', more/]\n  profiles.active: dev\n",
        ),
        ("more/extra.yml", "b: extra\nc: extra\nspring.config.import: next.properties\n"),
        ("more/extra-dev.yml", "c: extra-dev\n"),
        ("more/next.properties", "n=next\nc=next\n"),
        ("more/application.yml", "dir: yes\n"),
    ]);
    let env = files.load(&[], &[]).unwrap();
    let get = |key: &str| env.get(key).unwrap();
    assert_eq!(
        [get("a"), get("b"), get("c"), get("n"), get("low"), get("dir")],
        ["remote-dev", "extra", "extra-dev", "next", "dev", "true"]
    );
    assert_eq!(Calls::take(), ["http://h|true|orders|default", "http://h|true|orders|dev"]);
    assert_eq!(env.active_profiles(), ["dev"], "profiles of remote sources are not taken");
}

#[test]
fn imports_are_asked_once_without_active_profiles() {
    let files = Files::new(&[("application.yml", "spring.config.import: 'configserver:'\n")]);
    assert_eq!(files.get(&[], "a").as_deref(), Some("remote-default"));
    assert_eq!(Calls::take(), ["|false||default"]);
}

#[test]
fn config_trees_are_read() {
    let files = Files::new(&[
        ("secrets/db/password", "s3cret\n"),
        ("secrets/..data/x", "no"),
        ("application.yml", "spring.config.import: configtree:secrets/\n"),
    ]);
    let env = files.load(&[], &[]).unwrap();
    assert_eq!(env.get("db.password").as_deref(), Some("s3cret"));
    assert!(!env.contains("x"));
}

#[test]
fn the_config_argument_replaces_the_usual_places() {
    let files = Files::new(&[
        ("application.yml", "a: usual"),
        ("my.yml", "a: mine\nspring.profiles.active: p"),
        ("my-p.yml", "b: p"),
        ("dir/application.yml", "a: dir"),
    ]);
    let load = |path: &str| {
        ready(
            Loader::new()
                .config_path(Some(files.path().join(path)))
                .directory(files.path().to_owned())
                .load(),
        )
    };
    let env = load("my.yml").unwrap();
    assert_eq!((env.get("a").as_deref(), env.get("b").as_deref()), (Some("mine"), Some("p")));
    assert_eq!(load("dir").unwrap().get("a").as_deref(), Some("dir"));
    assert_eq!(load("none.yml").unwrap_err().code, "WS-1101");
    assert_eq!(files.get(&["--spring.config.location=file:dir/"], "a").as_deref(), Some("dir"));
    assert_eq!(files.get(&["--spring.config.name=my"], "b").as_deref(), Some("p"));
    assert_eq!(files.get(&["--spring.config.additional-location=dir/"], "a").as_deref(), Some("dir"));
    assert_eq!(files.get(&["--spring.config.import=dir/"], "a").as_deref(), Some("dir"));
}

#[test]
fn bad_starts_say_why_and_where() {
    for (text, code, line) in [
        ("a: 1\nspring.config.import: none.yml\n", "WS-1101", 2),
        ("a: 1\nspring.config.import: strange:thing\n", "WS-1103", 2),
        ("spring.config.import: configserver:down\n", "WS-1104", 1),
        ("spring.config.import: a.txt\n", "WS-1103", 1),
        ("spring.profiles: dev\n", "WS-1105", 1),
        ("a: 1\n---\nspring.config.activate.on-profile: default\nspring.profiles.active: x\n", "WS-1105", 4),
        ("spring.config.activate.on-profile: a & b | c\n", "WS-1010", 1),
        ("a: b: c\n", "WS-1001", 1),
        ("spring.config.import: '${nope}'\n", "WS-1110", 1),
    ] {
        let files = Files::new(&[("application.yml", text)]);
        let problem = files.load(&[], &[]).unwrap_err();
        assert_eq!(problem.code, code, "{text}");
        assert_eq!(problem.place.map(|place| place.line), Some(line), "{text}");
    }
    let files = Files::new(&[]);
    assert_eq!(files.load(&[], &[("SPRING_APPLICATION_JSON", "{")]).unwrap_err().code, "WS-1008");
}

#[test]
fn files_that_import_each_other_are_read_once() {
    let files = Files::new(&[
        ("application.yml", "a: 1\nspring.config.import: b.yml\n"),
        ("b.yml", "b: 2\nspring.config.import: application.yml\n"),
    ]);
    assert_eq!(files.get(&[], "b").as_deref(), Some("2"));
}
