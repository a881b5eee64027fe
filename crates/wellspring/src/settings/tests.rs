//! Every setting of the originals has an answer, and the answer is the truth.

use std::collections::BTreeSet;

use wellspring_properties::{Environment, Problem, PropertySource};

use super::keys::{Kind, all};
use super::*;

#[test]
fn no_setting_of_the_originals_is_unclassified() {
    assert!(all().count() > 3_000, "the metadata is there");
    let unclassified: Vec<_> = all().map(|key| key.name).filter(|name| find(name).is_none()).collect();
    assert!(unclassified.is_empty(), "{unclassified:#?}");
}

#[test]
fn no_prefix_stands_twice_and_every_row_says_what_to_do() {
    let mut seen = BTreeSet::new();
    for row in rows() {
        assert!(seen.insert(canonical(row.prefix).into_owned()), "{} stands twice", row.prefix);
        assert!(!row.remark.is_empty(), "{}", row.prefix);
    }
}

/// What a file may say for a setting of this kind.
fn value(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "true",
        Kind::Int | Kind::Number => "1",
        Kind::Time => "1s",
        Kind::Size => "1MB",
        Kind::Text | Kind::List | Kind::Map | Kind::Other => "x",
    }
}

/// Whether the daemon that reads the prefix says of the key that nothing reads it.
fn is_unread(name: &str, kind: Kind) -> Option<bool> {
    let check: fn(&Environment) -> Vec<Problem> = match () {
        () if name.starts_with("server.")
            || name.starts_with("logging.")
            || name.starts_with("management.tracing.") =>
        {
            wellspring_daemon::check
        }
        () if name.starts_with("eureka.server.")
            || name.starts_with("eureka.dashboard.")
            || name.starts_with("eureka.instance.") =>
        {
            wellspring_registry::Config::check
        }
        () if name.starts_with("spring.cloud.config.server.") => wellspring_config_server::check,
        () if name.starts_with("spring.rabbitmq.") || name.starts_with("spring.cloud.bus.") => {
            wellspring_bus::check
        }
        () => return None,
    };
    let member = match kind {
        Kind::Map => format!("{name}.member"),
        _ => name.to_owned(),
    };
    let source = PropertySource::of_pairs("file", [(member.as_str(), value(kind))]);
    let env = Environment::new(vec![source], Vec::new());
    let about = |problem: &Problem| {
        problem.code == wellspring_properties::codes::UNKNOWN_KEY && problem.message.contains(name)
    };
    Some(check(&env).iter().any(about))
}

/// The table against the code: what is called supported is bound by somebody, what nobody binds is not called supported.
#[test]
fn the_tables_say_what_the_daemons_do() {
    // Bound beside the settings of the server, in places of their own.
    let read_elsewhere = ["server.reactive.session.timeout"];
    let wrong: Vec<_> = all()
        .filter(|key| !read_elsewhere.contains(&key.name))
        .filter(|key| {
            let supported = fate(key.name).support == Support::Supported;
            is_unread(key.name, key.kind).is_some_and(|unread| unread && supported)
        })
        .map(|key| key.name)
        .collect();
    assert!(wrong.is_empty(), "called supported, and read by nobody: {wrong:#?}");
}

#[test]
fn keys_have_the_fate_of_their_longest_prefix() {
    for (key, support) in [
        ("server.tomcat.max-connections", Support::Supported),
        ("server.tomcat.threads.max", Support::Ignored),
        ("spring.cloud.config.server.git.repos.team.uri", Support::Supported),
        ("spring.cloud.config.server.composite[0].type", Support::Supported),
        ("spring.cloud.config.server.awsSecretsmanager.region", Support::Ignored),
        ("spring.cloud.config.uri", Support::Supported),
        ("spring.cloud.gateway.routes[0].id", Support::Supported),
        ("spring.cloud.gateway.httpclient.wiretap", Support::Ignored),
        ("spring.cloud.gateway.server.webflux.routes[0].filters[1]", Support::Supported),
        ("spring.cloud.gateway.mvc.routes[0].id", Support::Different),
        ("eureka.client.serviceUrl.defaultZone", Support::Supported),
        ("resilience4j.circuitbreaker.instances.orders.sliding-window-size", Support::Supported),
        ("spring.profiles.include[0]", Support::Supported),
        ("hystrix.command.default.x", Support::Different),
        ("orders.currency", Support::Own),
        ("serverside.port", Support::Own),
    ] {
        assert_eq!(fate(key).support, support, "{key}: {}", fate(key).remark);
    }
}

#[test]
fn a_slip_of_the_pen_is_told() {
    for (key, meant) in [
        ("eureka.client.registr-with-eureka", "eureka.client.register-with-eureka"),
        ("spring.rabbitmq.hots", "spring.rabbitmq.host"),
        (
            "spring.cloud.gateway.httpclient.conect-timeout",
            "spring.cloud.gateway.server.webflux.httpclient.connect-timeout",
        ),
    ] {
        let fate = fate(key);
        assert_eq!(fate.support, Support::Ignored, "{key}: {}", fate.remark);
        assert!(fate.remark.contains(meant), "{key}: {}", fate.remark);
    }
}
